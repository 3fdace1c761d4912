//! Percent-encoding of one piece of a URL or of a form: everything but letters, digits and `-._~` (RFC 3986, section 2.3).

/// The text as one piece.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    encode_into(&mut encoded, text.as_bytes(), b"");
    encoded
}

/// The same for bytes, with some more that stay as they are.
pub(super) fn encode_into(encoded: &mut String, bytes: &[u8], kept: &[u8]) {
    for byte in bytes {
        if is_plain(*byte) || kept.contains(byte) {
            encoded.push(char::from(*byte));
        } else {
            encoded.push('%');
            for digit in [byte >> 4, byte & 15] {
                encoded
                    .extend(char::from_digit(u32::from(digit), 16).map(|digit| digit.to_ascii_uppercase()));
            }
        }
    }
}

/// The bytes behind an encoded piece. A `%` without two digits stands for itself.
pub(super) fn decode(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        match after {
            [high, low, next @ ..]
                if *first == b'%' && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                bytes.push((digit(*high) << 4) | digit(*low));
                rest = next;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

fn digit(letter: u8) -> u8 {
    match letter {
        b'0'..=b'9' => letter - b'0',
        _ => letter.to_ascii_lowercase().saturating_sub(b'a' - 10),
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_unreserved_stays() {
        assert_eq!(encode("aZ09-._~"), "aZ09-._~");
        assert_eq!(encode("a b/c?d=e&f%\r\n"), "a%20b%2Fc%3Fd%3De%26f%25%0D%0A");
        assert_eq!(encode("ሴ+"), "%E1%88%B4%2B");
    }

    #[test]
    fn what_was_encoded_is_decoded_and_what_was_not_stays() {
        for text in ["a b/c?d=e&f%", "ሴ", "", "%41"] {
            assert_eq!(decode(encode(text).as_bytes()), text.as_bytes(), "{text}");
        }
        assert_eq!(decode(b"%4a%4A%zz%4"), b"JJ%zz%4");
    }
}
