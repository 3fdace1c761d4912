//! The pages of `docs/reference`, made from what the program itself knows.

mod cli;
mod metrics;
mod problems;

use crate::config;

/// A file of `docs/reference` and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its name in the folder.
    pub name: &'static str,
    /// All of it.
    pub text: String,
}

/// A page cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// The metrics have no text.
    #[error("the metrics cannot be written: {0}")]
    Metrics(#[from] std::fmt::Error),
    /// A metric was registered that the specimen page does not sample, or the other way round.
    #[error("the page of metrics has a line that is not understood: {line}")]
    Line {
        /// The line.
        line: String,
    },
    /// The schema has no text.
    #[error("the schema cannot be written: {0}")]
    Schema(#[from] serde_json::Error),
}

/// Every generated page.
///
/// # Errors
/// [`ReferenceError`]
pub fn pages() -> Result<Vec<Page>, ReferenceError> {
    let page = |name, text| Page { name, text };
    Ok(vec![
        page("configuration.md", config::reference()),
        page("config.schema.json", serde_json::to_string_pretty(&config::schema())? + "\n"),
        page("cli.md", cli::page()),
        page("metrics.md", metrics::page()?),
        page("problems.md", problems::page()),
    ])
}

/// A text inside a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
