//! The forms of a target's URL, with and without templates.

use super::{Form, Misread, SEEN};
use expressions::Template;
use http::Uri;
use http::uri::Scheme;
use serde_json::{Value as Json, json};

/// Why a text is no URL of a target.
#[derive(Debug, thiserror::Error)]
enum NotAUrl {
    #[error("it does not begin with http:// or https://")]
    Scheme,
    #[error("the host is missing")]
    Host,
    #[error("it has a user name or a password")]
    User,
    #[error("it has a fragment (`#…`), which is never sent")]
    Fragment,
    #[error("there is no such port")]
    Port,
    #[error("{0}")]
    Syntax(#[from] http::uri::InvalidUri),
}

/// Where a target is: what of its URL is the same for all messages, and the template of the rest.
#[derive(Clone, Debug)]
pub(crate) struct Url {
    pub base: Uri,
    /// Path and query, where they depend on the message.
    pub path: Option<Template>,
}

impl Form for Url {
    const NAME: &'static str = Uri::NAME;

    fn allowed() -> String {
        "http:// or https://, a host, and a path, such as https://crm.example.com/users or https://crm.example.com/users/{{ body.id }}"
            .to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        if !Template::is_one(text) {
            return Ok(Self { base: Uri::read(text)?, path: None });
        }
        let host = text.find("://").map_or(0, |at| at + "://".len());
        let at = text.get(host..).and_then(|rest| rest.find(['/', '?'])).map_or(text.len(), |at| host + at);
        let (base, path) = text.split_at(at);
        if Template::is_one(base) {
            let misread = Misread::instead("would let a message choose the host");
            return Err(misread.help("a template may stand in the path and the query, behind the host"));
        }
        if text.contains('#') {
            return Err(Uri::read(text).err().unwrap_or_default());
        }
        let base = Uri::read(base)?;
        let template = Template::path(path).map_err(|error| {
            let part = error.offset.map(|offset| at + offset..at + offset + 1);
            Misread { part, ..Misread::new(error) }.help(SEEN)
        })?;
        Ok(Self { base, path: Some(template) })
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": r"(^https?://[^/?#@]+([/?][^#]*)?$)|\$\{" })
    }
}

impl Form for Uri {
    const NAME: &'static str = "a URL";

    fn allowed() -> String {
        "http:// or https://, a host, and a path, such as https://crm.example.com/users".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        checked(text).map_err(|error| {
            let misread = Misread::new(&error);
            match error {
                NotAUrl::User => {
                    misread.help("give them as auth: { basic: { user: …, password: \"${PASSWORD}\" } }")
                }
                NotAUrl::Fragment => misread.help("remove it"),
                NotAUrl::Scheme if !text.contains("://") => {
                    misread.help(format!("did you mean https://{text}?"))
                }
                NotAUrl::Scheme | NotAUrl::Host | NotAUrl::Port | NotAUrl::Syntax(_) => misread,
            }
        })
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": r"(^https?://[^/?#@]+([/?][^#]*)?$)|\$\{" })
    }
}

fn checked(text: &str) -> Result<Uri, NotAUrl> {
    if text.contains('#') {
        return Err(NotAUrl::Fragment);
    }
    let (scheme, rest) = text.split_once("://").ok_or(NotAUrl::Scheme)?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(NotAUrl::Scheme);
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(NotAUrl::User);
    }
    if authority.is_empty() || authority.starts_with(':') {
        return Err(NotAUrl::Host);
    }
    // `http::Uri` keeps an unreadable port as none.
    let port =
        authority.rsplit(']').next().unwrap_or_default().split_once(':').map(|(_, port)| port.parse::<u16>());
    if matches!(port, Some(Err(_) | Ok(0))) {
        return Err(NotAUrl::Port);
    }
    let uri: Uri = text.parse()?;
    match (uri.host(), uri.scheme() == Some(&Scheme::HTTP) || uri.scheme() == Some(&Scheme::HTTPS)) {
        (None | Some("" | "[]"), _) => Err(NotAUrl::Host),
        (Some(_), false) => Err(NotAUrl::Scheme),
        (Some(_), true) => Ok(uri),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_need_a_scheme_and_a_host() {
        for text in [
            "https://crm.example.com/users",
            "HTTP://localhost:9001",
            "http://[::1]:80/x?y=z",
            "https://10.0.0.1?x",
            "https://example.com/%C3%A9",
        ] {
            assert!(Uri::read(text).is_ok(), "{text}");
        }
        for (text, error) in [
            ("", "it does not begin with http:// or https://"),
            ("crm.example.com/users", "it does not begin with http:// or https://"),
            ("ftp://example.com", "it does not begin with http:// or https://"),
            ("https://", "the host is missing"),
            ("https:///users", "the host is missing"),
            ("https://:80/", "the host is missing"),
            ("https://user:pass@example.com/", "it has a user name or a password"),
            ("https://example.com/#top", "it has a fragment (`#…`), which is never sent"),
            ("https://example.com:99999/", "there is no such port"),
            ("https://example.com:0/", "there is no such port"),
            ("https://example.com:/", "there is no such port"),
            ("https://exa mple.com/", "invalid uri character"),
            ("https://example.com/a b", "invalid uri character"),
        ] {
            assert_eq!(Uri::read(text).unwrap_err().why, error, "{text}");
        }
    }
}
