//! Something that must hold and does not, with the line that shows it again.

use crate::{Target, hex};
use std::fmt;

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was fuzzed.
    pub target: Target,
    /// The seed and the number of the case, if it has them.
    pub place: Option<(u64, u64)>,
    /// The input.
    pub input: Vec<u8>,
    /// What does not hold.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, place, input, what } = self;
        writeln!(f, "{target}: {what}")?;
        writeln!(f, "  input: {:?}", String::from_utf8_lossy(input))?;
        if let Some((seed, case)) = place {
            writeln!(f, "  replay: cargo run -p fuzz -- {target} --seed {seed} --case {case}")?;
        }
        write!(f, "  keep: cargo run -p fuzz -- {target} --hex {}", hex::encode(input))
    }
}
