//! Where a target's requests go: its settings, checked and made ready once.

use super::auth::{self, Credential};
use super::fields;
use super::form::Encoding;
use super::host::Host;
use super::proxy::Via;
use super::settings::Settings;
use super::sign::key::Key;
use super::tls;
use contract::mould::Path;
use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// What every request of a target has in common.
pub(super) struct Destination {
    /// Host and port, for people.
    pub(super) place: String,
    pub(super) host: Host,
    pub(super) port: u16,
    /// The way to it, if it is not the direct one.
    pub(super) via: Option<Via>,
    /// For `https`.
    pub(super) secure: Option<Secure>,
    pub(super) method: Method,
    /// What HTTP/1 sends: path and query, or all of it to a proxy that passes on what it can read.
    pub(super) origin_form: Uri,
    /// With scheme and authority: what HTTP/2 sends.
    pub(super) absolute_form: Uri,
    pub(super) host_field: HeaderValue,
    pub(super) user_agent: HeaderValue,
    /// The configured headers, without `host`.
    pub(super) fields: HeaderMap,
    pub(super) idempotency: Option<HeaderName>,
    pub(super) credential: Credential,
    pub(super) keys: Vec<Key>,
}

/// What a TLS handshake needs.
pub(super) struct Secure {
    pub(super) connector: TlsConnector,
    pub(super) name: ServerName<'static>,
}

/// Settings that can never work.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Neither `http://` nor `https://`.
    #[error("the URL must begin with http:// or https:// and name a host")]
    NotHttp,
    /// A password in the URL would end up in logs.
    #[error("the URL holds a user or password: give them as `auth: {{ basic: … }}`")]
    Credentials,
    /// The host cannot be the name in a certificate.
    #[error("{host} cannot be the name in a certificate")]
    Name {
        /// The URL's host.
        host: String,
    },
    /// The `host` header is none.
    #[error("the `host` header must be a host with or without a port")]
    HostField,
    /// A header that the gateway writes itself.
    #[error("the header `{name}` is written by the gateway and cannot be configured")]
    Reserved {
        /// Its name.
        name: String,
    },
    /// No credential.
    #[error(transparent)]
    Auth(#[from] auth::Fault),
    /// No TLS.
    #[error(transparent)]
    Tls(#[from] tls::Fault),
}

impl Destination {
    pub(super) fn try_new(settings: &Settings) -> Result<Self, Fault> {
        let url = &settings.url;
        let is_secure = match url.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(_) | None => return Err(Fault::NotHttp),
        };
        let authority =
            url.authority().filter(|authority| !authority.host().is_empty()).ok_or(Fault::NotHttp)?;
        if authority.as_str().contains('@') {
            return Err(Fault::Credentials);
        }
        let port = authority.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        let text = authority.host().trim_start_matches('[').trim_end_matches(']');
        let host = Host::new(text);
        let via = settings.proxy.as_ref().map(|proxy| proxy.via(&host)).transpose()?.flatten();
        let secure = if is_secure {
            let unusable = |_| Fault::Name { host: text.to_owned() };
            let name = ServerName::try_from(text.to_owned()).map_err(unusable)?;
            Some(Secure {
                connector: tls::connector(&settings.tls.roots, settings.tls.identity.as_ref())?,
                name,
            })
        } else {
            None
        };
        let mut fields = configured(settings)?;
        let virtual_host = match fields.remove(header::HOST) {
            Some(value) => Authority::try_from(value.as_bytes()).map_err(|_| Fault::HostField)?,
            None => authority.clone(),
        };
        let read_by = via.as_ref().filter(|_| !is_secure);
        if let Some(credential) = read_by.and_then(|via| via.credential.clone()) {
            fields.insert(header::PROXY_AUTHORIZATION, credential);
        }
        let path = url.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        // What a proxy is to find is the URL's own host; what the target is told is another matter.
        let named = if read_by.is_some() { authority.clone() } else { virtual_host.clone() };
        let absolute_form = absolute(url, named, path.clone())?;
        Ok(Self {
            place: format!("{}:{port}", authority.host()),
            host,
            port,
            origin_form: if read_by.is_some() { absolute_form.clone() } else { Uri::from(path) },
            absolute_form,
            via,
            secure,
            method: settings.method.clone(),
            host_field: HeaderValue::from_str(virtual_host.as_str()).map_err(|_| Fault::HostField)?,
            user_agent: settings.user_agent.clone(),
            fields,
            idempotency: settings.idempotency.clone(),
            credential: Credential::try_new(settings.auth.as_ref())?,
            keys: settings.keys.clone(),
        })
    }
}

