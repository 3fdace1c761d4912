//! What `--help` says, of every command.

use crate::program::run;
use clap::{Command, CommandFactory};
use gateway::cli::Cli;

/// The arguments that lead to each command, the program itself first.
fn commands() -> Vec<Vec<String>> {
    fn below(command: &Command, path: &[String], found: &mut Vec<Vec<String>>) {
        found.push(path.to_vec());
        for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
            below(inner, &[path, &[inner.get_name().to_owned()]].concat(), found);
        }
    }
    let mut found = Vec::new();
    below(&Cli::command(), &[], &mut found);
    found
}

#[test]
fn every_help_is_as_it_was_read_last() {
    for path in commands() {
        let arguments: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
        let name = if path.is_empty() { "fanlight".to_owned() } else { path.join("_") };
        insta::assert_snapshot!(name, run(&arguments).ok());
    }
}

#[test]
fn every_help_ends_with_an_example() {
    for path in commands() {
        let arguments: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
        let help = run(&arguments).ok();
        let (_, end) = help.rsplit_once("Example").unwrap_or_else(|| panic!("{path:?} has no example"));
        let example = format!("  fanlight {}", path.join(" "));
        assert!(end.contains(example.trim_end()), "{path:?}: the example is of another command:\n{end}");
    }
}

#[test]
fn a_command_whose_answer_a_script_may_read_has_json() {
    let read_by_scripts = [
        "check",
        "verify",
        "send",
        "ticket",
        "tail",
        "dead list",
        "dead show",
        "dead edit",
        "dead redrive",
        "dead discard",
        "key list",
        "key resume",
        "target list",
        "target breaker",
        "target pause",
        "target probe",
        "target resume",
    ];
    for command in read_by_scripts {
        let arguments: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        assert!(run(&arguments).ok().contains("--json"), "{command}");
    }
}
