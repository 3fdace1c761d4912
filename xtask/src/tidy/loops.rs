//! Files of one crate that import each other in a loop.

use super::{File, Finding};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const MEND: &str = "move what both need into a third file, or let the caller pass it in";

/// By module path: the index of its file, and the modules it imports with the line of the first import.
type Graph<'a> = BTreeMap<String, (&'a File, BTreeMap<String, usize>)>;

pub(super) fn check(files: &[File], findings: &mut Vec<Finding>) {
    let crates: BTreeSet<&str> =
        files.iter().filter_map(|file| file.path.split_once("/src/").map(|(root, _)| root)).collect();
    for root in crates {
        let graph = graph(root, files);
        for (module, (file, imports)) in &graph {
            for (other, line) in imports {
                // Each loop once: it is named where its first module, by name, imports into it.
                if let Some(way) = way_back(&graph, other, module)
                    && way.iter().all(|passed| module <= passed)
                {
                    let what = format!("files import each other in a loop: {module} → {}", way.join(" → "));
                    findings.push(Finding::new(file, *line, what, MEND));
                }
            }
        }
    }
}

fn graph<'a>(root: &str, files: &'a [File]) -> Graph<'a> {
    let prefix = format!("{root}/src/");
    let mut graph = Graph::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        if let Some(path) = file.path.strip_prefix(&prefix) {
            let module = path.trim_end_matches(".rs").replace('/', "::");
            // The root wires everything together; what it re-exports has a file of its own.
            if module != "lib" && module != "main" {
                graph.insert(module, (file, BTreeMap::new()));
            }
        }
    }
    let modules: BTreeSet<String> = graph.keys().cloned().collect();
    for (module, (file, imports)) in &mut graph {
        for (line, text) in statements(file) {
            for path in imported(module, &text) {
                if let Some(other) = file_of(&path, &modules)
                    && other != *module
                {
                    imports.entry(other).or_insert(line);
                }
            }
        }
    }
    graph
}

/// The lines, those of one `use` joined, each with the number of its first line.
fn statements(file: &File) -> Vec<(usize, String)> {
    let mut statements: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in file.lines() {
        let code = line.split("//").next().unwrap_or_default();
        match statements.last_mut().filter(|_| open) {
            Some((_, text)) => text.push_str(code),
            None => statements.push((number, code.to_owned())),
        }
        open = (open || is_use(code)) && !code.contains(';');
    }
    statements
}

/// Whether a line begins a `use`, of any visibility.
fn is_use(line: &str) -> bool {
    let line = line.trim_start();
    let seen = line.strip_prefix("pub").map(|rest| match rest.strip_prefix('(') {
        Some(rest) => rest.split_once(')').map_or("", |(_, rest)| rest),
        None => rest,
    });
    seen.unwrap_or(line).trim_start().starts_with("use ")
}

/// Module paths, from the crate's root, that a line mentions through `crate::` or `super::`.
fn imported(module: &str, line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        // `pub(crate)` has no path after it; `mycrate::` is another word.
        let begins =
            line.get(..at).is_some_and(|before| !before.ends_with(|c: char| c.is_alphanumeric() || c == '_'));
        let rest = line.get(at + "crate::".len()..).unwrap_or_default();
        if begins {
            found.extend(paths("", rest));
        }
    }
    if let Some(at) = line.find("super::") {
        let mut rest = line.get(at..).unwrap_or_default();
        let mut base = module;
        while let Some(above) = rest.strip_prefix("super::") {
            base = base.rsplit_once("::").map_or("", |(parent, _)| parent);
            rest = above;
        }
        found.extend(paths(base, rest));
    }
    found
}

/// The paths that `a::b` or a group such as `{a::{b, c}, d}` names below a base.
fn paths(base: &str, rest: &str) -> Vec<String> {
    let front: String =
        rest.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':').collect();
    let path = [base, front.trim_end_matches(':')].into_iter().filter(|part| !part.is_empty());
    let path = path.collect::<Vec<_>>().join("::");
    match rest.trim_start().get(front.len()..).and_then(|rest| rest.strip_prefix('{')) {
        Some(group) => members(group).into_iter().flat_map(|member| paths(&path, member)).collect(),
        None => vec![path],
    }
}

