//! Checks of what is kept and shown.

use super::Check;
use crate::config::field::{Field, One};
use crate::config::form::Kept;
use crate::config::raw;
use connectors::http::redact::Rules;
use engine::policy::capture;

impl Check<'_> {
    /// These rules and those of the whole file.
    pub(super) fn redact(&mut self, field: &Field<raw::Redact>, all: &Rules) -> Rules {
        let Some(raw) = field.good() else { return all.clone() };
        let headers = self.several(&raw.headers).unwrap_or_default();
        all.and(&Rules { headers, body: self.several(&raw.body).unwrap_or_default() })
    }

    /// Which answers' bodies are kept.
    pub(super) fn capture(&mut self, field: &Field<raw::Capture>) -> capture::Policy {
        let mut share =
            |field: &One<Kept>| self.one(field).map_or_else(capture::Share::default, |Kept(share)| share);
        field.good().map_or_else(capture::Policy::default, |raw| capture::Policy {
            success: share(&raw.success),
            failure: share(&raw.failure),
        })
    }
}
