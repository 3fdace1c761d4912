//! AWS Signature Version 4: signs what a request is, with a key that is good for one day, region and service.

mod canonical;

use aws_lc_rs::{digest, hmac};
use canonical::{Paths, Request};
use contract::{Secret, Timestamp};
use http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};
use std::fmt::Write;

const AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const AMZ_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const AMZ_CONTENT: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// Whose signature, and for what.
#[derive(Clone, Debug, Hash)]
pub struct Aws {
    /// Such as `eu-central-1`.
    pub region: String,
    /// Such as `sqs`, `lambda`, `execute-api` or `s3`.
    pub service: String,
    /// Names the key.
    pub access_key_id: Secret,
    /// The key.
    pub secret_access_key: Secret,
    /// Of a key that was lent for a while.
    pub session_token: Option<Secret>,
}

impl Aws {
    /// Writes the fields that a signature needs, and gives the value of `authorization`.
    pub(super) fn sign<B>(
        &self,
        request: &mut http::Request<B>,
        body: &[u8],
        at: Timestamp,
    ) -> Result<HeaderValue, InvalidHeaderValue> {
        let moment = moment(at);
        let payload = hex(digest::digest(&digest::SHA256, body).as_ref());
        let fields = request.headers_mut();
        // The caller's own would not be ours.
        fields.remove(AMZ_TOKEN);
        fields.insert(AMZ_DATE, HeaderValue::try_from(&moment)?);
        if let Some(token) = &self.session_token {
            let mut token = HeaderValue::from_str(token.expose())?;
            token.set_sensitive(true);
            fields.insert(AMZ_TOKEN, token);
        }
        if self.service == "s3" {
            fields.insert(AMZ_CONTENT, HeaderValue::try_from(&payload)?);
        }
        let fields = request.headers();
        let mut signed = signed(fields);
        // HTTP/2 has the host in the URL.
        let authority = request.uri().authority().filter(|_| !fields.contains_key(HOST));
        signed.extend(authority.map(|host| ("host", host.as_str().to_owned())));
        let text = Request {
            method: request.method().as_str(),
            path: request.uri().path(),
            query: request.uri().query().unwrap_or_default(),
            fields: &signed,
            payload: &payload,
            paths: if self.service == "s3" { Paths::AsTheyAre } else { Paths::Tidied },
        };
        HeaderValue::try_from(self.authorization(&text, &moment))
    }

    fn authorization(&self, request: &Request<'_>, moment: &str) -> String {
        let day = moment.get(..8).unwrap_or_default();
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let canonical = hex(digest::digest(&digest::SHA256, request.text().as_bytes()).as_ref());
        let text = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{canonical}");
        let first = format!("AWS4{}", self.secret_access_key.expose());
        let mut key = first.into_bytes();
        for piece in [day, &self.region, &self.service, "aws4_request", &text] {
            key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), piece.as_bytes()).as_ref().to_vec();
        }
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={}, Signature={}",
            self.access_key_id.expose(),
            request.names(),
            hex(&key)
        )
    }
}

/// What is signed of the fields: the host, what the body is, and what AWS reads. The rest may be changed on its way.
fn signed(fields: &HeaderMap) -> Vec<(&str, String)> {
    let is_signed =
        |name: &HeaderName| *name == HOST || *name == CONTENT_TYPE || name.as_str().starts_with("x-amz-");
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let signed = fields.iter().filter(|(name, _)| is_signed(name));
    signed.map(|(name, value)| (name.as_str(), text(value))).collect()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // A String takes every write.
        let _written = write!(text, "{byte:02x}");
    }
    text
}

/// `20150830T123600Z`.
fn moment(at: Timestamp) -> String {
    let seconds = at.as_micros() / 1_000_000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// Year, month and day, by counting in eras of 400 years that begin with March, so that a leap day is the last of its year.
fn date(days_since_1970: u64) -> (u64, u64, u64) {
    let days = days_since_1970 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let of_era_years = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * of_era_years + of_era_years / 4 - of_era_years / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = of_era_years + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests;
