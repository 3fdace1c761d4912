//! Checks of what is said about a body that is sent, and about the errors of an API.

use super::Check;
use super::target::Headers;
use crate::config::field::{Either, Entries, Field, Several, Written};
use crate::config::form::{Code, Count};
use crate::config::raw;
use connectors::http::code::{Codes, Pointer};
use http::HeaderValue;
use http::header::CONTENT_TYPE;

impl Check<'_> {
    /// Where errors are named, and what they mean.
    pub(super) fn codes(&mut self, field: &Field<Either<Pointer, raw::ErrorCode>>) -> Codes {
        match field {
            Field::Absent | Field::Bad => Codes::default(),
            Field::Good(Either::Short(pointer)) => {
                Codes { at: self.written(pointer).into_iter().collect(), counts_as: Vec::new() }
            }
            Field::Good(Either::Long(raw)) => {
                let at = self.several(&raw.at).unwrap_or_default();
                let counts_as = raw.counts_as.good().map(|Entries(entries)| entries.as_slice());
                let counts_as = counts_as.unwrap_or_default().iter().filter_map(|(code, status)| {
                    let (Code(code), Count(status)) = (self.written(code)?, self.one(status)?);
                    Some((code, u16::try_from(status).ok()?))
                });
                let counts_as = counts_as.collect();
                if let Some(place) =
                    raw.at.good().and_then(|Several { place, items }| place.filter(|_| items.is_empty()))
                {
                    self.error(
                        place,
                        "no code would ever be found",
                        Some("for example at: /error/code".to_owned()),
                    );
                }
                Codes { at, counts_as }
            }
        }
    }

    /// The content type is a header like others, with a key of its own.
    pub(super) fn content_type(&mut self, raw: &raw::Target, headers: &mut Headers<HeaderValue>) {
        let Some(value) = self.one(&raw.content_type) else { return };
        if headers.iter().any(|(name, _)| name == CONTENT_TYPE) {
            let place = raw.content_type.good().and_then(Written::place);
            // A header of the target itself is nearer than what holds for many.
            if place.is_some_and(|place| self.tree.is_preset(place) || self.tree.is_default(place)) {
                return;
            }
            let message = "both `content_type` and `headers` write the header `content-type`";
            self.refuse(&raw.content_type, message, Some("remove one of them".to_owned()));
        }
        headers.push((CONTENT_TYPE, value));
    }
}
