//! A proxy as it is written; the comments on its keys are their reference.

use crate::config::field::{Field, One, Several};
use crate::config::form::Way;
use connectors::http::proxy::Exception;
use contract::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The way out through an HTTP proxy. Calls to `https://` are tunnelled (CONNECT), those to `http://` are handed over whole. This machine is always called directly. The environment's `HTTP_PROXY` is not read.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["url"]))]
pub(crate) struct Proxy {
    /// Where it is: `http://`, a host and a port.
    pub url: One<Way>,
    /// The user that it asks for.
    pub user: One<Secret>,
    /// The password that it asks for.
    pub password: One<Secret>,
    /// Who is called without it: names, each with all names below it, and networks.
    pub except: Field<Several<Exception>>,
}
