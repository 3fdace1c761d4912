//! JSON text to jq's values and back, both strictly: jq's own reader and writer take and give more than JSON.

use contract::expression::Fault;
use jaq_json::{Num, Val};
use serde::de::IgnoredAny;

/// How deep a value may be nested; the same bound as in `serde_json`.
pub(crate) const DEPTH_MAX: usize = 128;
/// Digits of one number, as reading and printing take quadratic time.
const DIGITS_MAX: usize = 1000;

/// Whether jq takes an output of an expression for true: it is neither `null` nor `false`.
#[must_use]
pub fn is_true(json: &[u8]) -> bool {
    !matches!(json.trim_ascii(), b"null" | b"false")
}

/// Reads exactly one JSON text.
pub(crate) fn read(bytes: &[u8]) -> Result<Val, Fault> {
    check(bytes)?;
    jaq_json::read::parse_single(bytes).map_err(|error| Fault::NotJson { detail: error.to_string() })
}

/// Whether it is exactly one JSON text, and within limits.
pub(crate) fn check(bytes: &[u8]) -> Result<(), Fault> {
    let not_json = |detail: String| Fault::NotJson { detail };
    let text = str::from_utf8(bytes).map_err(|error| not_json(error.to_string()))?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| not_json(error.to_string()))?;
    within_limits(bytes)
}

/// Checks the nesting and the numbers of a text that is known to be JSON.
fn within_limits(json: &[u8]) -> Result<(), Fault> {
    let (mut depth, mut digits) = (0_usize, 0_usize);
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        match byte {
            b'"' => skip_string(&mut bytes),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Err(exceeded(format!("the body is nested more than {DEPTH_MAX} levels deep")));
        }
        if digits > DIGITS_MAX {
            return Err(exceeded(format!("the body has a number of more than {DIGITS_MAX} digits")));
        }
    }
    Ok(())
}

fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

/// Writes `value` as JSON, if it is JSON and not too large.
pub(crate) fn write(value: &Val, bytes_max: usize) -> Result<Vec<u8>, Fault> {
    let mut writer = Writer { out: Vec::with_capacity(128), bytes_max };
    writer.value(value, 0)?;
    Ok(writer.out)
}

struct Writer {
    out: Vec<u8>,
    bytes_max: usize,
}

impl Writer {
    fn value(&mut self, value: &Val, depth: usize) -> Result<(), Fault> {
        if depth > DEPTH_MAX {
            return Err(exceeded(format!("the output is nested more than {DEPTH_MAX} levels deep")));
        }
        match value {
            Val::Null => self.out.extend(b"null"),
            Val::Bool(true) => self.out.extend(b"true"),
            Val::Bool(false) => self.out.extend(b"false"),
            Val::Num(number) => self.number(number)?,
            Val::TStr(text) => self.text(text)?,
            Val::BStr(_) => return Err(not_json("a byte string has no form in JSON")),
            Val::Arr(items) => {
                self.out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    self.separate(index);
                    self.value(item, depth + 1)?;
                }
                self.out.push(b']');
            }
            Val::Obj(entries) => {
                self.out.push(b'{');
                for (index, (key, value)) in entries.iter().enumerate() {
                    self.separate(index);
                    let Val::TStr(key) = key else {
                        return Err(not_json("an object has a key that is no string"));
                    };
                    self.text(key)?;
                    self.out.push(b':');
                    self.value(value, depth + 1)?;
                }
                self.out.push(b'}');
            }
        }
        if self.out.len() > self.bytes_max {
            return Err(exceeded(format!("the output has more than {} bytes", self.bytes_max)));
        }
        Ok(())
    }

    fn separate(&mut self, index: usize) {
        if index > 0 {
            self.out.push(b',');
        }
    }

    fn number(&mut self, number: &Num) -> Result<(), Fault> {
        let text = number.to_string();
        let whole = matches!(number, Num::Int(_) | Num::BigInt(_));
        if whole || serde_json::from_str::<IgnoredAny>(&text).is_ok() {
            self.out.extend(text.bytes());
            return Ok(());
        }
        // Decimals keep the spelling of their source, which in a program or a string may be `007.5` or `+1.5`.
        let spelled = text.parse::<f64>().ok().filter(|value| value.is_finite());
        let value = spelled.ok_or_else(|| not_json(&format!("the number {text} has no form in JSON")))?;
        self.out.extend(value.to_string().bytes());
        Ok(())
    }

    fn text(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let text = str::from_utf8(bytes).map_err(|_| not_json("a string is not UTF-8"))?;
        serde_json::to_writer(&mut self.out, text).map_err(|error| not_json(&error.to_string()))
    }
}

