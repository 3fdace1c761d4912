//! Tells that a message is a repeat of an earlier one where its caller says nothing about it.

use super::once::{self, Request};
use super::problem::{BUSY, Problem};
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use contract::expression::{Expression, Fault};
use contract::store::Once;
use std::sync::Arc;
use std::time::Duration;

/// What begins a key that is made here: callers' keys are visible characters, so the two never meet.
const MADE: char = '\u{3}';

/// What a route takes for a repeat.
pub struct Dedupe {
    /// What two messages have in common then.
    pub by: By,
    /// How long the first one counts.
    pub window: Duration,
}

/// What makes two messages the same.
pub enum By {
    /// The whole request: method, path and body.
    Content,
    /// What this gives for the body.
    Expression(Arc<dyn Expression>),
}

/// The key of a message without one of its own. None: it is like no other, because the expression gives `null` or nothing, or fails: what
/// may be a repeat is delivered rather than lost.
pub(super) async fn once(
    dedupe: &Dedupe,
    request: Request<'_>,
    body: &Bytes,
) -> Result<Option<Once>, Problem> {
    let key = match &dedupe.by {
        By::Content => format!("{MADE}{:032x}", once::fingerprint(request)),
        By::Expression(expression) => match expression.evaluate(body.clone()).await {
            Ok(json) if json.trim_ascii() == b"null" => return Ok(None),
            Ok(json) => format!("{MADE}={}", hex(&json)),
            Err(Fault::Busy { .. }) => {
                return Err(Problem::new(BUSY, "the route's `dedupe` could not run now; nothing was kept")
                    .retry_after(1));
            }
            Err(
                Fault::NotJson { .. }
                | Fault::Raised { .. }
                | Fault::Empty
                | Fault::Exceeded { .. }
                | Fault::Template { .. },
            ) => return Ok(None),
        },
    };
    // The key says it all: the same key is the same message, whatever else differs.
    Ok(Some(Once { window: dedupe.window, ..once::of_key(key, 0) }))
}

/// What an expression gives may be long, and a key may not.
fn hex(json: &[u8]) -> String {
    digest(&SHA256, json).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
