//! What is covered in what is shown of messages, by route and target as configured now.

use crate::config::Config;
use bytes::Bytes;
use connectors::http::redact::{COVER, Rules};
use contract::Name;
use contract::message::Headers;
use serde_json::{Value, json};
use std::collections::HashMap;

/// The rules of one configuration.
#[derive(Default)]
pub struct Redactions {
    all: Rules,
    routes: HashMap<Name, Rules>,
    targets: HashMap<Name, Rules>,
}

impl Redactions {
    /// Those of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            all: config.redact.clone(),
            routes: config.routes.iter().map(|route| (route.name.clone(), route.redact.clone())).collect(),
            targets: config
                .targets
                .iter()
                .map(|target| (target.name.clone(), target.redact.clone()))
                .collect(),
        }
    }

    /// What holds for a message of a route on its way to a target; either may be configured no more.
    #[must_use]
    pub fn of(&self, route: &Name, target: &Name) -> Rules {
        let own = self.routes.get(route).into_iter().chain(self.targets.get(target));
        own.fold(self.all.clone(), |rules, own| rules.and(own))
    }
}

/// Headers and body as they are shown: what is no UTF-8 as U+FFFD.
pub(super) fn shown_content(rules: &Rules, headers: &Headers, body: &Bytes) -> Value {
    let value = |name: &str, value: &[u8]| {
        if rules.covers_header(name) { COVER.into() } else { String::from_utf8_lossy(value).into_owned() }
    };
    let headers: serde_json::Map<String, Value> =
        headers.iter().map(|(name, bytes)| (name.to_owned(), value(name, bytes).into())).collect();
    let covered = rules.cover_body(body);
    json!({ "headers": headers, "body": String::from_utf8_lossy(covered.as_ref().unwrap_or(body)) })
}
