//! Markdown: links that lead nowhere, names of decisions, paths of somebody's machine.

use super::{File, Finding};

/// Folders that exist only on the machine of whoever wrote them down.
const PRIVATE: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/tm", "p/")];

pub(super) fn check(file: &File, files: &[File], findings: &mut Vec<Finding>) {
    if let Some(name) = file.path.strip_prefix("docs/decisions/")
        && name != "README.md"
        && !is_decision(name)
    {
        findings.push(Finding::new(
            file,
            1,
            "not named as a decision",
            "name it docs/decisions/NNNN-what.md",
        ));
    }
    if !file.path.ends_with(".md") {
        return;
    }
    let mut fenced = false;
    for (number, line) in file.lines() {
        if let Some(place) = PRIVATE.iter().find(|place| mentions(line, place)) {
            let what = format!("a path under {place}");
            findings.push(Finding::new(file, number, what, "use a path from the repository's root"));
        }
        fenced ^= line.trim_start().starts_with("```");
        if fenced {
            continue;
        }
        for link in links(line) {
            if !leads_somewhere(&file.path, link, files) {
                let what = format!("the link {link} leads nowhere");
                findings.push(Finding::new(file, number, what, "correct the link or add what it names"));
            }
        }
    }
}

fn is_decision(name: &str) -> bool {
    let digits = name.bytes().take_while(u8::is_ascii_digit).count();
    digits == 4 && name.as_bytes().get(4) == Some(&b'-') && name.ends_with(".md") && !name.contains('/')
}

/// Whether an absolute path begins with this folder; `target/tmp/` does not.
fn mentions(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|before| !before.is_alphanumeric() && !"._-}~".contains(before))
    })
}

/// Targets of `[text](target)` in a line.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next())
}

fn leads_somewhere(from: &str, link: &str, files: &[File]) -> bool {
    if link.contains("://") || link.starts_with("mailto:") || link.starts_with('#') {
        return true;
    }
    let link = link.split('#').next().unwrap_or(link);
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut path: Vec<&str> = if link.starts_with('/') { Vec::new() } else { folder.split('/').collect() };
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                path.pop();
            }
            name => path.push(name),
        }
    }
    path.retain(|part| !part.is_empty());
    let path = path.join("/");
    let inside = format!("{path}/");
    files.iter().any(|file| file.path == path || file.path.starts_with(&inside))
        || crate::runner::root().join(path).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> usize {
        let known = File { path: "docs/guide/start.md".to_owned(), text: String::new() };
        let mut findings = Vec::new();
        check(&File { path: path.to_owned(), text: text.to_owned() }, &[known], &mut findings);
        findings.len()
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        let text = "[a](guide/start.md) [b](../docs/guide/) [c](https://example.com/x) [d](#here) [e](guide/start.md#top)\n";
        assert_eq!(findings("docs/README.md", text), 0);
    }

    #[test]
    fn links_that_lead_nowhere_are_found_outside_of_code() {
        assert_eq!(findings("docs/README.md", "[a](guide/end.md) and [b](start.md)\n"), 2);
        assert_eq!(findings("docs/README.md", "```\n[a](guide/end.md)\n```\n"), 0);
    }

    #[test]
    fn decisions_have_a_number() {
        assert_eq!(findings("docs/decisions/0001-slices.md", ""), 0);
        assert_eq!(findings("docs/decisions/slices.md", ""), 1);
    }

    #[test]
    fn paths_of_a_machine_are_found() {
        assert_eq!(findings("a.md", &format!("see {}x\n", PRIVATE[0])), 1);
        assert_eq!(findings("a.md", &format!("see target{}x\n", PRIVATE[2])), 0);
    }
}
