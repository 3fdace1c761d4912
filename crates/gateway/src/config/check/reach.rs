//! Checks of where a target may lead, and by which way.

use super::Check;
use super::auth::is_absent;
use crate::config::field::{Either, Field, One, Several, Written};
use crate::config::form::{PortRange, Reach, Way};
use crate::config::raw;
use crate::config::settings::Private;
use connectors::http::Proxy;
use connectors::http::auth::{Auth, Proof};
use connectors::http::guard::Ports;
use http::Uri;
use http::uri::Scheme;

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

    /// Which ports calls may go to. Those of the URLs are judged here, where the person who wrote them sees it.
    pub(super) fn ports(
        &mut self,
        raw: &raw::Target,
        private: Option<&Private>,
        url: Option<&Uri>,
        auth: Option<&Auth>,
    ) -> Ports {
        let named = self.several(&raw.ports);
        let written = raw.ports.good().map_or(0, |list| list.items.len());
        let ports = match (named, private) {
            // What could not be read has been reported, and is no reason to report the URL too.
            (Some(ports), _) if ports.len() < written => Ports::Any,
            (Some(ports), _) => Ports::Only(ports.into_iter().map(|PortRange(range)| range).collect()),
            (None, Some(Private::Allow) | None) => Ports::Any,
            (None, Some(Private::Deny | Private::Only(_))) => Ports::Harmless,
        };
        self.judge_port(&ports, &raw.url, url);
        let written = raw.auth.good().and_then(|auth| auth.oauth2.good());
        if let (Some(written), Some(Auth { proof: Proof::OAuth2(oauth2), .. })) = (written, auth) {
            self.judge_port(&ports, &written.token_url, Some(&oauth2.token_url));
        }
        ports
    }

    fn judge_port<T>(&mut self, ports: &Ports, field: &One<T>, url: Option<&Uri>) {
        let Some(url) = url else { return };
        let standard = if url.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
        let port = url.port_u16().unwrap_or(standard);
        if !ports.permit(port) {
            let help = format!("if the API is really there, name it: ports: [{port}]");
            self.refuse(field, format!("calls may not go to the port {port}"), Some(help));
        }
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
