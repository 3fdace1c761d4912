//! Names and lengths of files.

use super::{File, Finding};

const LINES_WANTED: usize = 400;
const LINES_MAX: usize = 600;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "common", "helpers", "helper", "misc"];

pub(super) fn check(file: &File, findings: &mut Vec<Finding>) {
    for part in file.path.split('/') {
        let stem = part.split('.').next().unwrap_or(part);
        if EMPTY_NAMES.contains(&stem) {
            findings.push(Finding::new(
                file,
                1,
                format!("`{part}` is no name"),
                "name it after the noun or the verb in it",
            ));
        }
    }
    if file.name() == "mod.rs" {
        findings.push(Finding::new(file, 1, "a mod.rs", "use `name.rs` beside the folder `name/`"));
    }
    if !file.is_rust() {
        return;
    }
    let first = file.text.lines().next().unwrap_or_default();
    if !first.starts_with("//! ") || first.len() < 12 {
        let mend = "begin with `//! What this is for, in one sentence.`";
        findings.push(Finding::new(file, 1, "the first line does not say what the file is for", mend));
    }
    let lines = file.lines().count();
    if lines > LINES_MAX {
        let what = format!("{lines} lines without tests, at most {LINES_MAX}");
        findings.push(Finding::new(file, lines, what, "split it by noun or verb"));
    } else if lines > LINES_WANTED {
        eprintln!("{}: {lines} lines without tests; {LINES_WANTED} are wanted (no failure)", file.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check(&File { path: path.to_owned(), text: text.to_owned() }, &mut findings);
        findings.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_plain_file_is_fine() {
        assert!(findings("crates/engine/src/settle.rs", "//! Settles what an attempt came to.\n").is_empty());
    }

    #[test]
    fn a_file_that_does_not_say_what_it_is_for_is_found() {
        assert_eq!(findings("a/b.rs", "use std::fs;\n").len(), 1);
        assert_eq!(findings("a/b.rs", "//! .\n").len(), 1);
    }

    #[test]
    fn names_that_say_nothing_are_found_in_files_and_folders() {
        let head = "//! Says what it is for.\n";
        assert_eq!(findings("crates/common/src/a.rs", head).len(), 1);
        assert_eq!(findings("a/utils.rs", head).len(), 1);
        assert_eq!(findings("a/b/mod.rs", head).len(), 1);
    }

    #[test]
    fn a_long_file_is_found_but_its_tests_do_not_count() {
        let head = "//! Says what it is for.\n".to_owned();
        assert_eq!(findings("a.rs", &(head.clone() + &"x\n".repeat(600))).len(), 1);
        assert_eq!(findings("a.rs", &(head + "#[cfg(test)]\n" + &"x\n".repeat(600))).len(), 0);
    }
}
