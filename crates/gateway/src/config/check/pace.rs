//! Checks of how fast a target may be called: its rate, and its calls at once.

use super::Check;
use crate::config::field::{Either, Field, Written};
use crate::config::form::{Calls, Count, Pace};
use crate::config::raw;
use contract::Name;
use engine::policy::{concurrency, rate};
use std::num::NonZeroU32;

impl Check<'_> {
    /// The calls at once; none if they are wrong and reported.
    pub(super) fn concurrency(
        &mut self,
        field: &Field<Either<Calls, raw::Concurrency>>,
    ) -> Option<concurrency::Limit> {
        let standard = raw::Adaptive::default();
        let bounds = match field {
            Field::Absent | Field::Bad => return None,
            Field::Good(Either::Short(calls)) => match self.written(calls)? {
                Calls::Fixed(calls) => return Some(concurrency::Limit::Fixed(calls)),
                Calls::Adaptive => &standard,
            },
            Field::Good(Either::Long(long)) => long.adaptive.good().unwrap_or(&standard),
        };
        let (min, max) = (self.one(&bounds.min), self.one(&bounds.max));
        let (Count(min), Count(max)) = (min?, max?);
        if min > max {
            let field =
                if bounds.max.good().and_then(Written::place).is_some() { &bounds.max } else { &bounds.min };
            self.refuse(field, "`max` is less than `min`", None);
        }
        Some(concurrency::Limit::Adaptive { min, max })
    }

    /// The rate: none if there is none; none in it if it is wrong and reported.
    pub(super) fn rate(
        &mut self,
        key: &Written<Name>,
        field: &Field<Either<Pace, raw::Rate>>,
    ) -> Option<Option<rate::Limit>> {
        let (pace, burst) = match field {
            Field::Absent => return Some(None),
            Field::Bad => return None,
            Field::Good(Either::Short(pace)) => (self.written(pace)?, None),
            Field::Good(Either::Long(long)) => {
                if let (Field::Absent, Some(place)) = (&long.limit, key.place()) {
                    let help = "for example rate: { limit: 100/s, burst: 20 }";
                    self.error(place, "`rate.limit` is missing", Some(help.to_owned()));
                }
                let burst = match &long.burst {
                    Field::Absent => None,
                    burst @ (Field::Bad | Field::Good(_)) => Some(self.one(burst)?),
                };
                (self.one(&long.limit)?, burst)
            }
        };
        let burst = burst.and_then(|Count(burst)| NonZeroU32::new(u32::try_from(burst).ok()?));
        Some(Some(rate::Limit::new(pace.count, pace.per, burst)))
    }
}
