//! Hosts at which nobody answers: their targets learn it from each other.
//!
//! A host has no breaker of its own: when there is no connection to it, the breakers of all its targets open, and each tries again by
//! itself. So a host that is well costs one look at a number, and what is kept, shown and forced belongs to targets.

use crate::policy::breaker::{End, Policy, Pulse, Reach, Sign};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What speaks against hosts; those that are well are not in it.
#[derive(Default)]
pub(crate) struct Hosts {
    count: AtomicUsize,
    pulses: Mutex<HashMap<Arc<str>, Pulse>>,
}

impl Hosts {
    /// Takes the end of a call into account; true: nobody answers at this host. A success of a host that is well is not counted.
    pub(crate) fn note(&self, host: &Arc<str>, end: End, policy: &Policy) -> bool {
        let sign = match end.sign {
            Sign::Nothing => return false,
            // Somebody was there, whatever became of the call.
            Sign::Well | Sign::Ill(Reach::Host) if self.count.load(Ordering::Relaxed) == 0 => return false,
            Sign::Well | Sign::Ill(Reach::Host) => Sign::Well,
            Sign::Ill(Reach::Nowhere) => end.sign,
        };
        let mut pulses = self.pulses.lock();
        if sign == Sign::Well && !pulses.contains_key(host) {
            return false;
        }
        let pulse = pulses.entry(Arc::clone(host)).or_default();
        let gone = pulse.beat(End { sign, ..end }, policy);
        if gone || pulse.is_clean(end.now, policy) {
            pulses.remove(host);
        }
        self.count.store(pulses.len(), Ordering::Relaxed);
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::Timestamp;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn note(hosts: &Hosts, host: &str, sign: Sign) -> bool {
        hosts.note(&Arc::from(host), End { sign, began: NOW, now: NOW }, &Policy::default())
    }

    #[test]
    fn nobody_answers_at_a_host_when_its_targets_found_nobody_ten_times_in_a_row() {
        let hosts = Hosts::default();
        let gone = Sign::Ill(Reach::Nowhere);
        for _ in 0..9 {
            assert!(!note(&hosts, "a:443", gone));
            assert!(!note(&hosts, "b:443", gone), "each host on its own");
            assert!(!note(&hosts, "a:443", Sign::Nothing));
        }
        assert!(!note(&hosts, "b:443", Sign::Ill(Reach::Host)), "an answer, if a bad one");
        assert!(note(&hosts, "a:443", gone));
        assert!(!note(&hosts, "b:443", gone));
    }

    #[test]
    fn a_host_that_is_well_is_not_remembered() {
        let hosts = Hosts::default();
        for sign in [Sign::Well, Sign::Ill(Reach::Host), Sign::Nothing] {
            assert!(!note(&hosts, "a:443", sign));
        }
        assert!(hosts.pulses.lock().is_empty());
    }
}
