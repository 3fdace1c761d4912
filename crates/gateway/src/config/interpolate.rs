//! `${NAME}`, `${file:PATH}` and `${secret:NAME}` inside a text, with `$${` for a literal `${`.

use super::environment::Environment;
use super::vault;
use std::io;
use std::ops::Range;
use std::path::Path;

/// A text with its references replaced.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Expanded {
    /// The text.
    pub text: String,
    /// Whether any of it came from outside, so that it is shown to nobody.
    pub origin: Origin,
}

/// Where a text came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// All of it stands in the configuration.
    Written,
    /// Some of it came from a variable or a file.
    Outside,
}

/// A reference that cannot be replaced.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub(crate) struct Unresolved {
    /// Where the reference stands in the text.
    pub at: Range<usize>,
    /// What is wrong with it.
    pub why: Why,
}

/// What is wrong with a reference.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Why {
    #[error("`${{` has no closing brace")]
    Open,
    #[error("`{name}` is no variable's name: use letters, digits and _")]
    Name { name: String },
    #[error("the environment variable `{name}` is not set")]
    Unset { name: String },
    #[error("the file `{path}` cannot be read: {source}")]
    Unreadable { path: String, source: io::Error },
    #[error("the file `{path}` is not UTF-8 text")]
    NotText { path: String },
    #[error(transparent)]
    Secret(#[from] vault::Fault),
}

impl Why {
    /// What to do about it.
    pub(crate) fn help(&self) -> Option<String> {
        match self {
            Self::Open | Self::Name { .. } => {
                Some("write ${NAME}, ${file:PATH} or ${secret:NAME}; a literal ${ is written $${".to_owned())
            }
            Self::Unset { name } => Some(format!("set it before the start: export {name}=…")),
            Self::Unreadable { .. } => Some("a relative path starts at the working directory".to_owned()),
            Self::NotText { .. } => None,
            Self::Secret(fault) => fault.help(),
        }
    }
}

/// Replaces every reference once: what a variable or a file holds is not looked at again.
pub(crate) fn expand(text: &str, env: &dyn Environment) -> Result<Expanded, Unresolved> {
    let mut out = String::with_capacity(text.len());
    let mut origin = Origin::Written;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(escaped) = before.strip_suffix('$') {
            out.push_str(escaped);
            out.push_str("${");
            rest = after;
            continue;
        }
        out.push_str(before);
        let start = text.len() - after.len() - "${".len();
        let Some((reference, next)) = after.split_once('}') else {
            return Err(Unresolved { at: start..text.len(), why: Why::Open });
        };
        let at = start..text.len() - next.len();
        out.push_str(&resolve(reference, env).map_err(|why| Unresolved { at, why })?);
        origin = Origin::Outside;
        rest = next;
    }
    out.push_str(rest);
    Ok(Expanded { text: out, origin })
}

fn resolve(reference: &str, env: &dyn Environment) -> Result<String, Why> {
    if let Some(path) = reference.strip_prefix("file:") {
        let path = path.trim();
        let content =
            env.file(Path::new(path)).map_err(|source| Why::Unreadable { path: path.to_owned(), source })?;
        let text = String::from_utf8(content).map_err(|_| Why::NotText { path: path.to_owned() })?;
        // Editors and `echo` end a file with a line break that nobody means as part of a password.
        return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
    }
    if let Some(name) = reference.strip_prefix("secret:") {
        return Ok(env.secret(name.trim())?);
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if reference.is_empty()
        || reference.starts_with(|c: char| c.is_ascii_digit())
        || !reference.chars().all(plain)
    {
        return Err(Why::Name { name: reference.to_owned() });
    }
    env.variable(reference).ok_or_else(|| Why::Unset { name: reference.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Environment for Fixed {
        fn variable(&self, name: &str) -> Option<String> {
            match name {
                "TOKEN" => Some("s3cret".to_owned()),
                "NESTED" => Some("${TOKEN}".to_owned()),
                "EMPTY" => Some(String::new()),
                _ => None,
            }
        }

        fn file(&self, path: &Path) -> io::Result<Vec<u8>> {
            match path.to_str() {
                Some("key") => Ok(b"from file\r\n".to_vec()),
                Some("binary") => Ok(vec![0xff]),
                _ => Err(io::ErrorKind::NotFound.into()),
            }
        }
    }

    #[test]
    fn references_are_replaced_once_and_the_rest_stays() {
        for (text, expected, origin) in [
            ("plain", "plain", Origin::Written),
            ("costs $5 and {}", "costs $5 and {}", Origin::Written),
            ("Bearer ${TOKEN}!", "Bearer s3cret!", Origin::Outside),
            ("${TOKEN}${TOKEN}", "s3crets3cret", Origin::Outside),
            ("${NESTED}", "${TOKEN}", Origin::Outside),
            ("[${EMPTY}]", "[]", Origin::Outside),
            ("${file:key}", "from file", Origin::Outside),
            ("$${TOKEN}", "${TOKEN}", Origin::Written),
            ("$$${TOKEN}", "$${TOKEN}", Origin::Written),
            ("é${TOKEN}é", "és3creté", Origin::Outside),
        ] {
            let expanded = expand(text, &Fixed).unwrap();
            assert_eq!((expanded.text.as_str(), expanded.origin), (expected, origin), "{text}");
        }
    }

    #[test]
    fn a_bad_reference_says_where_and_what() {
        for (text, at, error) in [
            ("a ${NOPE} b", 2..9, "the environment variable `NOPE` is not set"),
            ("${TOKEN", 0..7, "`${` has no closing brace"),
            ("${}", 0..3, "`` is no variable's name: use letters, digits and _"),
            ("${A-B}", 0..6, "`A-B` is no variable's name: use letters, digits and _"),
            ("${1A}", 0..5, "`1A` is no variable's name: use letters, digits and _"),
            ("${file:gone}", 0..12, "the file `gone` cannot be read: entity not found"),
            ("${file:binary}", 0..14, "the file `binary` is not UTF-8 text"),
        ] {
            let error_found = expand(text, &Fixed).unwrap_err();
            assert_eq!((error_found.at.clone(), error_found.to_string().as_str()), (at, error), "{text}");
        }
    }
}
