//! A target's credential as it is written; the comments on its keys are their reference.

use crate::config::field::{Field, One, Several};
use crate::config::form::ApiKeyQuery;
use connectors::http::auth::scope::Paths;
use connectors::http::sign::key::Key;
use contract::Secret;
use http::{HeaderName, Method};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What proves to the API who calls: one of `bearer`, `basic` and `api_key`. It goes to the host of `url` and nowhere else.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Auth {
    /// A token: `authorization: Bearer …`.
    pub bearer: One<Secret>,
    /// A user and a password: `authorization: Basic …`.
    pub basic: Field<Basic>,
    /// A key in a header or in the query of the URL.
    pub api_key: Field<ApiKey>,
    /// The methods that it may be used for. Without this key: all.
    pub methods: Field<Several<Method>>,
    /// The paths that it may be used for, such as `/users` or `/users/*`. Without this key: all. A call outside is not made: its delivery is dead.
    pub paths: Field<Several<Paths>>,
}

/// Signs each request as Standard Webhooks says: `webhook-signature` over `webhook-id`, `webhook-timestamp` and the body.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["secrets"]))]
pub(crate) struct Sign {
    /// Secrets (`whsec_…`, HMAC-SHA256) and private keys (`whsk_…`, ed25519): 1 to 8. Each signs, so that they can be exchanged one after the other.
    pub secrets: Field<Several<Key>>,
}

/// A user and a password.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["user", "password"]))]
pub(crate) struct Basic {
    /// The user, without a colon.
    pub user: One<Secret>,
    /// The password.
    pub password: One<Secret>,
}

/// A key in a header or in the query of the URL.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["value"]))]
pub(crate) struct ApiKey {
    /// The header that carries it, such as `x-api-key`.
    pub header: One<HeaderName>,
    /// The parameter of the query that carries it, instead of `header`. A header is safer: URLs end up in logs.
    pub query: One<ApiKeyQuery>,
    /// The key.
    pub value: One<Secret>,
}
