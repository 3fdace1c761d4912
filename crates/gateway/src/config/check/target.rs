//! Checks of targets: URL, headers, retries, time-outs, certificates.

use super::address::Address;
use super::{Check, Whole};
use crate::config::field::{Either, Entries, Field, One, Several, Written};
use crate::config::form::{HeaderText, Share, Statuses as Range, Url};
use crate::config::interpolate::Origin;
use crate::config::raw;
use crate::config::settings::{Target, Timeouts};
use crate::config::tree::Place;
use connectors::http::redact::Rules;
use contract::Name;
use engine::policy::{retry, statuses};
use expressions::{Program, Template};
use http::{HeaderName, HeaderValue, Uri};
use std::collections::HashSet;
use std::time::Duration;

/// A call that takes longer holds a slot of its target for longer than people expect.
const TIMEOUT_WARN: Duration = Duration::from_secs(300);

/// Values of headers, by name.
pub(super) type Headers<T> = Vec<(HeaderName, T)>;

impl Check<'_> {
    /// The targets that can be used.
    pub(super) fn targets(
        &mut self,
        targets: &[(Written<Name>, Field<raw::Target>)],
        whole: &Whole<'_>,
    ) -> Vec<Target> {
        let mut found = Vec::new();
        for (key, field) in targets {
            let name = self.written(key);
            let Some(raw) = field.good() else { continue };
            if let (Field::Absent, Field::Absent, Some(place)) = (&raw.url, &raw.uses, key.place()) {
                let help =
                    "for example url: https://crm.example.com/users; or `uses` with a preset that knows it";
                self.error(place, "`url` is missing", Some(help.to_owned()));
            }
            found.extend(self.target(key, name, raw, whole));
        }
        found
    }

    fn target(
        &mut self,
        key: &Written<Name>,
        name: Option<Name>,
        raw: &raw::Target,
        whole: &Whole<'_>,
    ) -> Option<Target> {
        self.one(&raw.uses);
        self.with_alone(raw);
        let address = self.address(raw);
        let url = address.as_ref().map(|address| &address.url.base);
        let method = self.one(&raw.method);
        let when = self.one(&raw.when);
        let body = self.one(&raw.body);
        self.warn_unbounded(&raw.when, when.as_ref());
        self.refuse_responses(&raw.when, when.as_ref());
        self.warn_unbounded(&raw.body, body.as_ref());
        let redact = self.redact(&raw.redact, whole.redact);
        let (mut headers, made) = self.headers(&raw.headers, &redact);
        self.content_type(raw, &mut headers);
        let encoding = self.one(&raw.encode);
        let idempotency = self.one(&raw.idempotency_header);
        let codes = self.codes(&raw.error_code);
        let undo = raw.undo.good().and_then(|undo| self.written(undo));
        let auth = self.auth(&raw.auth, &headers, key.place());
        let keys = self.keys(&raw.sign, key.place());
        let signature = self.signature(&raw.signature, key.place());
        let standard = raw::Retry::default();
        let retry = self.retry(raw.retry.good().unwrap_or(&standard));
        let statuses = self.statuses(&raw.success, raw.retry.good().unwrap_or(&standard));
        let timeouts = self.timeouts(&raw.timeout);
        let concurrency = self.concurrency(&raw.concurrency);
        let rate = self.rate(key, &raw.rate);
        let (ca, identity) = raw.tls.good().map_or((None, None), |tls| self.tls(tls, url));
        let private = self.private(&raw.private);
        let proxy = self.proxy(&raw.proxy, whole.proxy, private.as_ref());
        let ports = self.ports(raw, private.as_ref(), url, auth.as_ref());
        let capture = self.capture(&raw.capture);
        let breaker = self.breaker(&raw.breaker);
        let order = self.one(&raw.order);
        let disable_after = self.disable_after(&raw.disable_after, breaker);
        let Address { url: Url { base, path }, shown: url_shown } = address?;
        Some(Target {
            name: name?,
            url: base,
            path,
            url_shown,
            method: method?,
            when,
            body,
            encoding: encoding?,
            idempotency: idempotency?.0,
            codes,
            undo,
            headers,
            made,
            auth,
            keys,
            signature,
            retry: retry?,
            statuses,
            timeouts: timeouts?,
            concurrency: concurrency?,
            rate: rate?,
            breaker: breaker?,
            order: order?,
            disable_after,
            ca,
            identity,
            proxy,
            private: private?,
            ports,
            redact,
            capture,
        })
    }

    /// Variables of nothing would be ignored.
    fn with_alone(&mut self, raw: &raw::Target) {
        let first = raw.with.good().and_then(|Entries(entries)| entries.first());
        if let (Field::Absent, Some(place)) = (&raw.uses, first.and_then(|(key, _)| key.place())) {
            self.error(
                place,
                "`with` is for the preset that `uses` names",
                Some("add `uses`, or remove `with`".to_owned()),
            );
        }
    }

    pub(super) fn warn_unencrypted(&mut self, place: Place, url: &Uri, message: &str) {
        if url.scheme_str() == Some("http") && !is_loopback(url.host().unwrap_or_default()) {
            self.warn(place, message, Some("use https:// if the API has it".to_owned()));
        }
    }

    pub(super) fn warn_unbounded(&mut self, field: &One<Program>, program: Option<&Program>) {
        if let (Some(place), Some(program)) = (field.good().and_then(Written::place), program) {
            self.warn_if_unbounded(place, program);
        }
    }

    pub(super) fn warn_if_unbounded(&mut self, place: Place, program: &Program) {
        if !program.is_bounded() {
            let message =
                "this expression is not proven to end quickly: each run takes a child process with a limit";
            let help = "recursion, range, reduce, regular expressions and * are what cannot be proven";
            self.warn(place, message, Some(help.to_owned()));
        }
    }

    fn headers(
        &mut self,
        field: &Field<Entries<HeaderName, Written<HeaderText>>>,
        redact: &Rules,
    ) -> (Headers<HeaderValue>, Headers<Template>) {
        let mut seen = HashSet::new();
        let (mut headers, mut made) = (Vec::new(), Vec::new());
        for (key, value) in field.good().map(|Entries(entries)| entries.as_slice()).unwrap_or_default() {
            let (name, read) = (self.written(key), self.header(value));
            let (Some(name), Some(place)) = (name, key.place()) else { continue };
            if !seen.insert(name.clone()) {
                self.error(
                    place,
                    format!("the header `{name}` stands there twice"),
                    Some("remove one of them".to_owned()),
                );
            }
            match read {
                None => {}
                Some(HeaderText::Template(template)) => made.push((name, template)),
                Some(HeaderText::Plain(mut value)) => {
                    value.set_sensitive(value.is_sensitive() || redact.covers_header(name.as_str()));
                    headers.push((name, value));
                }
            }
        }
        (headers, made)
    }

    /// What comes from outside is sensitive, and never a template: only what stands in the file is.
    fn header(&mut self, field: &One<HeaderText>) -> Option<HeaderText> {
        let place = field.good().and_then(Written::place)?;
        let outside = self.tree.scalar(place).is_some_and(|scalar| scalar.origin == Origin::Outside);
        if !outside {
            return self.one(field);
        }
        if Template::is_one(self.tree.written(place)) {
            self.refuse_kept(place);
            return None;
        }
        let mut value: HeaderValue = self.at(place)?;
        value.set_sensitive(true);
        Some(HeaderText::Plain(value))
    }

    fn retry(&mut self, raw: &raw::Retry) -> Option<retry::Policy> {
        let jitter = self.one(&raw.jitter);
        let waits = self.several(&raw.schedule);
        let place = raw.schedule.good().and_then(|list| list.place);
        let schedule = match &raw.exponential {
            Field::Absent => retry::Schedule::List(waits?),
            Field::Bad => return None,
            Field::Good(exponential) => {
                if let Some(place) = place {
                    let message = "there is a `schedule` and an `exponential`";
                    self.error(place, message, Some("remove one of them".to_owned()));
                }
                self.exponential(exponential)?
            }
        };
        let Share(jitter) = jitter?;
        let policy = retry::Policy::try_new(schedule, jitter);
        if let (Err(nonsense), Some(place)) = (&policy, place) {
            self.error(place, nonsense.to_string(), None);
        }
        policy.ok()
    }

    fn exponential(&mut self, raw: &raw::Exponential) -> Option<retry::Schedule> {
        let first = self.one(&raw.first);
        let factor = self.one(&raw.factor);
        let max = self.one(&raw.max);
        let attempts = self.one(&raw.attempts);
        if first > max && max.is_some() {
            let field = if raw.max.good().and_then(Written::place).is_some() { &raw.max } else { &raw.first };
            self.refuse(field, "`max` is shorter than `first`", None);
        }
        Some(retry::Schedule::Exponential {
            first: first?,
            factor: factor?.0,
            max: max?,
            attempts: u32::try_from(attempts?.0).ok()?,
        })
    }

    fn statuses(&mut self, success: &Field<Several<Range>>, raw: &raw::Retry) -> statuses::Statuses {
        let sets = [("success", success), ("retry.on", &raw.on), ("retry.never", &raw.never)];
        let mut earlier: Vec<(&str, Vec<std::ops::RangeInclusive<u16>>)> = Vec::new();
        for (key, field) in sets {
            let mut ranges = Vec::new();
            for item in field.good().map(|list| list.items.as_slice()).unwrap_or_default() {
                let Some(Range(range)) = self.one(item) else { continue };
                let meets = |other: &std::ops::RangeInclusive<u16>| {
                    other.start() <= range.end() && range.start() <= other.end()
                };
                if let Some((other, _)) = earlier.iter().find(|(_, ranges)| ranges.iter().any(meets)) {
                    let message = format!("a status here is also in `{other}`");
                    self.refuse(item, message, Some("name each status in one of them only".to_owned()));
                }
                ranges.push(range);
            }
            earlier.push((key, ranges));
        }
        let mut sets = earlier.into_iter().map(|(_, ranges)| statuses::Set(ranges));
        let mut next = || sets.next().unwrap_or_default();
        statuses::Statuses { success: next(), retried: next(), refused: next() }
    }

    fn timeouts(&mut self, field: &Field<Either<Duration, raw::Timeouts>>) -> Option<Timeouts> {
        let standard = raw::Timeouts::default();
        let (connect, total, idle) = match field {
            Field::Absent | Field::Bad => return None,
            Field::Good(Either::Long(parts)) => (
                self.timeout(parts.connect.good()),
                self.timeout(parts.total.good()),
                self.timeout(parts.idle.good()),
            ),
            Field::Good(Either::Short(total)) => {
                (self.one(&standard.connect), self.timeout(Some(total)), self.one(&standard.idle))
            }
        };
        let (connect, total, idle) = (connect?, total?, idle?);
        Some(Timeouts { connect: connect.min(total), total, idle })
    }

    fn timeout(&mut self, written: Option<&Written<Duration>>) -> Option<Duration> {
        let written = written?;
        let time = self.written(written)?;
        if let Some(place) = written.place() {
            if time.is_zero() {
                self.error(
                    place,
                    "every call would end at once",
                    Some("give a duration such as 15s".to_owned()),
                );
            } else if time > TIMEOUT_WARN {
                let message =
                    "a call may hold its place among the target's calls in flight for more than 5 minutes";
                self.warn(place, message, None);
            }
        }
        Some(time)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let local = bare.eq_ignore_ascii_case("localhost") || bare.to_ascii_lowercase().ends_with(".localhost");
    local || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
