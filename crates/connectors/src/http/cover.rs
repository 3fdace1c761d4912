//! Covers the credentials that an answer repeats, before anything of it is kept: some APIs tell what they were sent.

use super::auth::{Auth, Proof};
use super::base64;
use super::percent;
use super::settings::Settings;
use bytes::Bytes;
use contract::Secret;
use contract::message::Headers;
use contract::target::Reply;
use http::HeaderValue;

/// What is shorter stands in too many answers by chance.
const COVERED_BYTES_MIN: usize = 6;
const COVER: &[u8] = b"***";

/// What a target may be sent and nobody may read, in all its forms.
pub(super) struct Cover(Vec<Secret>);

impl Cover {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut secrets = settings.auth.as_ref().map(forms).unwrap_or_default();
        let sensitive = settings.headers.iter().filter(|(_, value)| value.is_sensitive());
        for text in sensitive.filter_map(|(_, value)| value.to_str().ok()) {
            secrets.extend([text.to_owned(), last_word(text).to_owned()]);
        }
        if let Some((user, password)) = settings.proxy.as_ref().and_then(|proxy| proxy.credential.as_ref()) {
            secrets.extend([password.expose().to_owned(), pair(user, password)]);
        }
        secrets.retain(|secret| secret.len() >= COVERED_BYTES_MIN);
        // The longer first: it may begin with a shorter one.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self(secrets.into_iter().map(Secret::new).collect())
    }

    /// Covers an answer to a call that was made with this token.
    pub(super) fn put_on(&self, reply: &mut Reply, token: Option<&HeaderValue>) {
        let token = token.and_then(|field| field.to_str().ok()).map(last_word);
        for secret in self.0.iter().map(Secret::expose).chain(token) {
            if let Some(covered) = covered(&reply.capture.body, secret.as_bytes()) {
                reply.capture.body = covered;
            }
            if let Some(covered) = covered(reply.capture.headers.block(), secret.as_bytes()) {
                reply.capture.headers = Headers::from_block(covered);
            }
            for text in [&mut reply.location, &mut reply.capture.content_type].into_iter().flatten() {
                if text.contains(secret) {
                    *text = text.replace(secret, "***");
                }
            }
        }
    }
}

fn forms(auth: &Auth) -> Vec<String> {
    let plain = |secret: &Secret| secret.expose().to_owned();
    match &auth.proof {
        Proof::Bearer(token) => vec![plain(token)],
        Proof::Basic { user, password } => vec![plain(password), pair(user, password)],
        Proof::Header { value, .. } => vec![plain(value)],
        Proof::Query { value, .. } => vec![plain(value), percent::encode(value.expose())],
        Proof::OAuth2(oauth2) => vec![plain(&oauth2.client_secret)],
        Proof::Aws(aws) => {
            [&aws.secret_access_key].into_iter().chain(&aws.session_token).map(plain).collect()
        }
    }
}

fn pair(user: &Secret, password: &Secret) -> String {
    base64::encode(format!("{}:{}", user.expose(), password.expose()).as_bytes())
}

/// Without `Bearer` or the like.
fn last_word(text: &str) -> &str {
    text.rsplit(' ').next().unwrap_or(text)
}

/// The body with every such part covered; none if it has none.
fn covered(body: &Bytes, secret: &[u8]) -> Option<Bytes> {
    let find = |from: &[u8]| from.windows(secret.len().max(1)).position(|window| window == secret);
    let mut rest: &[u8] = body;
    let mut out = Vec::new();
    while let Some(at) = find(rest) {
        out.extend_from_slice(rest.get(..at).unwrap_or_default());
        out.extend_from_slice(COVER);
        rest = rest.get(at + secret.len()..).unwrap_or_default();
    }
    if out.is_empty() {
        return None;
    }
    out.extend_from_slice(rest);
    Some(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_that_repeats_a_secret_is_covered_and_the_rest_stays() {
        for (body, expected) in [
            ("", None),
            ("nothing here", None),
            ("s3cret", Some("***")),
            ("a s3cret b s3crets3cret s3cre", Some("a *** b ****** s3cre")),
        ] {
            let covered = covered(&Bytes::from(body), b"s3cret");
            assert_eq!(covered.as_deref(), expected.map(str::as_bytes), "{body}");
        }
    }
}
