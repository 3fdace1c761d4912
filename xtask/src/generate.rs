//! `cargo xtask generate`: writes what is made from the program, the pages of docs/reference; or checks them.

use crate::runner::{self, program};
use anyhow::Result;
use clap::Args;

#[derive(Args)]
pub(crate) struct Options {
    /// Writes nothing and fails if a page is out of date.
    #[arg(long)]
    check: bool,
}

/// The gateway's own test compares the pages; told to, it writes them. So xtask needs not know the gateway.
pub(crate) fn run(options: &Options) -> Result<()> {
    let test = ["test", "--quiet", "--package", "fanlight", "--test", "it", "reference::"];
    let mut test = program("cargo", &test);
    test.env("UPDATE", if options.check { "0" } else { "1" });
    runner::run(&mut test)
}
