//! The keys of Standard Webhooks as people write them: `whsec_` for HMAC-SHA256, `whsk_` for ed25519.

use super::super::base64;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::Ed25519KeyPair;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// What a secret may be short and long, in bytes (Standard Webhooks, "Signature scheme").
const SECRET_BYTES_MIN: usize = 24;
const SECRET_BYTES_MAX: usize = 64;
/// A private key of ed25519, and the public one that may follow it.
const SEED_BYTES: usize = 32;

/// Signs. It prints as `***`.
#[derive(Clone)]
pub struct Key(Kind);

#[derive(Clone)]
enum Kind {
    Hmac(Arc<hmac::Key>),
    Ed25519(Arc<Ed25519KeyPair>),
}

/// A text that is no [`Key`]. No variant quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    /// It does not say which kind it is.
    #[error("it begins with neither `whsec_` nor `whsk_`")]
    Prefix,
    /// What verifies cannot sign.
    #[error("`whpk_` is a public key, which belongs to the receiver; the key that signs begins with `whsk_`")]
    Public,
    /// No bytes.
    #[error("what follows its prefix is not base64")]
    Base64,
    /// A secret that is too short to be safe, or too long for a receiver.
    #[error("its base64 holds {bytes} bytes instead of 24 to 64")]
    Length {
        /// How many.
        bytes: usize,
    },
    /// No ed25519 key.
    #[error("its base64 is not an ed25519 key: 32 bytes, or 64 with its public key behind it")]
    Ed25519,
}

impl Key {
    /// The version that stands before its signatures.
    pub(super) const fn version(&self) -> &'static str {
        match &self.0 {
            Kind::Hmac(_) => "v1",
            Kind::Ed25519(_) => "v1a",
        }
    }

    /// The signature over the pieces, one after the other.
    pub(super) fn sign(&self, pieces: &[&[u8]]) -> Vec<u8> {
        match &self.0 {
            Kind::Hmac(key) => {
                let mut context = hmac::Context::with_key(key);
                for piece in pieces {
                    context.update(piece);
                }
                context.sign().as_ref().to_vec()
            }
            // It reads what it signs twice, so it needs it in one piece.
            Kind::Ed25519(key) => key.sign(&pieces.concat()).as_ref().to_vec(),
        }
    }
}

impl FromStr for Key {
    type Err = NotAKey;
    fn from_str(text: &str) -> Result<Self, NotAKey> {
        if let Some(secret) = text.strip_prefix("whsec_") {
            let bytes = base64::decode(secret).ok_or(NotAKey::Base64)?;
            if !(SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&bytes.len()) {
                return Err(NotAKey::Length { bytes: bytes.len() });
            }
            return Ok(Self(Kind::Hmac(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))));
        }
        if text.starts_with("whpk_") {
            return Err(NotAKey::Public);
        }
        let private = text.strip_prefix("whsk_").ok_or(NotAKey::Prefix)?;
        let bytes = base64::decode(private).ok_or(NotAKey::Base64)?;
        let pair = match bytes.split_at_checked(SEED_BYTES) {
            Some((seed, [])) => Ed25519KeyPair::from_seed_unchecked(seed),
            Some((seed, public)) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
            None => return Err(NotAKey::Ed25519),
        };
        Ok(Self(Kind::Ed25519(Arc::new(pair.map_err(|_| NotAKey::Ed25519)?))))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_says_why() {
        let cases = [
            ("", NotAKey::Prefix),
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", NotAKey::Prefix),
            ("whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=", NotAKey::Public),
            ("whsec_%", NotAKey::Base64),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", NotAKey::Length { bytes: 23 }),
            ("whsec_", NotAKey::Length { bytes: 0 }),
            ("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", NotAKey::Ed25519),
            // A public key that is not that of the private one.
            (
                "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlaaaaaaaaaaAJ6p9lMicMFs6Kvg==",
                NotAKey::Ed25519,
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Key>().unwrap_err(), expected, "{text}");
        }
        let too_long = format!("whsec_{}", base64::encode(&[7; 65]));
        assert_eq!(too_long.parse::<Key>().unwrap_err(), NotAKey::Length { bytes: 65 });
    }

    #[test]
    fn a_key_prints_as_nothing() {
        assert_eq!(format!("{:?}", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse::<Key>()), "Ok(***)");
    }
}
