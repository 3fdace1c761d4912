//! Signs a request's own parts: HTTP Message Signatures (RFC 9421), with a `content-digest` (RFC 9530) that stands for the body.

use super::super::base64;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use contract::Timestamp;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Request, Uri};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use std::fmt;
use std::sync::Arc;

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");

/// The fewest bytes of a secret (RFC 2104, section 3: as many as the hash gives).
const SECRET_BYTES_MIN: usize = 32;
/// The longest name of a key.
const ID_BYTES_MAX: usize = 128;

/// Signs, under a name by which a receiver finds what verifies. It prints as `***`.
#[derive(Clone)]
pub struct Key {
    id: Arc<str>,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Hmac(Arc<hmac::Key>),
    Ed25519(Arc<Ed25519KeyPair>),
    P256(Arc<EcdsaKeyPair>),
}

/// A pair of texts that is no [`Key`]. No variant quotes the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    /// RFC 8941, section 3.3.3: a string in quotes.
    #[error("its name has to be 1 to {ID_BYTES_MAX} visible ASCII characters without quotes and backslashes")]
    Id,
    /// Neither base64 nor a key in PEM.
    #[error("it is neither a secret in base64 nor a PEM private key (PKCS #8)")]
    Form,
    /// A secret that is too short to be safe.
    #[error("its base64 holds {bytes} bytes instead of {SECRET_BYTES_MIN} or more")]
    Length {
        /// How many.
        bytes: usize,
    },
    /// RSA, or another curve.
    #[error("the PEM private key is neither ed25519 nor ECDSA on P-256")]
    Curve,
}

impl Key {
    /// A secret in base64 makes `hmac-sha256`; a PEM private key (PKCS #8) makes `ed25519` or `ecdsa-p256-sha256`.
    ///
    /// # Errors
    /// [`NotAKey`]
    pub fn try_new(id: &str, text: &str) -> Result<Self, NotAKey> {
        let plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        if !(1..=ID_BYTES_MAX).contains(&id.len()) || !id.bytes().all(plain) {
            return Err(NotAKey::Id);
        }
        Ok(Self { id: id.into(), kind: kind(text)? })
    }

    /// The name in the registry of RFC 9421, section 6.2.
    const fn algorithm(&self) -> &'static str {
        match &self.kind {
            Kind::Hmac(_) => "hmac-sha256",
            Kind::Ed25519(_) => "ed25519",
            Kind::P256(_) => "ecdsa-p256-sha256",
        }
    }

    /// None only where the system has no randomness.
    fn sign(&self, base: &str) -> Option<Vec<u8>> {
        let base = base.as_bytes();
        match &self.kind {
            Kind::Hmac(key) => Some(hmac::sign(key, base).as_ref().to_vec()),
            Kind::Ed25519(key) => Some(key.sign(base).as_ref().to_vec()),
            Kind::P256(key) => Some(key.sign(&SystemRandom::new(), base).ok()?.as_ref().to_vec()),
        }
    }
}

fn kind(text: &str) -> Result<Kind, NotAKey> {
    if text.contains("-----BEGIN") {
        let der = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).map_err(|_| NotAKey::Form)?;
        let der = der.secret_pkcs8_der();
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            return Ok(Kind::Ed25519(Arc::new(pair)));
        }
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der);
        return pair.map(|pair| Kind::P256(Arc::new(pair))).map_err(|_| NotAKey::Curve);
    }
    let bytes = base64::decode(text).ok_or(NotAKey::Form)?;
    if bytes.len() < SECRET_BYTES_MIN {
        return Err(NotAKey::Length { bytes: bytes.len() });
    }
    Ok(Kind::Hmac(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &bytes))))
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Signs a finished request over method, target URI, digest and type of the body, and `webhook-id`. `origin` has the scheme and the
/// authority that the request goes to.
pub(in super::super) fn sign<B>(
    key: &Key,
    request: &mut Request<B>,
    origin: &Uri,
    body: &[u8],
    at: Timestamp,
) {
    if let Ok(value) = HeaderValue::try_from(content_digest(body)) {
        request.headers_mut().insert(CONTENT_DIGEST, value);
    }
    let covered = covered(request, origin);
    let parameters = parameters(key, &covered, at.as_micros() / 1_000_000);
    let Some(signature) = key.sign(&base(&covered, &parameters)) else { return };
    let fields = request.headers_mut();
    // Names, numbers and base64: they are always values.
    let input = HeaderValue::try_from(format!("{LABEL}={parameters}"));
    let signature = HeaderValue::try_from(format!("{LABEL}=:{}:", base64::encode(&signature)));
    if let (Ok(input), Ok(signature)) = (input, signature) {
        fields.insert(SIGNATURE_INPUT, input);
        fields.insert(SIGNATURE, signature);
    }
}

/// What tells one signature of a request from another.
const LABEL: &str = "fanlight";

fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", base64::encode(digest(&SHA256, body).as_ref()))
}

