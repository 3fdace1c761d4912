//! The page of the command line: what `--help` says of every command.

use crate::cli::Cli;
use clap::{Command, CommandFactory};
use std::fmt::Write;

/// Columns of the help texts, whatever terminal this runs on.
const WIDTH: usize = 100;

const INTRODUCTION: &str = "\
# Command line

What `fanlight COMMAND --help` says. This page is generated from the program.

`--server` (or `FANLIGHT_SERVER`) says where the front door is, `--admin` (or `FANLIGHT_ADMIN`) where the operators' door is. Commands that a
script may read have `--json`. Exit codes: 0 done, 1 failed, 2 wrong usage.
";

pub(super) fn page() -> String {
    let mut root = Cli::command().term_width(WIDTH);
    root.build();
    let mut page = INTRODUCTION.to_owned();
    describe(&mut root, &mut page);
    page
}

fn describe(command: &mut Command, page: &mut String) {
    let path = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    // Writing to a String cannot fail.
    let _infallible = write!(page, "\n## `{path}`\n\n```text\n{}\n```\n", lines.join("\n").trim());
    for inner in
        command.get_subcommands_mut().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help")
    {
        describe(inner, page);
    }
}
