//! The forms of where a call may go, and by which way.

use super::super::suggest::nearest;
use super::{Form, Misread, text_like};
use connectors::http::guard::Cidr;
use connectors::http::proxy::Exception;
use http::Uri;
use serde_json::{Value as Json, json};
use std::ops::RangeInclusive;

/// One entry of `private`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reach {
    /// Everywhere.
    Allow,
    /// Only to public addresses.
    Deny,
    /// To public addresses, and to this network.
    Network(Cidr),
}

impl Form for Reach {
    const NAME: &'static str = "allow, deny or a network";

    fn allowed() -> String {
        "allow, deny, or networks such as [10.0.0.0/8, fd00::/8]".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        match text {
            "allow" => Ok(Self::Allow),
            "deny" => Ok(Self::Deny),
            text => text.parse().map(Self::Network).map_err(|_| match nearest(text, ["allow", "deny"]) {
                Some(near) => Misread::default().help(format!("did you mean `{near}`?")),
                None => Misread::default(),
            }),
        }
    }

    fn schema() -> Json {
        json!({ "type": "string", "anyOf": [{ "enum": ["allow", "deny"] }, { "pattern": r"^[0-9a-fA-F:.]+(/[0-9]+)?$|\$\{" }] })
    }
}

/// A port, or ports from one to another.
#[derive(Clone, Debug)]
pub(crate) struct PortRange(pub RangeInclusive<u16>);

impl Form for PortRange {
    const NAME: &'static str = "a port";

    fn allowed() -> String {
        "a port from 1 to 65535, such as 443, or a range such as 8000-8100".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        let port =
            |text: &str| text.trim().parse().ok().filter(|port: &u16| *port > 0).ok_or_else(Misread::default);
        let range = match text.split_once('-') {
            Some((first, last)) => port(first)?..=port(last)?,
            None => port(text)?..=port(text)?,
        };
        if range.is_empty() { Err(Misread::new("the range goes backwards")) } else { Ok(Self(range)) }
    }

    fn schema() -> Json {
        json!({ "anyOf": [{ "type": "integer", "minimum": 1, "maximum": 65535 }, text_like("^[0-9]+ ?- ?[0-9]+$")] })
    }
}

/// The way to a target.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// The direct one.
    Direct,
    /// Through a proxy: its host and port.
    Proxy(String, u16),
}

impl Form for Way {
    const NAME: &'static str = "a proxy";

    fn allowed() -> String {
        "none, or http://, a host and a port, such as http://proxy.internal:3128".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        if text == "none" {
            return Ok(Self::Direct);
        }
        if text.contains('@') {
            let help = "give them as proxy: { url: …, user: …, password: \"${PROXY_PASSWORD}\" }";
            return Err(Misread::instead("has a user name or a password").help(help));
        }
        let url = Uri::read(text).map_err(|misread| Misread::new(misread.why))?;
        match (url.scheme_str(), url.host(), url.path(), url.query()) {
            (Some("http"), Some(host), "/", None) => {
                Ok(Self::Proxy(host.to_owned(), url.port_u16().unwrap_or(80)))
            }
            (Some("http"), _, _, _) => Err(Misread::new("it has more than a host and a port")),
            (Some(_) | None, _, _, _) => Err(Misread::new("the way to the proxy itself is always http://")),
        }
    }

    fn schema() -> Json {
        text_like(r"^(none|http://[^/?#@]+/?)$")
    }
}

impl Form for Exception {
    const NAME: &'static str = "a host or a network";

    fn allowed() -> String {
        "a name such as internal.example.com, which includes all below it, or a network such as 10.0.0.0/8"
            .to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        text.parse().map_err(|_| Misread::default())
    }

    fn schema() -> Json {
        json!({ "type": "string" })
    }
}