/// The components that are signed, and their values. What a request does not have cannot be signed.
fn covered<B>(request: &Request<B>, origin: &Uri) -> Vec<(&'static str, String)> {
    let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    let authority = origin.authority().map_or("", |authority| authority.as_str());
    let scheme = origin.scheme_str().unwrap_or_default();
    let mut covered = vec![
        ("@method", request.method().as_str().to_owned()),
        ("@target-uri", format!("{scheme}://{authority}{path}")),
    ];
    for (name, component) in
        [(CONTENT_DIGEST, "content-digest"), (CONTENT_TYPE, "content-type"), (WEBHOOK_ID, "webhook-id")]
    {
        let values: Option<Vec<&str>> =
            request.headers().get_all(name).iter().map(|value| value.to_str().ok().map(str::trim)).collect();
        // RFC 9421, section 2.1: several lines of one name are joined. What is not ASCII has no place in a signature base.
        covered
            .extend(values.filter(|values| !values.is_empty()).map(|values| (component, values.join(", "))));
    }
    covered
}

/// RFC 9421, section 2.3: which components are signed, when, with which key.
fn parameters(key: &Key, covered: &[(&'static str, String)], seconds: u64) -> String {
    let names: Vec<_> = covered.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let (id, algorithm) = (&key.id, key.algorithm());
    format!("({});created={seconds};keyid=\"{id}\";alg=\"{algorithm}\"", names.join(" "))
}

/// RFC 9421, section 2.5: what is signed, one component a line.
fn base(covered: &[(&'static str, String)], parameters: &str) -> String {
    let mut base = String::with_capacity(512);
    for (name, value) in covered {
        base.push_str(&format!("\"{name}\": {value}\n"));
    }
    base.push_str(&format!("\"@signature-params\": {parameters}"));
    base
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, KeyPair, UnparsedPublicKey};

    // RFC 9421, appendix B.1.4 and B.1.5, and a key on P-256 of our own.
    const ED25519: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----
";
    const SHARED: &str =
        "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";

    fn key(text: &str) -> Key {
        Key::try_new("test-key", text).unwrap()
    }

    fn signed(text: &str, covered: &[(&'static str, &str)], parameters: &str) -> String {
        let covered: Vec<_> = covered.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        base64::encode(&key(text).sign(&base(&covered, parameters)).unwrap())
    }

    #[test]
    fn the_vectors_of_the_rfc_are_signed_as_printed() {
        let (date, kind) = (("date", "Tue, 20 Apr 2021 02:07:55 GMT"), ("content-type", "application/json"));
        let shared = signed(
            SHARED,
            &[date, ("@authority", "example.com"), kind],
            r#"("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#,
        );
        assert_eq!(shared, "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=", "appendix B.2.5");
        let ed25519 = signed(
            ED25519,
            &[
                date,
                ("@method", "POST"),
                ("@path", "/foo"),
                ("@authority", "example.com"),
                kind,
                ("content-length", "18"),
            ],
            r#"("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#,
        );
        assert_eq!(
            ed25519,
            "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
            "appendix B.2.6"
        );
        assert_eq!(
            content_digest(br#"{"hello": "world"}"#),
            "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
            "RFC 9530, appendix B"
        );
    }

    #[test]
    fn a_request_is_signed_over_what_it_has() {
        let mut request = Request::post("/a?b=c").body(()).unwrap();
        let fields = request.headers_mut();
        fields.insert("webhook-id", HeaderValue::from_static("dlv_1"));
        fields.insert("content-digest", HeaderValue::from_static("sha-256=:of the caller:"));
        let origin = Uri::from_static("https://api.example:8443/");
        sign(&key(SHARED), &mut request, &origin, b"{}", Timestamp::from_micros(1_700_000_000_999_999));
        let parameters = r#"("@method" "@target-uri" "content-digest" "webhook-id");created=1700000000;keyid="test-key";alg="hmac-sha256""#;
        assert_eq!(request.headers()["signature-input"], format!("fanlight={parameters}"));
        let digest = "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:";
        assert_eq!(request.headers()["content-digest"], digest);
        let covered = [
            ("@method", "POST"),
            ("@target-uri", "https://api.example:8443/a?b=c"),
            ("content-digest", digest),
            ("webhook-id", "dlv_1"),
        ];
        assert_eq!(
            request.headers()["signature"],
            format!("fanlight=:{}:", signed(SHARED, &covered, parameters))
        );
    }

    #[test]
    fn a_key_on_p256_makes_signatures_that_its_public_key_verifies() {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let key = key(&pair.serialize_pem());
        let signature = key.sign("base").unwrap();
        let Kind::P256(own) = &key.kind else { panic!("another kind") };
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, own.public_key().as_ref().to_vec());
        assert_eq!((signature.len(), public.verify(b"base", &signature).is_ok()), (64, true));
        assert!(public.verify(b"other", &signature).is_err());
    }

    #[test]
    fn what_is_no_key_says_why_and_never_itself() {
        let p384 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap().serialize_pem();
        let cases = [
            ("a\"b", SHARED, NotAKey::Id),
            ("", SHARED, NotAKey::Id),
            ("a\nb", SHARED, NotAKey::Id),
            ("k", "%", NotAKey::Form),
            ("k", "c2hvcnQ=", NotAKey::Length { bytes: 5 }),
            ("k", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", NotAKey::Curve),
            ("k", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", NotAKey::Form),
            ("k", &p384, NotAKey::Curve),
        ];
        for (id, text, wrong) in cases {
            assert_eq!(Key::try_new(id, text).unwrap_err(), wrong, "{id}");
        }
        assert_eq!(format!("{:?}", key(SHARED)), "***");
    }
}
