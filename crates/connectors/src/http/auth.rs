//! What proves to a target who calls: as configured, and made ready to be put on a request.
//!
//! A credential belongs to one target. Requests of a target go to the host of its URL and nowhere else (redirects are not
//! followed), so a credential never reaches another origin; a [`Scope`] narrows it further.

pub mod aws;
pub mod scope;

use super::base64;
use super::classify::Failure;
use super::fields;
use super::percent;
use aws::Aws;
use contract::delivery::ErrorClass;
use contract::target::Lasting;
use contract::{Secret, Timestamp};
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Request, Uri};
use scope::Scope;

/// A target's credential.
#[derive(Clone, Debug, Hash)]
pub struct Auth {
    /// How it proves who calls.
    pub proof: Proof,
    /// What it may be used for.
    pub scope: Scope,
}

/// How a call proves who makes it.
#[derive(Clone, Debug, Hash)]
pub enum Proof {
    /// `authorization: Bearer …` (RFC 6750).
    Bearer(Secret),
    /// `authorization: Basic …` (RFC 7617).
    Basic {
        /// Without a colon.
        user: Secret,
        /// Anything.
        password: Secret,
    },
    /// A key in a header of its own.
    Header {
        /// Its name.
        name: HeaderName,
        /// The key.
        value: Secret,
    },
    /// A key in the query of the URL.
    Query {
        /// The parameter.
        name: String,
        /// The key.
        value: Secret,
    },
    /// A bearer token that is fetched, kept and renewed.
    OAuth2(OAuth2),
    /// A signature of the request.
    Aws(Aws),
}

/// How to get a token of the target (RFC 6749, section 4.4).
#[derive(Clone, Debug, Hash)]
pub struct OAuth2 {
    /// Where tokens are given.
    pub token_url: Uri,
    /// Who asks.
    pub client_id: Secret,
    /// Its password.
    pub client_secret: Secret,
    /// What the token is to be good for.
    pub scopes: Vec<String>,
    /// For whom, where the endpoint asks for it.
    pub audience: Option<String>,
    /// Where the endpoint looks for id and secret.
    pub client_auth: ClientAuth,
}

/// Where a token endpoint looks for the client's id and secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientAuth {
    /// In `authorization: Basic …`.
    Basic,
    /// In the form.
    Post,
}

/// A credential that can never work. No variant quotes it.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A line break or the like.
    #[error("the credential has a line break or another character that a header cannot carry")]
    Unwritable,
    /// RFC 7617, section 2.
    #[error("the user name of `basic` has a colon, which would end it early")]
    Colon,
    /// The connection or the gateway writes it.
    #[error("the header `{name}` is written by the gateway and cannot carry a key")]
    Reserved {
        /// Its name.
        name: String,
    },
}

impl Auth {
    /// Whether it can ever work.
    ///
    /// # Errors
    /// [`Fault`]: what is wrong, for the person who wrote the configuration.
    pub fn check(&self) -> Result<(), Fault> {
        Credential::try_new(Some(self)).map(drop)
    }
}

/// A credential, ready.
pub(super) struct Credential {
    seal: Seal,
    scope: Scope,
}

/// What is put on a request.
enum Seal {
    Nothing,
    Field(HeaderName, HeaderValue),
    /// `name=value`, encoded.
    Pair(Secret),
    /// The token of the call.
    Token,
    Signature(Box<Aws>),
}

/// What a proof may be about, besides the request.
pub(super) struct Facts<'a> {
    /// The token that was fetched for the call.
    pub(super) token: Option<&'a HeaderValue>,
    pub(super) body: &'a [u8],
    /// When the attempt began.
    pub(super) at: Timestamp,
}

impl Credential {
    pub(super) fn try_new(auth: Option<&Auth>) -> Result<Self, Fault> {
        let Some(auth) = auth else { return Ok(Self { seal: Seal::Nothing, scope: Scope::default() }) };
        let seal = match &auth.proof {
            Proof::Bearer(token) => Seal::Field(AUTHORIZATION, bearer(token)?),
            Proof::Basic { user, password } => Seal::Field(AUTHORIZATION, basic(user, password)?),
            Proof::Header { name, value } if !fields::is_reserved(name.as_str()) => {
                Seal::Field(name.clone(), covered(value.expose())?)
            }
            Proof::OAuth2(_) => Seal::Token,
            Proof::Aws(aws) => Seal::Signature(writable(aws)?),
            Proof::Header { name, .. } => return Err(Fault::Reserved { name: name.as_str().to_owned() }),
            Proof::Query { name, value } => Seal::Pair(Secret::new(format!(
                "{}={}",
                percent::encode(name),
                percent::encode(value.expose())
            ))),
        };
        Ok(Self { seal, scope: auth.scope.clone() })
    }

    /// Puts the credential on a finished request; what it is not meant for is not sent at all.
    pub(super) fn prove<B>(&self, request: &mut Request<B>, facts: &Facts<'_>) -> Result<(), Failure> {
        match &self.seal {
            Seal::Nothing => return Ok(()),
            Seal::Field(..) | Seal::Pair(_) | Seal::Token | Seal::Signature(_) => {}
        }
        self.scope.admit(request.method(), request.uri().path()).map_err(|refusal| refused(&refusal))?;
        match &self.seal {
            Seal::Nothing => {}
            Seal::Field(name, value) => {
                request.headers_mut().insert(name, value.clone());
            }
            Seal::Token => {
                let token = facts.token.ok_or_else(|| refused("there is no token"))?;
                request.headers_mut().insert(AUTHORIZATION, token.clone());
            }
            Seal::Signature(aws) => {
                let mut value =
                    aws.sign(request, facts.body, facts.at).map_err(|_| refused(Fault::Unwritable))?;
                value.set_sensitive(true);
                request.headers_mut().insert(AUTHORIZATION, value);
            }
            Seal::Pair(pair) => {
                let url = with_pair(request.uri(), pair).ok_or_else(|| refused("the URL is too long"))?;
                *request.uri_mut() = url;
            }
        }
        Ok(())
    }
}

