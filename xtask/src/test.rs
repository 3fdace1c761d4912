//! `cargo xtask test`: everything that checks the project, part by part, never two builds at once.

mod report;

use crate::runner::{self, program};
use crate::{tidy, tools};
use anyhow::{Result, bail};
use report::Report;
use std::path::Path;

/// Tests that need more of the machine than every machine gives.
struct Demanding {
    name: &'static str,
    filter: &'static str,
    ready: fn() -> Result<()>,
}

const DEMANDING: [Demanding; 7] = [
    Demanding {
        name: "sync before answer",
        filter: "package(e2e) and test(/^sync_before_answer/)",
        ready: tools::strace,
    },
    Demanding { name: "disk full", filter: "package(e2e) and test(/^disk_full/)", ready: tools::mount },
    Demanding {
        name: "signatures by the library",
        filter: "package(e2e) and test(/^signatures::python_library/)",
        ready: tools::verifier,
    },
    Demanding {
        name: "signatures by the npm library",
        filter: "package(e2e) and test(/^signatures::npm_library/)",
        ready: tools::npm_verifier,
    },
    Demanding {
        name: "message signatures by the library",
        filter: "package(e2e) and test(/^message_signatures/)",
        ready: tools::message_verifier,
    },
    Demanding {
        name: "signatures by the guide's Python",
        filter: "package(e2e) and test(/^signatures::python_lines/)",
        ready: tools::python,
    },
    Demanding {
        name: "signatures by the guide's JavaScript",
        filter: "package(e2e) and test(/^signatures::javascript/)",
        ready: tools::node,
    },
];

/// Test parts in order: name, nextest filter. Together they are the whole workspace.
const PARTS: [(&str, &str); 4] = [
    ("unit and integration", "not package(e2e) and not package(sim)"),
    ("simulation", "package(sim)"),
    ("real binary", "package(e2e) and not test(/^crash/)"),
    ("crash rounds", "package(e2e) and test(/^crash/)"),
];

pub(crate) fn run() -> Result<()> {
    let mut report = Report::begin();
    report.part("format", || runner::run(&mut program("cargo", &["fmt", "--all", "--", "--check"])));
    report.part("tidy", tidy::run);
    match tools::deny() {
        Ok(deny) => denied(&mut report, &deny),
        Err(why) => report.part("deny", || Err(why)),
    }
    let clippy = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
    report.part("lint", || runner::run(&mut program("cargo", &clippy)));
    // One build for all test parts, so that none of them is charged for it and the real binary is there.
    let build = ["build", "--workspace", "--bins", "--tests", "--quiet"];
    report.part("build", || runner::run(&mut program("cargo", &build)));
    match tools::nextest() {
        Ok(nextest) => tested(&mut report, &nextest)?,
        Err(why) => report.part("nextest", || Err(why)),
    }
    report.part("planted bugs", || {
        runner::run(&mut program(
            "cargo",
            &["run", "--quiet", "--package", "sim", "--bin", "sim", "--", "--mutants"],
        ))
    });
    report.tests("documentation", program("cargo", &["test", "--workspace", "--doc", "--quiet"]))?;
    if report.close()? {
        return Ok(());
    }
    bail!("not everything passed");
}

fn denied(report: &mut Report, deny: &Path) {
    report.part("deny", || {
        runner::run(&mut program(deny, &["--log-level", "error", "check", "bans", "licenses", "sources"]))
    });
    // The advisories come from a repository that an offline machine cannot reach.
    let fetched = runner::output(&mut program(deny, &["--log-level", "off", "fetch", "db"]));
    if fetched.is_ok() {
        let check = ["--log-level", "error", "check", "--disable-fetch", "advisories"];
        report.part("advisories", || runner::run(&mut program(deny, &check)));
    } else {
        report.not_run("advisories", "the advisory database cannot be fetched from here");
    }
}

fn tested(report: &mut Report, nextest: &Path) -> Result<()> {
    let mut without = String::new();
    for Demanding { name, filter, ready } in DEMANDING {
        if let Err(why) = ready() {
            report.not_run(name, &format!("{why:#}"));
            without.push_str(&format!(" and not ({filter})"));
        }
    }
    for (name, filter) in PARTS {
        let filter = format!("({filter}){without}");
        report.tests(name, program(nextest, &["nextest", "run", "--workspace", "-E", &filter]))?;
    }
    Ok(())
}
