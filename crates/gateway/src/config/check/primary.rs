//! Checks of a route's primary target: the one whose answer the caller gets.

use super::Check;
use super::route::place_of;
use crate::config::field::{Either, Field, Written};
use crate::config::raw;
use crate::config::settings::{Failure, Primary, Switch};
use contract::part::{Duty, Part};
use contract::{Name, limits};
use std::time::Duration;

impl Check<'_> {
    /// The primary, and the others' wait for it.
    pub(super) fn primary(&mut self, to: &[Name], raw: &raw::Route, parts: &mut [Part]) -> Option<Primary> {
        let standard = raw::Primary::default();
        let (target, more) = match &raw.primary {
            Field::Absent | Field::Bad => return None,
            Field::Good(Either::Short(target)) => (target, &standard),
            Field::Good(Either::Long(more)) => match (&more.target, place_of(&raw.accept)) {
                (Field::Good(target), _) => (target, more),
                (Field::Absent, Some(place)) => {
                    let help = "for example primary: { target: crm, wait: 10s }";
                    self.error(place, "`primary.target` is missing", Some(help.to_owned()));
                    return None;
                }
                (Field::Absent | Field::Bad, _) => return None,
            },
        };
        let (wait, retry) = (self.one(&more.wait), self.one(&more.retry));
        if wait.is_some_and(|wait| wait < Duration::from_secs(1) || wait > limits::WAIT_MAX) {
            self.refuse(&more.wait, "this is out of range", Some("from 1s to 60s".to_owned()));
        }
        let index = self.member(to, Some(target))?;
        self.goes_first(target, to, parts.get(index)?);
        let ordinal = u16::try_from(index).ok()?;
        // Whoever waits for somebody waits for the primary through them: it alone waits for nobody.
        for (other, part) in (0..).zip(parts) {
            if other != ordinal && part.after.is_empty() {
                part.after.push(ordinal);
            }
        }
        let failure = match retry? {
            Switch::On => Failure::IsTriedAgain,
            Switch::Off => Failure::IsTold,
        };
        Some(Primary { ordinal, wait: wait?, failure })
    }

    fn goes_first(&mut self, target: &Written<Name>, to: &[Name], part: &Part) {
        let Some(place) = target.place() else { return };
        if part.duty == Duty::Optional {
            let help = "remove it from `optional`";
            self.error(place, "the primary target cannot be optional", Some(help.to_owned()));
        }
        if let Some(before) = part.after.first().and_then(|before| to.get(usize::from(*before))) {
            let message = format!("the primary target goes first, and cannot wait for `{before}`");
            self.error(place, message, Some("remove its `after`".to_owned()));
        }
    }
}
