//! What is kept and shown, as it is written; the comments on its keys are their reference.

use crate::config::field::{Field, One, Several, Written};
use crate::config::form::Kept;
use connectors::http::redact::Pointer;
use http::HeaderName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is written as `***` in what is kept of answers and in what is shown of messages. A message itself is kept as it came, so that it can be delivered.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Redact {
    /// Headers, such as `x-national-id`. `authorization`, `cookie`, `set-cookie` and what is a credential need not be named.
    pub headers: Field<Several<HeaderName>>,
    /// Places in JSON bodies, as JSON pointers: `/card/number`; `*` stands for each member or item: `/items/*/pin`. A body that is no JSON is covered as a whole.
    pub body: Field<Several<Pointer>>,
}

/// Which answers' bodies are kept with their attempts: `all`, `none`, or a share such as `10%` of the deliveries.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Capture {
    /// Of answers that mean success.
    pub success: One<Kept>,
    /// Of all others.
    pub failure: One<Kept>,
}

impl Default for Capture {
    fn default() -> Self {
        Self { success: Written::default("all"), failure: Written::default("all") }
    }
}
