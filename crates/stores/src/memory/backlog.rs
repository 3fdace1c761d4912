//! What waits for each target, counted.

use super::state::{Lane, State};
use contract::delivery::Standing;
use contract::store::Backlog;
use std::collections::BTreeMap;

impl State {
    pub(super) fn backlog(&self) -> Vec<Backlog> {
        let mut lanes: BTreeMap<Lane, Backlog> = BTreeMap::new();
        for kept in self.messages.values() {
            for entry in &kept.entries {
                let (tenant, target) = (kept.message.tenant.clone(), entry.start.target.clone());
                let none = Backlog {
                    tenant: tenant.clone(),
                    target: target.clone(),
                    waiting: 0,
                    oldest_due: None,
                    dead: 0,
                    parked: 0,
                };
                match entry.standing {
                    Standing::Due(at) => {
                        let lane = lanes.entry((tenant, target)).or_insert(none);
                        lane.waiting += 1;
                        lane.oldest_due = lane.oldest_due.into_iter().chain([at]).min();
                    }
                    Standing::Dead(_) => {
                        let lane = lanes.entry((tenant, target)).or_insert(none);
                        lane.dead += 1;
                        lane.parked += u64::from(entry.is_parked());
                    }
                    Standing::Leased
                    | Standing::Delivered
                    | Standing::Cancelled
                    | Standing::Expired
                    | Standing::Skipped
                    | Standing::Waiting
                    | Standing::Unmet => {}
                }
            }
        }
        lanes.into_values().collect()
    }
}
