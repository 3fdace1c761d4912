//! Signs a request as Standard Webhooks asks: over id, timestamp and body, anew for each attempt, once with each key.

pub mod key;
pub mod message;

use super::base64;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use key::Key;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Bytes of one signature as text, at most: `v1a,` and 64 bytes in base64.
const SIGNATURE_BYTES: usize = 92;

/// Writes `webhook-signature`, one signature per key with spaces between, so that a receiver that knows one of the keys is
/// content while keys are exchanged. Without keys nothing is written.
pub(super) fn sign(keys: &[Key], fields: &mut HeaderMap, body: &Bytes) {
    if keys.is_empty() {
        return;
    }
    let field = |name| fields.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
    let (id, timestamp) = (field(WEBHOOK_ID), field(WEBHOOK_TIMESTAMP));
    let mut written = String::with_capacity(keys.len() * (SIGNATURE_BYTES + 1));
    for key in keys {
        if !written.is_empty() {
            written.push(' ');
        }
        written.push_str(key.version());
        written.push(',');
        written.push_str(&base64::encode(&key.sign(&[id, b".", timestamp, b".", body])));
    }
    // Letters, digits and punctuation of ASCII: it is always a value.
    if let Ok(value) = HeaderValue::try_from(written) {
        fields.insert(WEBHOOK_SIGNATURE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HMAC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const HMAC_SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const ED25519: &str =
        "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
    const ED25519_SEED: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=";
    const ED25519_SIGNATURE: &str =
        "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";

    /// What the published examples sign, signed with these keys.
    fn signed(keys: &[&str]) -> Option<String> {
        let mut fields = HeaderMap::new();
        fields.insert("webhook-id", HeaderValue::from_static("msg_p5jXN8AQM9LWM0D4loKWxJek"));
        fields.insert("webhook-timestamp", HeaderValue::from_static("1614265330"));
        let keys: Vec<Key> = keys.iter().map(|key| key.parse().unwrap()).collect();
        sign(&keys, &mut fields, &Bytes::from_static(br#"{"test": 2432232314}"#));
        Some(fields.get("webhook-signature")?.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_published_examples_are_signed_as_published() {
        assert_eq!(signed(&[HMAC]).unwrap(), HMAC_SIGNATURE);
        assert_eq!(signed(&[ED25519]).unwrap(), ED25519_SIGNATURE);
        assert_eq!(signed(&[ED25519_SEED]).unwrap(), ED25519_SIGNATURE);
    }

    #[test]
    fn each_key_signs_while_they_are_exchanged() {
        let both = signed(&[HMAC, ED25519]).unwrap();
        assert_eq!(both, format!("{HMAC_SIGNATURE} {ED25519_SIGNATURE}"));
        assert_eq!(signed(&[]), None);
    }
}
