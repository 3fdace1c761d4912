//! Checks of a target's credential: that there is one, whole, and that nothing else writes the same header.

use super::Check;
use crate::config::field::{Field, One, Written};
use crate::config::form::{Form, KeyText, OAuthScope, Plain};
use crate::config::interpolate::Origin;
use crate::config::raw;
use crate::config::tree::Place;
use crate::config::vault;
use connectors::http::auth::aws::Aws;
use connectors::http::auth::scope::Scope;
use connectors::http::auth::{Auth, Fault, OAuth2, Proof};
use connectors::http::sign::key::Key;
use connectors::http::sign::message;
use contract::Secret;
use contract::limits::SIGNING_KEYS_MAX;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};

impl Check<'_> {
    /// The credential, if there is one that can be used. `key` is where the target is named.
    pub(super) fn auth(
        &mut self,
        field: &Field<raw::Auth>,
        headers: &[(HeaderName, HeaderValue)],
        key: Option<Place>,
    ) -> Option<Auth> {
        let raw = field.good()?;
        let scope = Scope {
            methods: self.several(&raw.methods).unwrap_or_default(),
            paths: self.several(&raw.paths).unwrap_or_default(),
        };
        let proofs = [
            ("bearer", self.bearer(&raw.bearer)),
            ("basic", self.basic(&raw.basic, key)),
            ("api_key", self.api_key(&raw.api_key, key)),
            ("oauth2", self.oauth2(&raw.oauth2, key)),
            ("aws", self.aws(&raw.aws, key)),
        ];
        let absent = [
            is_absent(&raw.bearer),
            is_absent(&raw.basic),
            is_absent(&raw.api_key),
            is_absent(&raw.oauth2),
            is_absent(&raw.aws),
        ];
        if absent.into_iter().filter(|absent| !absent).count() != 1 {
            let names: Vec<_> = proofs.iter().map(|(name, _)| *name).collect();
            let help = format!("write one of {}", names.join(", "));
            self.missing(key, "`auth` must say one way to prove who calls", help);
            return None;
        }
        let proof = proofs.into_iter().find_map(|(_, proof)| proof)?;
        if let Some(name) = written_by(&proof)
            && headers.iter().any(|(other, _)| *other == name)
        {
            let message = format!("both `auth` and `headers` write the header `{name}`");
            self.missing(key, message, "remove one of them".to_owned());
        }
        let auth = Auth { proof, scope };
        match auth.check() {
            Ok(()) => Some(auth),
            Err(fault) => {
                self.unusable(key, &fault);
                None
            }
        }
    }

    fn bearer(&mut self, field: &One<Secret>) -> Option<Proof> {
        self.secret(field).map(Proof::Bearer)
    }

    fn basic(&mut self, field: &Field<raw::Basic>, key: Option<Place>) -> Option<Proof> {
        let raw = field.good()?;
        self.required(&raw.user, "basic.user", key);
        self.required(&raw.password, "basic.password", key);
        let (user, password) = (self.one(&raw.user), self.secret(&raw.password));
        Some(Proof::Basic { user: user?, password: password? })
    }

    fn api_key(&mut self, field: &Field<raw::ApiKey>, key: Option<Place>) -> Option<Proof> {
        let raw = field.good()?;
        self.required(&raw.value, "api_key.value", key);
        let value = self.secret(&raw.value);
        let header = self.one(&raw.header);
        let query = self.one(&raw.query);
        match (is_absent(&raw.header), is_absent(&raw.query)) {
            (false, true) => Some(Proof::Header { name: header?, value: value? }),
            (true, false) => {
                let Plain(name) = query?;
                Some(Proof::Query { name, value: value? })
            }
            (true, true) | (false, false) => {
                let help = "for example api_key: { header: x-api-key, value: \"${KEY}\" }";
                self.missing(key, "`api_key` needs either `header` or `query`", help.to_owned());
                None
            }
        }
    }

    fn oauth2(&mut self, field: &Field<raw::OAuth2>, key: Option<Place>) -> Option<Proof> {
        let raw = field.good()?;
        self.required(&raw.token_url, "oauth2.token_url", key);
        self.required(&raw.client_id, "oauth2.client_id", key);
        self.required(&raw.client_secret, "oauth2.client_secret", key);
        let token_url = self.one(&raw.token_url);
        if let (Some(url), Some(place)) = (&token_url, raw.token_url.good().and_then(Written::place)) {
            self.warn_unencrypted(place, url, "the client's secret goes to this endpoint unencrypted");
        }
        let (client_id, client_secret) = (self.one(&raw.client_id), self.secret(&raw.client_secret));
        let scopes = self.several(&raw.scopes).unwrap_or_default();
        Some(Proof::OAuth2(OAuth2 {
            token_url: token_url?,
            client_id: client_id?,
            client_secret: client_secret?,
            scopes: scopes.into_iter().map(|OAuthScope(scope)| scope).collect(),
            audience: self.one(&raw.audience).map(|Plain(audience)| audience),
            client_auth: self.one(&raw.client_auth)?,
        }))
    }

    fn aws(&mut self, field: &Field<raw::Aws>, key: Option<Place>) -> Option<Proof> {
        let raw = field.good()?;
        self.required(&raw.region, "aws.region", key);
        self.required(&raw.service, "aws.service", key);
        self.required(&raw.access_key_id, "aws.access_key_id", key);
        self.required(&raw.secret_access_key, "aws.secret_access_key", key);
        let (region, service) = (self.one(&raw.region), self.one(&raw.service));
        let access_key_id = self.one(&raw.access_key_id);
        let secret_access_key = self.secret(&raw.secret_access_key);
        let session_token = self.secret(&raw.session_token);
        Some(Proof::Aws(Aws {
            region: region?.0,
            service: service?.0,
            access_key_id: access_key_id?,
            secret_access_key: secret_access_key?,
            session_token,
        }))
    }

    /// The keys that sign.
    pub(super) fn keys(&mut self, field: &Field<raw::Sign>, key: Option<Place>) -> Vec<Key> {
        let Some(raw) = field.good() else { return Vec::new() };
        let items = raw.secrets.good().map(|list| list.items.as_slice()).unwrap_or_default();
        let keys: Vec<Key> = items.iter().filter_map(|item| self.secret(item)).collect();
        if is_absent(&raw.secrets) || !(1..=SIGNING_KEYS_MAX).contains(&items.len()) {
            let help = format!("1 to {SIGNING_KEYS_MAX}, for example secrets: [\"${{WEBHOOK_SECRET}}\"]");
            self.missing(key, "`sign` needs secrets", help);
        }
        keys
    }

    /// The key that signs requests themselves.
    pub(super) fn signature(
        &mut self,
        field: &Field<raw::Signature>,
        key: Option<Place>,
    ) -> Option<message::Key> {
        let raw = field.good()?;
        self.required(&raw.key_id, "signature.key_id", key);
        self.required(&raw.key, "signature.key", key);
        let (id, text) = (self.one(&raw.key_id), self.secret(&raw.key));
        let (Plain(id), KeyText(text)) = (id?, text?);
        match message::Key::try_new(&id, text.expose()) {
            Ok(signature) => Some(signature),
            Err(wrong) => {
                self.refuse(&raw.key, wrong.to_string(), Some(KeyText::allowed()));
                None
            }
        }
    }

    /// Where encrypted secrets are; they were opened when the first one was asked for.
    pub(super) fn secrets(&mut self, raw: &raw::Secrets) {
        self.one(&raw.file);
        if let Some(Err(wrong)) = self.secret(&raw.key).map(|key| vault::Key::read(key.expose())) {
            self.refuse(&raw.key, wrong.to_string(), wrong.help());
        }
    }

    /// A secret. One that stands in the file itself is warned of.
    pub(super) fn secret<T: Form>(&mut self, field: &One<T>) -> Option<T> {
        let secret = self.one(field)?;
        let place = field.good().and_then(Written::place)?;
        if self.tree.scalar(place).is_some_and(|scalar| scalar.origin == Origin::Written) {
            let help = "use \"${NAME}\" or \"${file:PATH}\"";
            self.warn(place, "a secret stands in the file for all to read", Some(help.to_owned()));
        }
        Some(secret)
    }

    pub(super) fn required<T>(&mut self, field: &One<T>, name: &str, key: Option<Place>) {
        if is_absent(field) {
            self.missing(key, format!("`{name}` is missing"), "add it, or remove what needs it".to_owned());
        }
    }

    /// Reports what is wrong with a part of a target that has no place of its own.
    pub(super) fn missing(&mut self, key: Option<Place>, message: impl Into<String>, help: String) {
        if let Some(place) = key {
            self.error(place, message, Some(help));
        }
    }

    fn unusable(&mut self, key: Option<Place>, fault: &Fault) {
        self.missing(key, fault.to_string(), "write it another way".to_owned());
    }
}

pub(super) fn is_absent<T>(field: &Field<T>) -> bool {
    matches!(field, Field::Absent)
}

/// The header that a proof stands in.
fn written_by(proof: &Proof) -> Option<HeaderName> {
    match proof {
        Proof::Bearer(_) | Proof::Basic { .. } | Proof::OAuth2(_) | Proof::Aws(_) => Some(AUTHORIZATION),
        Proof::Header { name, .. } => Some(name.clone()),
        Proof::Query { .. } => None,
    }
}
