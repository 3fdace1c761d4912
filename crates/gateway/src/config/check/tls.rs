//! Checks of a target's TLS: the authorities that are trusted, and the certificate that is shown.

use super::Check;
use super::auth::is_absent;
use crate::config::field::{One, Written};
use crate::config::raw;
use bytes::Bytes;
use connectors::http::Identity;
use http::Uri;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::PathBuf;

impl Check<'_> {
    /// Who is trusted, and who we are.
    pub(super) fn tls(&mut self, raw: &raw::Tls, url: Option<&Uri>) -> (Option<Bytes>, Option<Identity>) {
        (self.ca(&raw.ca, url), self.identity(raw, url))
    }

    fn ca(&mut self, field: &One<PathBuf>, url: Option<&Uri>) -> Option<Bytes> {
        let content = self.pem(field, url)?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&content).collect();
        if certificates.is_ok_and(|certificates| !certificates.is_empty()) {
            return Some(content.into());
        }
        let place = field.good().and_then(Written::place)?;
        let shown = self.tree.written(place).to_owned();
        let help = "such a file holds one or more blocks that begin with -----BEGIN CERTIFICATE-----";
        self.error(place, format!("`{shown}` is not a file of PEM certificates"), Some(help.to_owned()));
        None
    }

    fn identity(&mut self, raw: &raw::Tls, url: Option<&Uri>) -> Option<Identity> {
        let (chain, key) = (self.pem(&raw.cert, url), self.pem(&raw.key, url));
        for (one, other, missing) in [(&raw.cert, &raw.key, "key"), (&raw.key, &raw.cert, "cert")] {
            if is_absent(other) {
                let help = "a client certificate needs both `cert` and `key`";
                self.refuse(one, format!("`{missing}` is missing"), Some(help.to_owned()));
            }
        }
        match Identity::try_new(&chain?, &key?) {
            Ok(identity) => Some(identity),
            Err(why) => {
                let help = "`cert` is a file with -----BEGIN CERTIFICATE-----, `key` one with -----BEGIN PRIVATE KEY-----";
                self.refuse(&raw.cert, why.to_string(), Some(help.to_owned()));
                None
            }
        }
    }

    /// What a file for TLS holds.
    fn pem(&mut self, field: &One<PathBuf>, url: Option<&Uri>) -> Option<Vec<u8>> {
        let path = self.one(field)?;
        let place = field.good().and_then(Written::place)?;
        // What holds for all targets holds where it can.
        if url.is_some_and(|url| url.scheme_str() == Some("http")) && !self.tree.is_default(place) {
            self.error(place, "certificates are only used with an https:// URL", None);
        }
        let shown = self.shown(place, &path.to_string_lossy()).to_owned();
        match self.env.file(&path) {
            Ok(content) => Some(content),
            Err(error) => {
                let help = "a relative path starts at the working directory";
                self.error(place, format!("`{shown}` cannot be read: {error}"), Some(help.to_owned()));
                None
            }
        }
    }
}
