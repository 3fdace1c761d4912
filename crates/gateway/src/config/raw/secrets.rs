//! Where encrypted secrets are, as it is written; the comments on its keys are their reference.

use crate::config::field::One;
use contract::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The encrypted file that `${secret:NAME}` is read from. `fanlight secrets` writes it.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Secrets {
    /// The file. Without this key: `secrets.enc` beside the configuration.
    pub file: One<PathBuf>,
    /// The key, 32 bytes in base64, best as `${file:PATH}`. Without this key the variable `FANLIGHT_SECRETS_KEY` has it.
    pub key: One<Secret>,
}
