//! The value of `--header`: NAME:VALUE.

use http::header::{HeaderName, HeaderValue};

pub(super) fn parse(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("a header is NAME:VALUE")?;
    let name = name.trim().parse().map_err(|_| format!("`{}` is no name of a header", name.trim()))?;
    let value = value.trim().parse().map_err(|_| "the value has characters that a header does not take")?;
    Ok((name, value))
}
