//! What may not stand in a line.

use super::{File, Finding};

/// Words that promise work for later. Put together here so that this file is no finding.
const LATER: [&str; 4] =
    [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("to", "do!("), concat!("db", "g!(")];

pub(super) fn check(file: &File, findings: &mut Vec<Finding>) {
    for (index, line) in file.text.lines().enumerate() {
        let number = index + 1;
        if line.ends_with([' ', '\t', '\r']) {
            findings.push(Finding::new(file, number, "white space at the end", "remove it"));
        }
        if let Some(word) = LATER.iter().find(|word| line.contains(*word)) {
            let mend = "do it now, or write an issue and remove the line";
            findings.push(Finding::new(file, number, format!("`{}`", word.trim_end_matches('(')), mend));
        }
        if file.is_rust() && line.trim_start().starts_with(concat!("#[", "ignore")) {
            let mend = "make it run, or remove it; xtask names what cannot run on a machine";
            findings.push(Finding::new(file, number, "a test that is ignored", mend));
        }
    }
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        findings.push(Finding::new(file, file.text.lines().count(), "no line end at the end", "add one"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        let mut findings = Vec::new();
        check(&File { path: "a.rs".to_owned(), text: text.to_owned() }, &mut findings);
        findings.into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn clean_lines_pass() {
        assert!(lines("//! A.\nlet todos = 1;\n").is_empty());
    }

    #[test]
    fn each_broken_line_is_named() {
        let text = format!("fine\ntrailing \n// {} later\n    {}]\nend", LATER[0], concat!("#[", "ignore"));
        assert_eq!(lines(&text), [2, 3, 4, 5]);
    }
}