impl Destination {
    /// What HTTP/1 sends for another path of this target.
    pub(super) fn origin(&self, path: &Path) -> Uri {
        Uri::from(path_and_query(path))
    }

    /// What HTTP/2 sends for another path of this target: scheme and authority are always the configured ones.
    pub(super) fn absolute(&self, path: &Path) -> Uri {
        let mut parts = self.absolute_form.clone().into_parts();
        parts.path_and_query = Some(path_and_query(path));
        // Scheme, authority and path are there, so they are a URI.
        Uri::from_parts(parts).unwrap_or_default()
    }
}

/// A [`Path`] has no byte that this refuses, and is shorter than what it takes.
fn path_and_query(path: &Path) -> PathAndQuery {
    PathAndQuery::try_from(path.as_str()).unwrap_or_else(|_| PathAndQuery::from_static("/"))
}

fn absolute(url: &Uri, authority: Authority, path: PathAndQuery) -> Result<Uri, Fault> {
    let mut parts = Parts::default();
    parts.scheme = url.scheme().cloned();
    parts.authority = Some(authority);
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).map_err(|_| Fault::NotHttp)
}

fn configured(settings: &Settings) -> Result<HeaderMap, Fault> {
    let mut fields = HeaderMap::with_capacity(settings.headers.len());
    for (name, value) in &settings.headers {
        if fields::is_reserved(name.as_str()) {
            return Err(Fault::Reserved { name: name.as_str().to_owned() });
        }
        fields.append(name, value.clone());
    }
    if let Encoding::Form(_) = settings.encoding {
        fields.entry(header::CONTENT_TYPE).or_insert(FORM);
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(url: &str, headers: &[(&'static str, &'static str)]) -> Result<Destination, Fault> {
        let mut settings = Settings::new(url.parse().unwrap());
        let field = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        settings.headers = headers.iter().map(field).collect();
        Destination::try_new(&settings)
    }

    #[test]
    fn a_url_is_taken_apart_once() {
        let cases = [
            ("http://api.example", "api.example:80", "/", "http://api.example/"),
            ("http://api.example:81/a?b=c", "api.example:81", "/a?b=c", "http://api.example:81/a?b=c"),
            ("http://api.example?b=c", "api.example:80", "/?b=c", "http://api.example/?b=c"),
            ("http://[::1]:81/a", "[::1]:81", "/a", "http://[::1]:81/a"),
            ("https://192.0.2.1/a", "192.0.2.1:443", "/a", "https://192.0.2.1/a"),
        ];
        for (url, place, origin_form, absolute_form) in cases {
            let destination = destination(url, &[]).ok().unwrap();
            assert_eq!(destination.place, place, "{url}");
            assert_eq!(destination.origin_form.to_string(), origin_form, "{url}");
            assert_eq!(destination.absolute_form.to_string(), absolute_form, "{url}");
            assert_eq!(matches!(destination.host, Host::Address(_)), !url.contains("api"), "{url}");
            assert_eq!(destination.secure.is_some(), url.starts_with("https"), "{url}");
        }
    }

    #[test]
    fn a_configured_host_is_the_authority_in_both_http_versions() {
        let destination = destination("http://10.0.0.1:81/a", &[("host", "shop.example")]).ok().unwrap();
        assert_eq!(destination.host_field, "shop.example");
        assert_eq!(destination.absolute_form, "http://shop.example/a");
        assert_eq!(destination.place, "10.0.0.1:81");
        assert!(destination.fields.is_empty());
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_the_reason() {
        type Case = (&'static str, &'static [(&'static str, &'static str)], &'static str);
        let cases: [Case; 6] = [
            ("ftp://api.example", &[], "begin with http://"),
            ("/only/a/path", &[], "begin with http://"),
            ("http://user:secret@api.example", &[], "auth: { basic"),
            ("http://api.example", &[("idempotency-key", "1")], "`idempotency-key`"),
            ("http://api.example", &[("transfer-encoding", "chunked")], "`transfer-encoding`"),
            ("http://api.example", &[("host", "a b")], "`host`"),
        ];
        for (url, headers, words) in cases {
            let fault = destination(url, headers).err().unwrap().to_string();
            assert!(fault.contains(words) && !fault.contains("secret"), "{url}: {fault}");
        }
    }
}
