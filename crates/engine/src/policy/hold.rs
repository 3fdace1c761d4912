//! Whether a target may be called now: paused, throttled, refused credentials, disabled, failing.
//!
//! ```text
//!   Open ── Retry-After ──► Shut(until) ── time ──► Open
//!   Open ── 401/403 ─────► Shut(probe) ── time ──► Probe ── success ──► Open
//!                                └──────── 401/403 ◄──┘
//!   any  ── pause, 410, `disable` ──► Shut ── resume ──► Open
//! ```
//! A target that fails has the states of its [breaker](super::breaker) besides.

use super::breaker::{Forced, Trip};
use contract::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What keeps a target from being called. Goes to disk as JSON: fields are only ever added, with a default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hold {
    /// A person paused it.
    pub paused: bool,
    /// The target said that it is gone, or to stop.
    pub disabled: bool,
    /// `Retry-After` and its kin.
    pub throttled_until: Option<Timestamp>,
    /// Credentials are refused.
    pub auth: Option<Auth>,
    /// It has answered with success at least once: a later 401 is then the credentials' fault, not the message's.
    pub proven: bool,
    /// It fails: it is left alone, and then tried with few calls.
    pub breaker: Option<Trip>,
    /// What a person wants of the breaker.
    pub forced: Option<Forced>,
}

/// A hold because of refused credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auth {
    /// Probes made.
    pub step: u32,
    /// When the next one may go.
    pub probe_at: Timestamp,
    /// When they were refused first. A version before this did not note it.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// Some bits of a hash of the credentials that were refused: enough to see that there are others now, too few to guess them by.
    #[serde(default)]
    pub credentials: Option<u16>,
}

/// Whether a call may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// As many as the target's concurrency allows.
    Admit,
    /// So many at once, to see whether it is well again.
    Few(usize),
    /// None before this time; without a time, none before a person acts.
    Refuse(Option<Timestamp>),
}

/// The word for a hold, as tickets and lists show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A person paused the target.
    Paused,
    /// The target is gone, or asked to be left alone.
    Disabled,
    /// The target asked for a wait.
    Throttled,
    /// The target refuses the credentials.
    Auth,
    /// The target fails, or a person opened its breaker.
    Breaker,
    /// The target is not in the configuration.
    NoTarget,
}

impl Reason {
    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Disabled => "disabled",
            Self::Throttled => "throttled",
            Self::Auth => "auth",
            Self::Breaker => "breaker",
            Self::NoTarget => "no_target",
        }
    }
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::Paused, Self::Disabled, Self::Throttled, Self::Auth, Self::Breaker, Self::NoTarget];
}

impl Hold {
    /// Whether a call may go at `now`.
    #[must_use]
    pub fn gate(&self, now: Timestamp) -> Gate {
        if self.is_shut() {
            return Gate::Refuse(None);
        }
        let breaker = self.tripped();
        let probe_at = self.auth.as_ref().map(|auth| auth.probe_at);
        let until = self.throttled_until.max(probe_at).max(breaker.map(|trip| trip.until));
        match (until, breaker) {
            (Some(until), _) if until > now => Gate::Refuse(Some(until)),
            _ if self.auth.is_some() => Gate::Few(1),
            (_, Some(trip)) => Gate::Few(usize::try_from(trip.width).unwrap_or(usize::MAX)),
            (_, None) => Gate::Admit,
        }
    }

    /// Why it is held at `now`, if it is.
    #[must_use]
    pub fn reason(&self, now: Timestamp) -> Option<Reason> {
        let breaker = self.tripped();
        match (&self.auth, self.throttled_until) {
            _ if self.disabled => Some(Reason::Disabled),
            _ if self.paused => Some(Reason::Paused),
            _ if self.forced == Some(Forced::Open) => Some(Reason::Breaker),
            (Some(_), _) => Some(Reason::Auth),
            (None, Some(until)) if until > now && breaker.is_none_or(|trip| trip.until <= until) => {
                Some(Reason::Throttled)
            }
            (None, _) => breaker.filter(|trip| trip.is_unproven(now)).map(|_| Reason::Breaker),
        }
    }

