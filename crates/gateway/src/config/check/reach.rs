//! Checks of where a target may lead, and by which way.

use super::Check;
use super::auth::is_absent;
use crate::config::field::{Either, Field, Several, Written};
use crate::config::form::{Reach, Way};
use crate::config::raw;
use crate::config::settings::Private;
use connectors::http::Proxy;

/// A proxy as it is written.
pub(super) type RawProxy = Field<Either<Way, raw::Proxy>>;

impl Check<'_> {
    /// Where a target may lead: one word, or networks.
    pub(super) fn private(&mut self, field: &Field<Several<Reach>>) -> Option<Private> {
        let list = field.good()?;
        let reaches = self.several(field)?;
        let mut networks = Vec::new();
        for reach in &reaches {
            match (reach, reaches.len()) {
                (Reach::Allow, 1) => return Some(Private::Allow),
                (Reach::Deny, 1) => return Some(Private::Deny),
                (Reach::Network(network), _) => networks.push(*network),
                (Reach::Allow | Reach::Deny, _) => {
                    if let Some(place) = list.place {
                        let help = "write `allow`, `deny`, or a list of networks";
                        self.error(place, "a word stands among networks", Some(help.to_owned()));
                    }
                    return None;
                }
            }
        }
        // An empty list allows nothing more than `deny`.
        (reaches.len() == list.items.len()).then_some(Private::Only(networks))
    }

    /// The way to a target: its own, or that of the whole file.
    pub(super) fn proxy(
        &mut self,
        own: &RawProxy,
        global: &RawProxy,
        private: Option<&Private>,
    ) -> Option<Proxy> {
        let field = if is_absent(own) { global } else { own };
        let proxy = match field.good()? {
            Either::Short(way) => self.written(way).and_then(|way| through(way, None, Vec::new())),
            Either::Long(raw) => self.long(raw),
        }?;
        let place = match own.good() {
            Some(Either::Short(way)) => way.place(),
            Some(Either::Long(raw)) => raw.url.good().and_then(Written::place),
            None => None,
        };
        if let (Some(place), Some(Private::Deny | Private::Only(_))) = (place, private) {
            let message = "the proxy finds the address of a name: `private` cannot judge it";
            self.warn(place, message, Some("let the proxy itself refuse private addresses".to_owned()));
        }
        Some(proxy)
    }

    fn long(&mut self, raw: &raw::Proxy) -> Option<Proxy> {
        let way = self.one(&raw.url);
        let (user, password) = (self.one(&raw.user), self.secret(&raw.password));
        let except = self.several(&raw.except).unwrap_or_default();
        for (one, other, missing) in
            [(&raw.user, &raw.password, "password"), (&raw.password, &raw.user, "user")]
        {
            if is_absent(other) {
                self.refuse(
                    one,
                    format!("`{missing}` is missing"),
                    Some("a proxy needs both, or none".to_owned()),
                );
            }
        }
        through(way?, user.zip(password), except)
    }
}

fn through(
    way: Way,
    credential: Option<(contract::Secret, contract::Secret)>,
    except: Vec<connectors::http::proxy::Exception>,
) -> Option<Proxy> {
    match way {
        Way::Direct => None,
        Way::Proxy(host, port) => Some(Proxy { host, port, credential, except }),
    }
}
