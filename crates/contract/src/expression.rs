//! The joint to the expression language (jq): filters, keys and shapes.

use crate::Promise;
use bytes::Bytes;

/// A compiled expression. Running it is bounded in time, output and size.
pub trait Expression: Send + Sync {
    /// Runs over one JSON text and gives the first output as JSON text.
    ///
    /// # Errors
    /// [`Fault`]: what went wrong, in words for the person who wrote the expression.
    fn evaluate(&self, input: Bytes) -> Promise<'_, Result<Bytes, Fault>>;
}

/// Why an expression gave nothing. All are deterministic for the same input, but for `Busy`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The message's body is no JSON text.
    #[error("the body is not JSON: {detail}")]
    NotJson {
        /// The parser's words.
        detail: String,
    },
    /// The expression raised an error.
    #[error("the expression failed: {detail}")]
    Raised {
        /// jq's words.
        detail: String,
    },
    /// The expression has no output for this input.
    #[error("the expression gave no output")]
    Empty,
    /// The time, output or memory bound was reached.
    #[error("the expression was stopped: {bound}")]
    Exceeded {
        /// Which bound, with its value.
        bound: String,
    },
    /// A template of the target's URL or headers gave nothing that can be sent.
    #[error("the template in `{place}` failed: {detail}")]
    Template {
        /// The key of the configuration.
        place: String,
        /// What is wrong.
        detail: String,
    },
    /// No process or no memory could be had: try again.
    #[error("the expression could not run now: {detail}")]
    Busy {
        /// What was missing.
        detail: String,
    },
}
