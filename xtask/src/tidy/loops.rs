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
        for (line, text) in file.lines() {
            for path in imported(module, text) {
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

/// Module paths, from the crate's root, that a line mentions through `crate::` or `super::`.
fn imported(module: &str, line: &str) -> Vec<String> {
    let mut found = Vec::new();
    if line.trim_start().starts_with("//") {
        return found;
    }
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

/// `a::b` and `{a::b, c}` below a base, as full paths. Deeper braces name items of one module: their front is enough.
fn paths(base: &str, rest: &str) -> Vec<String> {
    let words = |text: &str| -> String {
        text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':').collect()
    };
    let fronts: Vec<String> = match rest.strip_prefix('{') {
        Some(list) => list.split(',').map(words).collect(),
        None => vec![words(rest)],
    };
    let join = |front: &String| if base.is_empty() { front.clone() } else { format!("{base}::{front}") };
    fronts.iter().map(join).collect()
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
    fn a_longer_loop_is_found_and_tests_do_not_count() {
        let files =
            [("a.rs", "use crate::b;\n"), ("b.rs", "use crate::c::d;\n"), ("c/d.rs", "use crate::a;\n")];
        assert_eq!(findings(&files), ["crates/x/src/a.rs:1"]);
        let files = [("a.rs", "use crate::b;\n"), ("b.rs", "#[cfg(test)]\nmod tests { use crate::a; }\n")];
        assert!(findings(&files).is_empty());
    }
}