/// Nothing was sent, and a repeat would not be either.
fn refused(cause: impl ToString) -> Failure {
    Failure { lasting: Lasting::Lasting, ..Failure::unsent(ErrorClass::LocalAuth, cause.to_string()) }
}

/// The value of an `authorization` with a bearer token.
pub(super) fn bearer(token: &Secret) -> Result<HeaderValue, Fault> {
    covered(&format!("Bearer {}", token.expose()))
}

/// The value of an `authorization` with user and password.
pub(super) fn basic(user: &Secret, password: &Secret) -> Result<HeaderValue, Fault> {
    if user.expose().contains(':') {
        return Err(Fault::Colon);
    }
    let pair = format!("{}:{}", user.expose(), password.expose());
    covered(&format!("Basic {}", base64::encode(pair.as_bytes())))
}

/// With nothing in it that a header cannot carry.
fn writable(aws: &Aws) -> Result<Box<Aws>, Fault> {
    for secret in [&aws.access_key_id].into_iter().chain(&aws.session_token) {
        covered(secret.expose())?;
    }
    Ok(Box::new(aws.clone()))
}

/// A value that prints as `Sensitive`, and that HTTP/2 keeps out of its table.
pub(super) fn covered(text: &str) -> Result<HeaderValue, Fault> {
    let mut value = HeaderValue::from_str(text).map_err(|_| Fault::Unwritable)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Stands for a token that nobody has asked for yet.
pub(super) fn unknown_token() -> HeaderValue {
    let mut value = HeaderValue::from_static("Bearer token");
    value.set_sensitive(true);
    value
}

fn with_pair(url: &Uri, pair: &Secret) -> Option<Uri> {
    let path = url.path_and_query().map_or("/", PathAndQuery::as_str);
    let joint = if url.query().is_some() { '&' } else { '?' };
    let mut parts = url.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("{path}{joint}{}", pair.expose())).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;

    const NO_FACTS: Facts<'_> = Facts { token: None, body: b"", at: Timestamp::ZERO };

    fn proven(proof: Proof, url: &str) -> Request<()> {
        let auth = Auth { proof, scope: Scope::default() };
        let mut request = Request::post(url).body(()).unwrap();
        Credential::try_new(Some(&auth)).unwrap().prove(&mut request, &NO_FACTS).unwrap();
        request
    }

    #[test]
    fn each_proof_stands_where_its_api_looks_for_it() {
        let secret = Secret::new;
        let token = proven(Proof::Bearer(secret("t0ken")), "/a");
        assert_eq!(token.headers()["authorization"], "Bearer t0ken");
        let user = Proof::Basic { user: secret("Aladdin"), password: secret("open sesame") };
        assert_eq!(proven(user, "/a").headers()["authorization"], "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let key = Proof::Header { name: HeaderName::from_static("x-api-key"), value: secret("k") };
        assert_eq!(proven(key, "/a").headers()["x-api-key"], "k");
        for (url, expected) in [
            ("/a", "/a?api%20key=a%26b%2F%0A"),
            ("/a?b=c", "/a?b=c&api%20key=a%26b%2F%0A"),
            ("https://h.example/a", "https://h.example/a?api%20key=a%26b%2F%0A"),
        ] {
            let key = Proof::Query { name: "api key".to_owned(), value: secret("a&b/\n") };
            assert_eq!(proven(key, url).uri().to_string(), expected);
        }
    }

    #[test]
    fn a_proof_prints_as_nothing() {
        let request = proven(Proof::Bearer(Secret::new("t0ken")), "/a");
        assert!(!format!("{request:?}").contains("t0ken"));
        assert!(!format!("{:?}", Proof::Bearer(Secret::new("t0ken"))).contains("t0ken"));
    }

    #[test]
    fn what_cannot_be_sent_is_refused_without_telling_it() {
        let name = |name| HeaderName::from_static(name);
        let cases = [
            (Proof::Bearer(Secret::new("hush\r\nx: y")), "line break"),
            (Proof::Header { name: name("x-key"), value: Secret::new("hush\0") }, "line break"),
            (Proof::Header { name: name("webhook-id"), value: Secret::new("hush") }, "`webhook-id`"),
            (Proof::Header { name: name("content-length"), value: Secret::new("hush") }, "`content-length`"),
            (Proof::Basic { user: Secret::new("hush:x"), password: Secret::new("p") }, "colon"),
        ];
        for (proof, words) in cases {
            let auth = Auth { proof, scope: Scope::default() };
            let fault = Credential::try_new(Some(&auth)).err().unwrap().to_string();
            assert!(fault.contains(words) && !fault.contains("hush"), "{fault}");
        }
    }

    #[test]
    fn outside_its_scope_nothing_is_put_on_a_request() {
        let scope = Scope { methods: vec![Method::POST], paths: vec!["/a/*".parse().unwrap()] };
        let auth = Auth { proof: Proof::Bearer(Secret::new("t0ken")), scope };
        let mut request = Request::post("/b/c").body(()).unwrap();
        let failure = Credential::try_new(Some(&auth)).unwrap().prove(&mut request, &NO_FACTS).unwrap_err();
        assert_eq!((failure.class, failure.lasting), (ErrorClass::LocalAuth, Lasting::Lasting));
        assert!(request.headers().is_empty());
    }
}