fn not_json(detail: &str) -> Fault {
    Fault::Raised { detail: format!("the output is not JSON: {detail}") }
}

fn exceeded(bound: String) -> Fault {
    Fault::Exceeded { bound }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn same(json: &str) {
        assert_eq!(write(&read(json.as_bytes()).unwrap(), 10_000).unwrap(), json.as_bytes());
    }

    #[test]
    fn what_is_read_is_written_as_it_was() {
        for json in [
            "null",
            "true",
            "false",
            "0",
            "-1",
            "1.0",
            "1",
            "-0.0",
            "1e2",
            "1E+2",
            "1e1000",
            "0.10",
            "123456789012345678901234567890123456789",
            "9007199254740993",
            "-9223372036854775809",
            r#""""#,
            r#""a\"\\\n\u0001é😀""#,
            "[]",
            "{}",
            r#"[1,[2,{"a":null}],""]"#,
            r#"{"b":1,"a":2}"#,
            "\"\u{7f}\"",
        ] {
            same(json);
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            " ",
            "nan",
            "NaN",
            "Infinity",
            "+1",
            "01",
            ".5",
            "1.",
            "b\"x\"",
            "# comment\n1",
            "1 # comment",
            "1 2",
            "[1,]",
            "{a:1}",
            "{\"a\"}",
            "'a'",
            "\"\t\"",
            "\"\\x\"",
            "\"\\ud800\"",
            "tru",
            "\u{feff}1",
            "[",
            "{1:2}",
        ] {
            assert!(matches!(read(text.as_bytes()), Err(Fault::NotJson { .. })), "{text:?}");
        }
        assert!(matches!(read(b"\"\xff\""), Err(Fault::NotJson { .. })));
    }

    #[test]
    fn nesting_and_numbers_are_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        same(&nested(DEPTH_MAX));
        for depth in [DEPTH_MAX + 1, 10_000, 1_000_000] {
            assert!(matches!(read(nested(depth).as_bytes()), Err(Fault::Exceeded { .. })), "{depth}");
        }
        assert!(matches!(read("[".repeat(10_000).as_bytes()), Err(Fault::NotJson { .. })));
        same(&"9".repeat(DIGITS_MAX));
        assert!(matches!(read("9".repeat(DIGITS_MAX + 1).as_bytes()), Err(Fault::Exceeded { .. })));
        same(&format!("\"{}\"", "9[".repeat(DIGITS_MAX)));
        same(r#"["\"[[[","\\"]"#);
    }

    #[test]
    fn what_json_cannot_say_is_an_error() {
        for value in [
            Val::from(f64::NAN),
            Val::from(f64::INFINITY),
            Val::byte_str(&b"x"[..]),
            Val::utf8_str(&b"\xff"[..]),
            Val::obj([(Val::Null, Val::Null)].into_iter().collect()),
        ] {
            assert!(matches!(write(&value, 1000), Err(Fault::Raised { .. })), "{value:?}");
        }
    }

    #[test]
    fn odd_spellings_of_numbers_become_json() {
        let spelled = |text: &str| Val::Num(Num::Dec(text.to_owned().into()));
        assert_eq!(write(&spelled("007.5"), 1000).unwrap(), b"7.5");
        assert_eq!(write(&spelled("+1.5"), 1000).unwrap(), b"1.5");
        assert_eq!(write(&spelled("1.50"), 1000).unwrap(), b"1.50");
    }

    #[test]
    fn a_large_output_is_stopped() {
        let value = Val::utf8_str("x".repeat(100));
        assert!(write(&value, 102).is_ok());
        assert!(matches!(write(&value, 101), Err(Fault::Exceeded { .. })));
    }

    #[test]
    fn only_null_and_false_are_not_true() {
        assert!(!is_true(b"null") && !is_true(b"false") && !is_true(b" false\n"));
        assert!(
            is_true(b"true") && is_true(b"0") && is_true(b"\"\"") && is_true(b"[]") && is_true(b"\"null\"")
        );
    }
}
