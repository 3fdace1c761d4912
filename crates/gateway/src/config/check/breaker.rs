//! Checks of what protects a target that fails.

use super::Check;
use crate::config::field::{Either, Field, One, Written};
use crate::config::form::{Form, Share};
use crate::config::raw;
use crate::config::settings::Switch;
use engine::policy::breaker::{Host, Policy};
use std::time::Duration;

impl Check<'_> {
    /// Some(None): there is none.
    pub(super) fn breaker(&mut self, field: &Field<Either<Switch, raw::Breaker>>) -> Option<Option<Policy>> {
        let standard = raw::Breaker::default();
        match field {
            Field::Absent | Field::Bad => None,
            Field::Good(Either::Short(switch)) => match self.written(switch)? {
                Switch::On => self.policy(&standard).map(Some),
                Switch::Off => Some(None),
            },
            Field::Good(Either::Long(parts)) => self.policy(parts).map(Some),
        }
    }

    fn policy(&mut self, raw: &raw::Breaker) -> Option<Policy> {
        let failures = self.one(&raw.failures);
        let (calls, consecutive) = (self.one(&raw.calls), self.one(&raw.consecutive));
        let window = self.some_time(&raw.window, "nothing would be counted", "30s");
        let open = self.some_time(&raw.open, "it would never be open", "30s");
        let open_max = self.one(&raw.open_max);
        let host = self.one(&raw.host);
        if failures.is_some_and(|Share(share)| share == 0.0) {
            let help = "give a share such as 50%, or `breaker: off`";
            self.refuse(&raw.failures, "it would open without a failure", Some(help.to_owned()));
        }
        if open > open_max && open_max.is_some() {
            let said = raw.open_max.good().and_then(Written::place).is_some();
            let field = if said { &raw.open_max } else { &raw.open };
            self.refuse(field, "`open_max` is shorter than `open`", None);
        }
        Some(Policy {
            failures: failures?.0,
            calls: u32::try_from(calls?.0).ok()?,
            window: window?,
            consecutive: u32::try_from(consecutive?.0).ok()?,
            open: open?,
            open_max: open_max?,
            host: match host? {
                Switch::On => Host::Shared,
                Switch::Off => Host::Alone,
            },
        })
    }

    /// After how much failing a target is disabled.
    pub(super) fn disable_after(
        &mut self,
        field: &One<Duration>,
        breaker: Option<Option<Policy>>,
    ) -> Option<Duration> {
        let time = self.some_time(field, "it would be disabled at its first failure", "5d")?;
        if let (Some(None), Some(place)) = (breaker, field.good().and_then(Written::place)) {
            let message = "with `breaker: off` only refused credentials count as failing";
            self.warn(place, message, None);
        }
        Some(time)
    }

    fn some_time(&mut self, field: &One<Duration>, why: &str, such: &str) -> Option<Duration> {
        let time = self.one(field)?;
        if time.is_zero() {
            let help = format!("give {} such as {such}", Duration::NAME);
            self.refuse(field, why, Some(help));
        }
        Some(time)
    }
}
