//! Which crate may know which: the arrows of ARCHITECTURE.md.

use super::{File, Finding};

const MEND: &str = "move the code to the floor that may know both, or put a joint into `contract`";

/// What a crate may know.
struct Floor {
    name: &'static str,
    /// Crates of this workspace.
    ours: &'static [&'static str],
    /// Other crates that it must never know.
    never: &'static [&'static str],
}

const IO: &[&str] = &["tokio", "hyper", "hyper-util", "http", "axum", "rusqlite", "tokio-rustls", "tracing"];
const FLOORS: [Floor; 5] = [
    Floor { name: "contract", ours: &[], never: IO },
    Floor {
        name: "engine",
        ours: &["contract"],
        never: &["axum", "hyper", "hyper-util", "http", "rusqlite", "tokio-rustls"],
    },
    Floor { name: "stores", ours: &["contract"], never: &["axum", "hyper", "hyper-util", "http"] },
    Floor { name: "connectors", ours: &["contract"], never: &["axum", "rusqlite"] },
    Floor {
        name: "expressions",
        ours: &["contract"],
        never: &["axum", "hyper", "hyper-util", "http", "rusqlite"],
    },
];
const OURS: [&str; 7] = ["contract", "engine", "stores", "connectors", "expressions", "gateway", "fanlight"];

pub(super) fn check(files: &[File], findings: &mut Vec<Finding>) {
    for floor in &FLOORS {
        let path = format!("crates/{}/Cargo.toml", floor.name);
        let Some(file) = files.iter().find(|file| file.path == path) else { continue };
        for (line, name) in dependencies(file) {
            let forbidden =
                floor.never.contains(&name) || OURS.contains(&name) && !floor.ours.contains(&name);
            if forbidden {
                findings.push(Finding::new(
                    file,
                    line,
                    format!("`{}` must not know `{name}`", floor.name),
                    MEND,
                ));
            }
        }
    }
}

/// Every dependency of a Cargo.toml, for tests too, with its line.
fn dependencies(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    file.lines().filter_map(move |(number, line)| {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
            return None;
        }
        let name =
            line.split(['.', '=', ' ']).next().filter(|name| !name.is_empty() && !name.starts_with('#'));
        name.filter(|_| inside).map(|name| (number, name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(name: &str, text: &str) -> Vec<usize> {
        let file = File { path: format!("crates/{name}/Cargo.toml"), text: text.to_owned() };
        let mut findings = Vec::new();
        check(&[file], &mut findings);
        findings.into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn arrows_down_pass() {
        assert!(
            findings("engine", "[dependencies]\ncontract.workspace = true\ntokio = { workspace = true }\n")
                .is_empty()
        );
    }

    #[test]
    fn arrows_up_or_sideways_are_found_in_tests_too() {
        let text = "[dependencies]\nhyper.workspace = true\n[dev-dependencies]\nstores.workspace = true\n";
        assert_eq!(findings("engine", text), [2, 4]);
        assert_eq!(findings("contract", "[dependencies]\ntokio = \"1\"\n"), [2]);
    }
}
