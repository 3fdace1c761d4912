//! A target's credential as it is written; the comments on its keys are their reference.

use crate::config::field::{Field, One, Several, Written};
use crate::config::form::{AwsWord, KeyText, OAuthScope, Plain};
use connectors::http::auth::ClientAuth;
use connectors::http::auth::scope::Paths;
use connectors::http::sign::key::Key;
use contract::Secret;
use http::{HeaderName, Method, Uri};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What proves to the API who calls: one of `bearer`, `basic`, `api_key`, `oauth2` and `aws`. It goes to the host of `url` and nowhere else.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Auth {
    /// A token: `authorization: Bearer …`.
    pub bearer: One<Secret>,
    /// A user and a password: `authorization: Basic …`.
    pub basic: Field<Basic>,
    /// A key in a header or in the query of the URL.
    pub api_key: Field<ApiKey>,
    /// A token that is fetched with OAuth 2 client credentials, kept, and renewed before it ends.
    pub oauth2: Field<OAuth2>,
    /// A signature of the whole request: AWS Signature Version 4.
    pub aws: Field<Aws>,
    /// The methods that it may be used for. Without this key: all.
    pub methods: Field<Several<Method>>,
    /// The paths that it may be used for, such as `/users` or `/users/*`. Without this key: all. A call outside is not made: its delivery is dead.
    pub paths: Field<Several<Paths>>,
}

/// A token that is fetched with OAuth 2 client credentials. On a 401 of the API it is renewed once and the call made again. While there is no token, deliveries wait and use up no attempt.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["token_url", "client_id", "client_secret"]))]
pub(crate) struct OAuth2 {
    /// Where tokens are given. The target's `private`, `tls.ca` and `timeout` hold for it too.
    pub token_url: One<Uri>,
    /// Who asks.
    pub client_id: One<Secret>,
    /// Its secret.
    pub client_secret: One<Secret>,
    /// What the token is to be good for.
    pub scopes: Field<Several<OAuthScope>>,
    /// For whom the token is to be, where the endpoint asks for it.
    pub audience: One<Plain>,
    /// Where the endpoint looks for id and secret: `basic`, a header, or `post`, the form.
    pub client_auth: One<ClientAuth>,
}

impl Default for OAuth2 {
    fn default() -> Self {
        Self {
            token_url: Field::Absent,
            client_id: Field::Absent,
            client_secret: Field::Absent,
            scopes: Field::Absent,
            audience: Field::Absent,
            client_auth: Written::default("basic"),
        }
    }
}

/// A signature of the whole request: AWS Signature Version 4.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["region", "service", "access_key_id", "secret_access_key"]))]
pub(crate) struct Aws {
    /// Such as `eu-central-1`.
    pub region: One<AwsWord>,
    /// Such as `sqs`, `lambda`, `execute-api` or `s3`.
    pub service: One<AwsWord>,
    /// Names the key.
    pub access_key_id: One<Secret>,
    /// The key.
    pub secret_access_key: One<Secret>,
    /// Of a key that was lent for a while.
    pub session_token: One<Secret>,
}

/// Signs each request as Standard Webhooks says: `webhook-signature` over `webhook-id`, `webhook-timestamp` and the body.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["secrets"]))]
pub(crate) struct Sign {
    /// Secrets (`whsec_…`, HMAC-SHA256) and private keys (`whsk_…`, ed25519): 1 to 8. Each signs, so that they can be exchanged one after the other.
    pub secrets: Field<Several<Key>>,
}

/// Signs each request as RFC 9421 says, over method, URL, type and digest of the body (`content-digest`) and `webhook-id`.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["key_id", "key"]))]
pub(crate) struct Signature {
    /// By what the receiver finds the key that verifies.
    pub key_id: One<Plain>,
    /// A secret in base64, 32 bytes or more (hmac-sha256), or a PEM private key in PKCS #8 (ed25519, or ECDSA on P-256).
    pub key: One<KeyText>,
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
    pub query: One<Plain>,
    /// The key.
    pub value: One<Secret>,
}
