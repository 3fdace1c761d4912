//! The forms of what proves who calls. What is wrong with a secret is told without it.

use super::{Form, Misread, Quote};
use connectors::http::auth::scope::Paths;
use connectors::http::sign::key::Key;
use contract::Secret;
use serde_json::{Value as Json, json};

impl Form for Secret {
    const NAME: &'static str = "a secret";
    const QUOTE: Quote = Quote::Never;

    fn allowed() -> String {
        "a text on one line, best from outside: \"${NAME}\" or \"${file:PATH}\"".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        if text.is_empty() {
            return Err(Misread::new("it is empty"));
        }
        if text.chars().any(char::is_control) {
            return Err(Misread::new("it has a line break or another control character"));
        }
        Ok(Self::new(text))
    }

    fn schema() -> Json {
        json!({ "type": ["string", "number"] })
    }
}

impl Form for Key {
    const NAME: &'static str = "a signing key";
    const QUOTE: Quote = Quote::Never;

    fn allowed() -> String {
        "`whsec_` and 24 to 64 random bytes in base64, or `whsk_` and an ed25519 key; best from outside: \"${NAME}\""
            .to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        text.parse().map_err(Misread::new)
    }

    fn schema() -> Json {
        super::text_like("^(whsec|whsk)_[A-Za-z0-9+/]+=*$")
    }
}

/// A key that may have several lines, as PEM has.
#[derive(Clone, Debug)]
pub(crate) struct KeyText(pub Secret);

impl Form for KeyText {
    const NAME: &'static str = "a signing key";
    const QUOTE: Quote = Quote::Never;

    fn allowed() -> String {
        "a secret in base64, or a PEM private key; best from outside: \"${file:PATH}\" or \"${secret:NAME}\""
            .to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        if text.is_empty() { Err(Misread::new("it is empty")) } else { Ok(Self(Secret::new(text))) }
    }

    fn schema() -> Json {
        json!({ "type": "string" })
    }
}

/// A scope of OAuth 2 (RFC 6749, section 3.3).
#[derive(Clone, Debug)]
pub(crate) struct OAuthScope(pub String);

impl Form for OAuthScope {
    const NAME: &'static str = "a scope";

    fn allowed() -> String {
        "visible ASCII characters without spaces, quotes and backslashes, such as contacts.write".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        if text.is_empty()
            || !text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
        {
            return Err(Misread::default());
        }
        Ok(Self(text.to_owned()))
    }

    fn schema() -> Json {
        super::text_like(r#"^[^ "\\]+$"#)
    }
}

/// The name of a region or of a service of AWS.
#[derive(Clone, Debug)]
pub(crate) struct AwsWord(pub String);

impl Form for AwsWord {
    const NAME: &'static str = "a region or a service of AWS";

    fn allowed() -> String {
        "small letters, digits and -, such as eu-central-1 or execute-api".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if text.is_empty() || !text.bytes().all(is_plain) {
            return Err(Misread::default());
        }
        Ok(Self(text.to_owned()))
    }

    fn schema() -> Json {
        super::text_like("^[a-z0-9-]+$")
    }
}

/// A text on one line.
#[derive(Clone, Debug)]
pub(crate) struct Plain(pub String);

impl Form for Plain {
    const NAME: &'static str = "a text";

    fn allowed() -> String {
        "one or more characters on one line".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(Misread::default());
        }
        Ok(Self(text.to_owned()))
    }

    fn schema() -> Json {
        json!({ "type": "string", "minLength": 1 })
    }
}

impl Form for Paths {
    const NAME: &'static str = "a path";

    fn allowed() -> String {
        "a path such as /users, or /users/* for everything below".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        text.parse().map_err(Misread::new)
    }

    fn schema() -> Json {
        super::text_like("^/.*$")
    }
}
