//! The value of `--data`: a text, a file, or standard input.

use bytes::Bytes;
use contract::limits;
use std::convert::Infallible;
use std::io::{self, Read};
use std::path::PathBuf;
use std::str::FromStr;

/// Where a body comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    /// The argument itself.
    Text(String),
    /// `@FILE`
    File(PathBuf),
    /// `-`
    Stdin,
}

/// A body cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum PayloadError {
    /// The file or the input.
    #[error("{from} cannot be read")]
    Read { from: String, source: io::Error },
    /// More than any server takes.
    #[error("{from} has more than {} bytes, the most that a message may have", limits::BODY_BYTES_MAX)]
    TooLarge { from: String },
}

impl FromStr for Payload {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.strip_prefix('@') {
            Some(path) => Self::File(path.into()),
            None if text == "-" => Self::Stdin,
            None => Self::Text(text.to_owned()),
        })
    }
}

impl Payload {
    /// The bytes.
    pub(super) fn read(self) -> Result<Bytes, PayloadError> {
        match self {
            Self::Text(text) => Ok(text.into()),
            Self::Stdin => whole("standard input".to_owned(), || Ok(io::stdin().lock())),
            Self::File(path) => whole(path.display().to_string(), || std::fs::File::open(&path)),
        }
    }
}

fn whole<R: Read>(from: String, open: impl FnOnce() -> io::Result<R>) -> Result<Bytes, PayloadError> {
    let mut bytes = Vec::new();
    let most = limits::BODY_BYTES_MAX as u64;
    match open().and_then(|source| source.take(most + 1).read_to_end(&mut bytes)) {
        Err(source) => Err(PayloadError::Read { from, source }),
        Ok(length) if length as u64 > most => Err(PayloadError::TooLarge { from }),
        Ok(_) => Ok(bytes.into()),
    }
}

/// The type of JSON.
pub(super) const JSON: &str = "application/json";

/// What bytes look like.
pub(super) fn content_type(bytes: &[u8]) -> &'static str {
    if serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() {
        JSON
    } else if std::str::from_utf8(bytes).is_ok() {
        "text/plain; charset=utf-8"
    } else {
        "application/octet-stream"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_a_text_a_file_or_standard_input() {
        let cases = [
            ("{}", Payload::Text("{}".to_owned())),
            ("", Payload::Text(String::new())),
            ("--", Payload::Text("--".to_owned())),
            ("@a/b.json", Payload::File("a/b.json".into())),
            ("-", Payload::Stdin),
        ];
        for (text, payload) in cases {
            assert_eq!(text.parse(), Ok(payload));
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Payload::File("no/such.json".into()).read().unwrap_err().to_string();
        assert_eq!(error, "no/such.json cannot be read");
    }

    #[test]
    fn the_content_type_is_what_the_bytes_look_like() {
        assert_eq!(content_type(b"{\"a\": 1}"), "application/json");
        assert_eq!(content_type(b"hello"), "text/plain; charset=utf-8");
        assert_eq!(content_type(b"\xff\x00"), "application/octet-stream");
    }
}
