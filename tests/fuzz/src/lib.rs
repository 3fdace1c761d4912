//! Fuzz targets that need nothing but stable Rust: seeded mutations of good inputs, and what must hold for whatever comes of them.
//!
//! ```text
//!   seed, case ─► Chance ─► mutate(seeds of the target) ─► check ─► Finding: one line that replays it
//! ```
//! A case depends on its seed and its number alone, so a finding needs no file.

pub mod chance;
pub mod finding;
pub mod hex;
pub mod mutate;
pub mod overseer;
pub mod target;

pub use finding::Finding;
pub use target::Target;

use chance::Chance;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The input of one case.
#[must_use]
pub fn input(target: Target, seed: u64, case: u64) -> Vec<u8> {
    let mut chance = Chance::new(seed, case);
    mutate::mutate(&mut chance, target.seeds(), target.words())
}

/// Runs one case.
///
/// # Errors
/// [`Finding`]: something that must hold does not.
pub fn run(target: Target, seed: u64, case: u64) -> Result<(), Finding> {
    let input = input(target, seed, case);
    check(target, &input).map_err(|what| Finding { target, place: Some((seed, case)), input, what })
}

/// Checks one input. A panic is a broken invariant like any other.
///
/// # Errors
/// What does not hold, in words.
pub fn check(target: Target, input: &[u8]) -> Result<(), String> {
    let checked = catch_unwind(AssertUnwindSafe(|| target.check(input)));
    checked.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        Err(format!(
            "it panicked: {}",
            text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
        ))
    })
}
