//! A target that tells the oracle what was sent and what came of it, and where a process can die.

use crate::fuse::{Fuse, Place};
use crate::language;
use crate::oracle::Oracle;
use contract::Promise;
use contract::target::{Call, Outcome, Target};
use std::sync::Arc;

/// The real target, watched.
pub(crate) struct TargetTap {
    pub(crate) target: Arc<dyn Target>,
    pub(crate) number: usize,
    pub(crate) oracle: Arc<Oracle>,
    pub(crate) fuse: Arc<Fuse>,
    pub(crate) poison: Poison,
}

/// Whether some messages kill the process that sends them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Poison {
    Deadly,
    Harmless,
}

impl Target for TargetTap {
    fn deliver<'a>(&'a self, call: &'a Call) -> Promise<'a, Vec<Outcome>> {
        Box::pin(async move {
            self.fuse.at(Place::Sending).await;
            for parcel in &call.parcels {
                self.oracle.book().began(self.number, parcel);
                if self.poison == Poison::Deadly && language::has(&parcel.body, language::POISON) {
                    self.fuse.burn(Place::Sending);
                }
            }
            let outcomes = self.target.deliver(call).await;
            for (parcel, outcome) in call.parcels.iter().zip(&outcomes) {
                self.oracle.book().ended(self.number, (parcel.id, parcel.at), outcome);
            }
            self.fuse.at(Place::Sent).await;
            outcomes
        })
    }
}
