//! Bugs between the engine and a target.

use super::Mutant;
use crate::language;
use contract::Promise;
use contract::target::{Call, Form, Outcome, Target};
use std::sync::Arc;

/// A target with a bug in front of it.
pub(crate) struct MutantTarget {
    pub(crate) target: Arc<dyn Target>,
    pub(crate) mutant: Mutant,
}

impl Target for MutantTarget {
    fn deliver<'a>(&'a self, call: &'a Call) -> Promise<'a, Vec<Outcome>> {
        Box::pin(async move {
            let mut call = call.clone();
            self.spoil_call(&mut call);
            let mut outcomes = self.target.deliver(&call).await;
            if self.mutant == Mutant::DoubleSend {
                outcomes = self.target.deliver(&call).await;
            }
            outcomes.iter_mut().for_each(|outcome| self.spoil_outcome(outcome));
            outcomes
        })
    }
}

impl MutantTarget {
    fn spoil_call(&self, call: &mut Call) {
        for parcel in &mut call.parcels {
            if self.mutant == Mutant::StaleKey {
                parcel.revision = 0;
            }
            if self.mutant == Mutant::StaleReport && language::has(&parcel.body, language::TICKET) {
                parcel.revision = 0;
            }
            if self.mutant == Mutant::RestlessKey {
                parcel.revision += parcel.attempt;
            }
            if self.mutant == Mutant::NewShape && parcel.form == Form::Shaped && parcel.attempt > 1 {
                parcel.body = language::wrap(0, &parcel.message.body);
            }
        }
    }

    fn spoil_outcome(&self, outcome: &mut Outcome) {
        let Outcome::Answered(reply) = outcome else { return };
        match (self.mutant, reply.status) {
            (Mutant::IgnoredRetryAfter, _) => reply.hints.wait = None,
            (Mutant::IgnoredAuth, 401 | 403) | (Mutant::IgnoredGone, 410) => reply.status = 500,
            _ => {}
        }
    }
}
