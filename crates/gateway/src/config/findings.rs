//! The list that every check adds to, so that one run reports all problems.

use super::report::{Problem, Severity};
use super::tree::{Place, Tree};
use std::ops::Range;

/// Problems found so far.
#[derive(Default)]
pub(crate) struct Findings(Vec<Problem>);

impl Findings {
    /// Something that makes the configuration unusable.
    pub(crate) fn error(&mut self, at: Range<usize>, key: String, message: String, help: Option<String>) {
        self.0.push(Problem { severity: Severity::Error, at: Some(at), key, message, help });
    }

    /// The same, at a value or a key.
    pub(crate) fn error_at(&mut self, tree: &Tree, place: Place, message: String, help: Option<String>) {
        self.error(tree.at(place), tree.path(place), message, help);
    }

    /// Something that works, but probably not as meant.
    pub(crate) fn warn_at(&mut self, tree: &Tree, place: Place, message: String, help: Option<String>) {
        let (at, key) = (Some(tree.at(place)), tree.path(place));
        self.0.push(Problem { severity: Severity::Warning, at, key, message, help });
    }

    /// Whether the configuration is unusable.
    pub(crate) fn refuse(&self) -> bool {
        self.0.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// All of them.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.0
    }
}
