//! From the raw configuration to the valid one: every value is read, every reference checked, every problem reported.

mod address;
mod answers;
mod auth;
mod breaker;
mod group;
mod pace;
mod params;
mod primary;
mod reach;
mod responses;
mod route;
mod target;
mod tls;

use super::environment::Environment;
use super::field::{Entries, Field, One, Several, Source, Written};
use super::findings::Findings;
use super::form::{Form, Misread, Quote};
use super::interpolate::Origin;
use super::raw;
use super::report::Report;
use super::settings::{Config, Limits, Log};
use super::tree::{Place, Tree, Value};
use super::units::ByteSize;
use contract::limits;
use contract::store::Retention;
use std::net::SocketAddr;

/// Neither the disk nor the memory may be smaller than the largest body.
const ROOM_MIN: u64 = limits::BODY_BYTES_MAX as u64;
/// Texts up to this many characters are quoted in a message.
const QUOTED_CHARS_MAX: usize = 60;

/// What every check needs.
pub(crate) struct Check<'a> {
    pub tree: &'a Tree,
    pub env: &'a dyn Environment,
    pub findings: &'a mut Findings,
}

impl Check<'_> {
    /// The valid configuration without its warnings; none if there is an error among the findings.
    pub(crate) fn config(&mut self, raw: raw::Config) -> Option<Config> {
        let listen = self.one(&raw.listen);
        let admin = self.admin(&raw.admin, listen);
        let store = self.one(&raw.store);
        let node = self.one(&raw.node);
        let retention = self.retention(&raw.retention.or_default());
        let limits = self.limits(&raw.limits.or_default());
        let shutdown_grace = self.one(&raw.shutdown.or_default().grace);
        let log = raw.log.or_default();
        let log = (self.one(&log.level), self.one(&log.format));
        let (raw_routes, raw_targets) = (entries(raw.routes), entries(raw.targets));
        let body_max = limits.map_or(limits::BODY_BYTES_DEFAULT, |limits| limits.body);
        let targets = self.targets(raw_targets.as_deref().unwrap_or_default(), &raw.proxy);
        self.undos(raw_targets.as_deref().unwrap_or_default());
        let mut routes = self.routes(raw_routes.as_deref(), raw_targets.as_deref(), body_max);
        self.readers(raw_routes.as_deref().unwrap_or_default(), &mut routes, &targets);
        self.warn_of_params(raw_routes.as_deref().unwrap_or_default(), &routes, &targets);
        // What is missing now has been reported.
        if raw_routes?.len() != routes.len() || raw_targets?.len() != targets.len() {
            return None;
        }
        Some(Config {
            listen: listen?,
            admin: admin?,
            store: store?,
            node: node?,
            retention: retention?,
            limits: limits?,
            shutdown_grace: shutdown_grace?,
            log: Log { level: log.0?, format: log.1? },
            routes,
            targets,
            warnings: Report::default(),
        })
    }

    fn admin(&mut self, field: &One<SocketAddr>, listen: Option<SocketAddr>) -> Option<SocketAddr> {
        let admin = self.one(field)?;
        if !admin.ip().is_loopback() {
            let message = "the operators' address must be a loopback address while it has no authentication";
            self.refuse(field, message, Some(format!("use 127.0.0.1:{0} or [::1]:{0}", admin.port())));
        } else if listen.is_some_and(|listen| clash(listen, admin)) {
            self.refuse(field, "`listen` has this port already", Some("use another port".to_owned()));
        }
        Some(admin)
    }

    fn retention(&mut self, raw: &raw::Retention) -> Option<Retention> {
        let time = self.one(&raw.time);
        let dead = self.one(&raw.dead);
        let bytes = self.room(&raw.bytes);
        Some(Retention { time: time?, dead: dead?, bytes: bytes? })
    }

    fn limits(&mut self, raw: &raw::Limits) -> Option<Limits> {
        let body = self.body(&raw.body);
        let accept_queue = self.one(&raw.accept_queue);
        let connections = self.one(&raw.connections);
        let memory = self.room(&raw.memory).map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        Some(Limits {
            body: body?,
            accept_queue: accept_queue?.0,
            connections: connections?.0,
            memory: memory?,
        })
    }

    fn body(&mut self, field: &One<ByteSize>) -> Option<usize> {
        let size = self.one(field)?.0;
        if size == 0 || size > limits::BODY_BYTES_MAX as u64 {
            let help = format!("from 1B to {}MiB", limits::BODY_BYTES_MAX >> 20);
            self.refuse(field, "this is out of range", Some(help));
        }
        usize::try_from(size).ok()
    }

    /// A size that is not smaller than the largest body.
    fn room(&mut self, field: &One<ByteSize>) -> Option<u64> {
        let size = self.one(field)?.0;
        if size < ROOM_MIN {
            self.refuse(field, "this is too small", Some(format!("at least {}MiB", ROOM_MIN >> 20)));
        }
        Some(size)
    }

    /// Reads a field. None when it is absent, or wrong and reported.
    fn one<T: Form>(&mut self, field: &One<T>) -> Option<T> {
        self.written(field.good()?)
    }

    fn written<T: Form>(&mut self, written: &Written<T>) -> Option<T> {
        match written.source {
            Source::Default(text) => T::read(text).ok(),
            Source::File(place) => self.at(place),
        }
    }

    /// Reads what stands at a place.
    fn at<T: Form>(&mut self, place: Place) -> Option<T> {
        let (text, origin) = match self.tree.value(place) {
            Value::Scalar(scalar) => (&scalar.text, scalar.origin),
            Value::Key(name) => (name, Origin::Written),
            Value::Null | Value::List(_) | Value::Map(_) | Value::Broken => return None,
        };
        T::read(text).map_err(|misread| self.misread::<T>(place, text, origin, misread)).ok()
    }

    fn several<T: Form>(&mut self, field: &Field<Several<T>>) -> Option<Vec<T>> {
        Some(field.good()?.items.iter().filter_map(|item| self.one(item)).collect())
    }

    fn misread<T: Form>(&mut self, place: Place, text: &str, origin: Origin, misread: Misread) {
        let short =
            T::QUOTE == Quote::IfShort && text.chars().count() <= QUOTED_CHARS_MAX && !text.contains('\n');
        let predicate = misread.instead.map_or_else(|| format!("is not {}", T::NAME), str::to_owned);
        let mut message = match origin {
            // What came from outside may be a secret: neither it nor a reason that quotes it is shown.
            Origin::Outside => format!("what `{}` gives {predicate}", self.tree.written(place)),
            Origin::Written if short => format!("`{text}` {predicate}"),
            Origin::Written => format!("this {predicate}"),
        };
        let mut at = self.tree.at(place);
        if !misread.why.is_empty() && (origin == Origin::Written || T::QUOTE == Quote::Never) {
            message = format!("{message}: {}", misread.why);
        }
        if origin == Origin::Written {
            at = misread.part.map_or(at, |part| self.tree.part(place, part));
        }
        let help = match origin {
            Origin::Outside => T::allowed(),
            Origin::Written => misread.help.unwrap_or_else(T::allowed),
        };
        self.findings.error(at, self.tree.path(place), message, Some(help));
    }

    /// A text for a message: as it stands in the file where it came from outside, because it may be a secret.
    fn shown<'t>(&'t self, place: Place, text: &'t str) -> &'t str {
        match self.tree.scalar(place).map(|scalar| scalar.origin) {
            Some(Origin::Outside) => self.tree.written(place),
            Some(Origin::Written) | None => text,
        }
    }

    fn error(&mut self, place: Place, message: impl Into<String>, help: Option<String>) {
        self.findings.error_at(self.tree, place, message.into(), help);
    }

    fn warn(&mut self, place: Place, message: impl Into<String>, help: Option<String>) {
        self.findings.warn_at(self.tree, place, message.into(), help);
    }

    /// Reports a value that was read but cannot be used. A default always can.
    fn refuse<T>(&mut self, field: &One<T>, message: impl Into<String>, help: Option<String>) {
        if let Some(place) = field.good().and_then(Written::place) {
            self.error(place, message, help);
        }
    }
}

/// Whether one process cannot listen on both. Port 0 is any free port.
fn clash(listen: SocketAddr, admin: SocketAddr) -> bool {
    let same_place = listen.ip() == admin.ip() || listen.ip().is_unspecified();
    same_place && listen.port() == admin.port() && admin.port() != 0
}

/// The entries of a mapping of names; none if it is not there.
fn entries<K, T>(field: Field<Entries<K, T>>) -> Option<Vec<(Written<K>, Field<T>)>> {
    match field {
        Field::Good(Entries(entries)) => Some(entries),
        Field::Bad => None,
        Field::Absent => Some(Vec::new()),
    }
}
