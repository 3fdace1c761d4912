//! The path parameters of a request, kept with its message as one header field that no target ever gets.

use crate::message::Headers;

/// The field: the gateway's own, so that no caller can set it and no target is sent it.
pub const FIELD: &str = "fanlight-params";

/// The field's value.
///
/// ```
/// use contract::{message::Headers, params};
/// let written = params::write([("id", "a/b"), ("rest", "ü&=\r\n")]);
/// assert_eq!(written, "id=a%2Fb&rest=%C3%BC%26%3D%0D%0A");
/// let headers = Headers::from_pairs([(params::FIELD, written.as_bytes())]);
/// let read: Vec<_> = params::read(&headers).collect();
/// assert_eq!(read, [("id".to_owned(), "a/b".to_owned()), ("rest".to_owned(), "ü&=\r\n".to_owned())]);
/// ```
#[must_use]
pub fn write<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        let gap = if text.is_empty() { "" } else { "&" };
        text.push_str(gap);
        encode(name, "", &mut text);
        text.push('=');
        encode(value, "", &mut text);
    }
    text
}

/// Names and values.
pub fn read(headers: &Headers) -> impl Iterator<Item = (String, String)> {
    let text = headers.value(FIELD).and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default();
    text.split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((decode(name)?, decode(value)?))
    })
}

/// Percent-encodes all but letters, digits, `-._~` and what is in `keep`.
pub fn encode(text: &str, keep: &str, out: &mut String) {
    for byte in text.bytes() {
        let letter = char::from(byte);
        if byte.is_ascii_alphanumeric() || "-._~".contains(letter) || byte.is_ascii() && keep.contains(letter)
        {
            out.push(letter);
        } else {
            let digit = |four: u8| {
                char::from_digit(u32::from(four), 16).map_or('0', |digit| digit.to_ascii_uppercase())
            };
            out.extend(['%', digit(byte >> 4), digit(byte & 0xf)]);
        }
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit =
            |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(if byte == b'%' { digit(rest.next())? << 4 | digit(rest.next())? } else { byte });
    }
    String::from_utf8(bytes).ok()
}
