//! What is wrong with a configuration: every problem with its place, for people and for scripts.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::{Serialize, Serializer};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Problems beyond these are counted, not shown.
pub const PROBLEMS_MAX: usize = 50;

/// All problems of one configuration.
#[derive(Clone, Debug, Default)]
pub struct Report {
    file: Arc<str>,
    text: Arc<str>,
    problems: Vec<Problem>,
    more: usize,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether the configuration can be used nevertheless.
    pub severity: Severity,
    /// Which bytes of the text; none when the text could not be had at all.
    pub at: Option<Range<usize>>,
    /// The path of the key, such as `targets.crm.url`; empty for the whole file.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it, or what is allowed.
    pub help: Option<String>,
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// It works, but probably not as meant.
    Warning,
}

/// One problem as `--json` shows it.
#[derive(Serialize)]
struct Line<'a> {
    severity: Severity,
    file: &'a str,
    line: Option<usize>,
    column: Option<usize>,
    key: &'a str,
    message: &'a str,
    help: Option<&'a str>,
}

impl Report {
    /// Sorts the problems by place and says each once: an alias repeats what its anchor has.
    pub(crate) fn new(file: &str, text: &str, mut problems: Vec<Problem>) -> Self {
        let place = |problem: &Problem| problem.at.as_ref().map(|at| (at.start, at.end));
        problems.sort_by_key(place);
        problems.dedup_by(|later, earlier| {
            place(later) == place(earlier)
                && later.severity == earlier.severity
                && later.message == earlier.message
        });
        let more = problems.len().saturating_sub(PROBLEMS_MAX);
        // Errors first, so that the bound never hides the reason for a refusal behind warnings.
        problems.sort_by_key(|problem| problem.severity);
        problems.truncate(PROBLEMS_MAX);
        Self { file: file.into(), text: text.into(), problems, more }
    }

    /// A problem of a file that has no text to point at.
    pub(crate) fn of_file(file: &str, message: String, help: Option<String>) -> Self {
        let problem = Problem { severity: Severity::Error, at: None, key: String::new(), message, help };
        Self::new(file, "", vec![problem])
    }

    /// The problems: errors first, each kind in order of place.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether the configuration is refused.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// The report with colours, for a stream that removes them where nobody sees them (`anstream`).
    #[must_use]
    pub fn coloured(&self) -> String {
        self.render(&Renderer::styled())
    }

    /// The line and column (both from 1, columns in characters) where a problem begins.
    #[must_use]
    pub fn position(&self, problem: &Problem) -> Option<(usize, usize)> {
        self.place(problem.at.as_ref()?.start)
    }

    /// The line and column of a byte.
    pub(crate) fn place(&self, at: usize) -> Option<(usize, usize)> {
        let before = self.text.get(..at)?;
        let line = before.matches('\n').count() + 1;
        let column =
            before.rsplit('\n').next().unwrap_or(before).trim_start_matches('\u{feff}').chars().count() + 1;
        Some((line, column))
    }

    fn render(&self, renderer: &Renderer) -> String {
        let mut out: Vec<String> =
            self.problems.iter().map(|problem| self.render_one(problem, renderer)).collect();
        if self.more > 0 {
            out.push(format!("and {} more", self.more));
        }
        out.join("\n\n")
    }

    fn render_one(&self, problem: &Problem, renderer: &Renderer) -> String {
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(shown(&problem.message));
        let mut group = match &problem.at {
            Some(at) => {
                let annotation = AnnotationKind::Primary.span(at.clone()).label(shown(&problem.key));
                title.element(Snippet::source(&*self.text).path(&*self.file).annotation(annotation))
            }
            None => title.element(annotate_snippets::Origin::path(&*self.file)),
        };
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(shown(help)));
        }
        renderer.render(&[group])
    }
}

/// Messages quote what the file holds: control characters there must not reach a terminal.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

impl std::error::Error for Report {}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.problems.iter().map(|problem| {
            let position = self.position(problem);
            Line {
                severity: problem.severity,
                file: &self.file,
                line: position.map(|(line, _)| line),
                column: position.map(|(_, column)| column),
                key: &problem.key,
                message: &problem.message,
                help: problem.help.as_deref(),
            }
        }))
    }
}