    /// When a call may go again, if that is a matter of time.
    #[must_use]
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        match self.gate(now) {
            Gate::Refuse(until) => until,
            Gate::Admit | Gate::Few(_) => None,
        }
    }

    /// Whether what waits belongs on the disk: it may be long until it goes.
    #[must_use]
    pub fn is_long(&self, now: Timestamp) -> bool {
        self.is_shut() || self.tripped().is_some_and(|trip| trip.is_open(now))
    }

    /// What a person has shut.
    #[must_use]
    pub fn shut_by_person(&self) -> Option<Reason> {
        match self.forced {
            _ if self.paused => Some(Reason::Paused),
            Some(Forced::Open) => Some(Reason::Breaker),
            Some(Forced::Closed) | None => None,
        }
    }

    /// From now on a call may say how the target is: nothing waits for its time any more but what the target has asked for.
    pub fn look_now(&mut self, now: Timestamp) {
        if let Some(trip) = &mut self.breaker {
            trip.until = trip.until.min(now);
        }
        if let Some(auth) = &mut self.auth {
            auth.probe_at = auth.probe_at.min(now);
        }
    }

    /// Whether credentials were refused, and not these.
    #[must_use]
    pub fn refuses_others_than(&self, credentials: u16) -> bool {
        self.auth.as_ref().and_then(|auth| auth.credentials).is_some_and(|refused| refused != credentials)
    }

    /// Whether nothing has succeeded for so long: since its breaker opened, or its credentials were refused.
    #[must_use]
    pub fn has_failed_for(&self, limit: Duration, now: Timestamp) -> bool {
        let auth = self.auth.as_ref().and_then(|auth| auth.since);
        let since = auth.into_iter().chain(self.breaker.map(|trip| trip.since)).min();
        since.is_some_and(|since| now.since(since) >= limit)
    }

    /// The breaker, unless a person keeps it closed.
    fn tripped(&self) -> Option<Trip> {
        self.breaker.filter(|_| self.forced.is_none())
    }

    /// Only a person can end it.
    const fn is_shut(&self) -> bool {
        self.paused || self.disabled || matches!(self.forced, Some(Forced::Open))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hold_shuts_the_gate_in_its_own_way() {
        let at = Timestamp::from_micros;
        let now = at(100);
        let throttled = Hold { throttled_until: Some(at(150)), ..Hold::default() };
        let refused = Hold {
            auth: Some(Auth { step: 1, probe_at: at(120), since: Some(now), credentials: None }),
            ..Hold::default()
        };
        let paused = Hold { paused: true, ..throttled.clone() };
        let trip = Trip { since: now, until: at(130), step: 0, width: 1 };
        let tripped = Hold { breaker: Some(trip), ..Hold::default() };
        let ramping = Hold { breaker: Some(Trip { width: 4, ..trip }), ..Hold::default() };
        let forced = |forced| Hold { forced: Some(forced), ..tripped.clone() };
        let both = Hold { throttled_until: Some(at(150)), ..tripped.clone() };
        let refused_too = Hold { breaker: Some(trip), ..refused.clone() };
        let cases = [
            (Hold::default(), now, Gate::Admit, None),
            (throttled.clone(), now, Gate::Refuse(Some(at(150))), Some(Reason::Throttled)),
            (throttled, at(150), Gate::Admit, None),
            (refused.clone(), now, Gate::Refuse(Some(at(120))), Some(Reason::Auth)),
            (refused, at(120), Gate::Few(1), Some(Reason::Auth)),
            (tripped.clone(), now, Gate::Refuse(Some(at(130))), Some(Reason::Breaker)),
            (tripped.clone(), at(130), Gate::Few(1), Some(Reason::Breaker)),
            (ramping, at(130), Gate::Few(4), None),
            (forced(Forced::Closed), now, Gate::Admit, None),
            (forced(Forced::Open), at(500), Gate::Refuse(None), Some(Reason::Breaker)),
            (both.clone(), now, Gate::Refuse(Some(at(150))), Some(Reason::Throttled)),
            (both, at(150), Gate::Few(1), Some(Reason::Breaker)),
            (refused_too, at(120), Gate::Refuse(Some(at(130))), Some(Reason::Auth)),
            (paused, at(500), Gate::Refuse(None), Some(Reason::Paused)),
            (Hold { disabled: true, ..Hold::default() }, now, Gate::Refuse(None), Some(Reason::Disabled)),
        ];
        for (hold, when, gate, reason) in cases {
            assert_eq!((hold.gate(when), hold.reason(when)), (gate, reason), "{hold:?}");
        }
    }
}