/// What stands between the commas of a group, up to its closing brace.
fn members(group: &str) -> Vec<&str> {
    let (mut members, mut depth, mut begin) = (Vec::new(), 0_usize, 0);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                members.extend(group.get(begin..at).filter(|member| !member.trim().is_empty()));
                begin = at + 1;
            }
            _ => {}
        }
        if letter == '}' && begin == at + 1 {
            break;
        }
    }
    members
}

/// The longest front of a path that is a file.
fn file_of(path: &str, modules: &BTreeSet<String>) -> Option<String> {
    let mut front = path.trim_end_matches(':');
    loop {
        if modules.contains(front) {
            return Some(front.to_owned());
        }
        front = front.rsplit_once("::")?.0;
    }
}

/// The shortest way along the imports, both ends included.
fn way_back(graph: &Graph<'_>, from: &str, to: &str) -> Option<Vec<String>> {
    let mut came_from = BTreeMap::from([(from.to_owned(), String::new())]);
    let mut open = VecDeque::from([from.to_owned()]);
    while let Some(module) = open.pop_front() {
        if module == to {
            let mut way = vec![module];
            while let Some(before) =
                way.last().and_then(|last| came_from.get(last)).filter(|name| !name.is_empty())
            {
                way.push(before.clone());
            }
            way.reverse();
            return Some(way);
        }
        for import in graph.get(&module).into_iter().flat_map(|(_, imports)| imports.keys()) {
            if !came_from.contains_key(import) {
                came_from.insert(import.clone(), module.clone());
                open.push_back(import.clone());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<File> = files
            .iter()
            .map(|(path, text)| File { path: format!("crates/x/src/{path}"), text: (*text).to_owned() })
            .collect();
        let mut findings = Vec::new();
        check(&files, &mut findings);
        findings.into_iter().map(|finding| format!("{}:{}", finding.path, finding.line)).collect()
    }

    #[test]
    fn imports_one_way_pass() {
        let files = [
            ("lib.rs", "use crate::a::A;\n"),
            ("a.rs", "use crate::b::B;\n"),
            ("b.rs", "use crate::Root;\n"),
        ];
        assert!(findings(&files).is_empty());
    }

    #[test]
    fn two_files_that_import_each_other_are_found_once() {
        let files = [("a.rs", "//! A.\nuse crate::{Root, b::B};\n"), ("b.rs", "use super::a::A;\n")];
        assert_eq!(findings(&files), ["crates/x/src/a.rs:2"]);
    }

    #[test]
    fn an_import_in_a_group_of_several_lines_is_found() {
        let group = "//! A.\npub(crate) use super::{\n    Root, // why\n    b::{B, C},\n};\n";
        assert_eq!(findings(&[("a.rs", group), ("b.rs", "use super::a::A;\n")]), ["crates/x/src/a.rs:2"]);
        let deep = "use crate::{\n    c::{B, b::D},\n    d::{\n        E,\n    },\n};\n";
        // `b` below `c` is another one than `b`.
        assert!(findings(&[("a.rs", deep), ("b.rs", "use crate::a;\n")]).is_empty());
        assert_eq!(findings(&[("a.rs", deep), ("d.rs", "use crate::a;\n")]), ["crates/x/src/a.rs:1"]);
    }

    #[test]
    fn a_longer_loop_is_found_and_tests_do_not_count() {
        let files =
            [("a.rs", "use crate::b;\n"), ("b.rs", "use crate::c::d;\n"), ("c/d.rs", "use crate::a;\n")];
        assert_eq!(findings(&files), ["crates/x/src/a.rs:1"]);
        let files = [("a.rs", "use crate::b;\n"), ("b.rs", "#[cfg(test)]\nmod tests { use crate::a; }\n")];
        assert!(findings(&files).is_empty());
    }
}
