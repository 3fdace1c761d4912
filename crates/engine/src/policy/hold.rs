//! Whether a target may be called now: paused, throttled, refused credentials, disabled.
//!
//! ```text
//!   Open ── Retry-After ──► Shut(until) ── time ──► Open
//!   Open ── 401/403 ─────► Shut(probe) ── time ──► Probe ── success ──► Open
//!                                └──────── 401/403 ◄──┘
//!   any  ── pause, 410, `disable` ──► Shut ── resume ──► Open
//! ```

use contract::Timestamp;
use serde::{Deserialize, Serialize};

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
}

/// A hold because of refused credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auth {
    /// Probes made.
    pub step: u32,
    /// When the next one may go.
    pub probe_at: Timestamp,
}

/// Whether a call may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// As many as the target's concurrency allows.
    Admit,
    /// One, to see whether it is well again.
    Probe,
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
            Self::NoTarget => "no_target",
        }
    }
}

impl Hold {
    /// Whether a call may go at `now`.
    #[must_use]
    pub fn gate(&self, now: Timestamp) -> Gate {
        match (&self.auth, self.throttled_until) {
            _ if self.paused || self.disabled => Gate::Refuse(None),
            (_, Some(until)) if until > now => Gate::Refuse(Some(until)),
            (Some(auth), _) if auth.probe_at > now => Gate::Refuse(Some(auth.probe_at)),
            (Some(_), _) => Gate::Probe,
            (None, _) => Gate::Admit,
        }
    }

    /// Why it is held at `now`, if it is.
    #[must_use]
    pub fn reason(&self, now: Timestamp) -> Option<Reason> {
        match (&self.auth, self.throttled_until) {
            _ if self.disabled => Some(Reason::Disabled),
            _ if self.paused => Some(Reason::Paused),
            (Some(_), _) => Some(Reason::Auth),
            (None, Some(until)) if until > now => Some(Reason::Throttled),
            (None, _) => None,
        }
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
        let refused = Hold { auth: Some(Auth { step: 1, probe_at: at(120) }), ..Hold::default() };
        let paused = Hold { paused: true, ..throttled.clone() };
        let cases = [
            (Hold::default(), now, Gate::Admit, None),
            (throttled.clone(), now, Gate::Refuse(Some(at(150))), Some(Reason::Throttled)),
            (throttled, at(150), Gate::Admit, None),
            (refused.clone(), now, Gate::Refuse(Some(at(120))), Some(Reason::Auth)),
            (refused, at(120), Gate::Probe, Some(Reason::Auth)),
            (paused, at(500), Gate::Refuse(None), Some(Reason::Paused)),
            (Hold { disabled: true, ..Hold::default() }, now, Gate::Refuse(None), Some(Reason::Disabled)),
        ];
        for (hold, when, gate, reason) in cases {
            assert_eq!((hold.gate(when), hold.reason(when)), (gate, reason), "{hold:?}");
        }
    }
}
