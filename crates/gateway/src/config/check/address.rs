//! Checks of where a target is: its URL, and what is added to that for each message.

use super::Check;
use crate::config::field::{Field, One, Written};
use crate::config::form::{Behind, SEEN, Url};
use crate::config::interpolate::Origin;
use crate::config::raw;
use crate::config::tree::Place;
use expressions::Template;
use http::Uri;

/// A URL, and as it may be shown.
pub(super) struct Address {
    pub(super) url: Url,
    pub(super) shown: String,
}

impl Check<'_> {
    pub(super) fn address(&mut self, raw: &raw::Target) -> Option<Address> {
        let url = self.url(&raw.url)?;
        let base = self.tree.shown(raw.url.good().and_then(Written::place)?).to_owned();
        match &raw.path {
            Field::Absent => Some(Address { url, shown: base }),
            Field::Bad => None,
            Field::Good(path) => {
                let place = path.place()?;
                let behind = self.one(&raw.path)?;
                let joined = self.joined(place, &url, &base, &behind)?;
                let shown = format!("{}{}", base.trim_end_matches('/'), self.tree.shown(place));
                Some(Address { url: joined, shown })
            }
        }
    }

    fn url(&mut self, field: &One<Url>) -> Option<Url> {
        let url = self.one(field)?;
        let place = field.good().and_then(Written::place)?;
        self.warn_unencrypted(place, &url.base, "messages go to this target unencrypted");
        // The host is read when it is sent; only what is a template is kept.
        if let Some(path) = &url.path
            && !self.tree.shown(place).ends_with(path.text())
        {
            self.refuse_kept(place);
        }
        Some(url)
    }

    /// The path behind the URL's own.
    fn joined(&mut self, place: Place, url: &Url, base: &str, Behind(behind): &Behind) -> Option<Url> {
        if url.path.is_some() || url.base.query().is_some() {
            let help = "put the whole into `url`, or what differs into `path`";
            self.error(place, "`url` has a query or a template already", Some(help.to_owned()));
            return None;
        }
        let prefix = url.base.path().trim_end_matches('/');
        let path = format!("{prefix}{behind}");
        let (scheme, host) = (url.base.scheme_str()?, url.base.authority()?);
        if !Template::is_one(behind) {
            return Some(Url { base: format!("{scheme}://{host}{path}").parse().ok()?, path: None });
        }
        // What is kept in the store is shown to operators: nothing from outside may stand in it.
        let outside = self.tree.scalar(place).is_some_and(|scalar| scalar.origin == Origin::Outside);
        if outside || !base.trim_end_matches('/').ends_with(prefix) {
            self.refuse_kept(place);
            return None;
        }
        let base: Uri = format!("{scheme}://{host}").parse().ok()?;
        match Template::path(&path) {
            Ok(template) => Some(Url { base, path: Some(template) }),
            Err(error) => {
                self.error(place, error.to_string(), Some(SEEN.to_owned()));
                None
            }
        }
    }

    pub(super) fn refuse_kept(&mut self, place: Place) {
        let message = "a template is kept in the store, so nothing from outside may stand in it";
        let help =
            "put a secret into a header of its own, and only the scheme and host of a URL into a variable";
        self.error(place, message, Some(help.to_owned()));
    }
}
