//! A child process that ends after its first answer, as one that something else has killed.

use std::io::{Read, stdin, stdout};

/// The greeting, the lengths, the text `[..]` and the body `1`: what one request of the test has.
const BYTES: u64 = 25 + 8 + 4 + 1;

fn main() -> std::io::Result<()> {
    expressions::worker::run(stdin().lock().take(BYTES), stdout().lock())
}
