//! Order keys: who holds one, and who goes first.

use super::state::{Entry, Key, Spot, State};
use contract::Name;
use contract::delivery::Standing;
use contract::order::{KeyFate, Parked};
use contract::store::Start;
use std::collections::BTreeSet;
use std::sync::Arc;

impl State {
    pub(super) fn key_of(&self, tenant: &Name, start: &Start) -> Option<Key> {
        let key = start.key.as_ref()?;
        Some((tenant.clone(), start.target.clone(), Arc::clone(&key.0)))
    }

    /// Whether a delivery holds no key, or is the earliest that holds it and none of it is leased.
    pub(super) fn is_head(&self, spot: Spot) -> bool {
        self.before(spot).is_none()
    }

    /// The one that goes before a delivery: of its key, the one in flight; where there is none, the earliest.
    pub(super) fn before(&self, spot: Spot) -> Option<Spot> {
        let spots = self.of_key(spot)?;
        let leased = |spot: &Spot| self.entry(*spot).is_some_and(|entry| entry.standing == Standing::Leased);
        let first = spots.iter().find(|spot| leased(spot)).or_else(|| spots.first());
        first.copied().filter(|first| *first != spot)
    }

    /// Those that hold the key that a delivery holds.
    pub(super) fn of_key(&self, spot: Spot) -> Option<&BTreeSet<Spot>> {
        let (tenant, entry) = self.with_tenant(spot).filter(|(_, entry)| entry.holds_key())?;
        self.keys.get(&self.key_of(&tenant, &entry.start)?)
    }

    /// The order key that a dead delivery keeps, with what waits for it.
    pub(super) fn parked(&self, spot: Spot) -> Option<Parked> {
        let key = self.entry(spot)?.start.key.clone()?;
        let waits = |spot: &&Spot| {
            self.entry(**spot).is_some_and(|entry| matches!(entry.standing, Standing::Due(_)))
                && self.before(**spot).is_some()
        };
        let behind = self.of_key(spot)?.iter().filter(waits).count();
        Some(Parked { key, behind: u64::try_from(behind).unwrap_or(u64::MAX) })
    }
}

impl Entry {
    /// While it is unfinished, unless it has let go of it, and while it is dead and parked.
    pub(super) fn holds_key(&self) -> bool {
        let may = !self.standing.is_final() || matches!(self.standing, Standing::Dead(_));
        may && self.start.key.is_some() && self.key_fate == KeyFate::Kept
    }

    pub(super) fn is_parked(&self) -> bool {
        self.holds_key() && matches!(self.standing, Standing::Dead(_))
    }
}
