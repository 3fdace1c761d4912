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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_has_the_line_that_shows_it_again() {
        let input = b"a\xff".to_vec();
        let finding = Finding { target: Target::Events, place: Some((1, 7)), input, what: "no".to_owned() };
        let told = finding.to_string();
        assert!(told.contains("cargo run -p fuzz -- events --seed 1 --case 7\n"), "{told}");
        assert!(told.ends_with("cargo run -p fuzz -- events --hex 61ff"), "{told}");
    }
}
