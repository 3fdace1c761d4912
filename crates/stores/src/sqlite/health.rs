//! How a store is: ready, full, or failed for good. Pure.

use super::trouble::Trouble;
use contract::clock::Tick;
use contract::store::Readiness;
use std::time::Duration;

/// How often a full disk is looked at again.
const RECOVER_EVERY: Duration = Duration::from_millis(500);

#[derive(Default)]
pub(super) struct Health {
    pub(super) disk_full: bool,
    looked_at: Tick,
    /// What is alive alone exceeds the bytes that retention allows.
    pub(super) crowded: bool,
    pub(super) failed: Option<String>,
    /// What was told last; none is that the store is ready.
    told: Option<Readiness>,
}

impl Health {
    /// Of a store whose disk has no room for its reserve.
    pub(super) fn full() -> Self {
        Self { disk_full: true, ..Self::default() }
    }

    pub(super) fn readiness(&self) -> Readiness {
        match self {
            Self { failed: Some(_), .. } => Readiness::Failed,
            Self { disk_full: true, .. } | Self { crowded: true, .. } => Readiness::Full,
            Self { .. } => Readiness::Ready,
        }
    }

    /// What is to be told: the readiness, if it is not what was told last.
    pub(super) fn turned(&mut self) -> Option<Readiness> {
        let readiness = self.readiness();
        let told = self.told.replace(readiness).unwrap_or(Readiness::Ready);
        (told != readiness).then_some(readiness)
    }

    /// Whether it is time to look for space that has returned.
    pub(super) fn looks_for_space(&mut self, now: Tick) -> bool {
        let looks = self.disk_full && now.since(self.looked_at) >= RECOVER_EVERY;
        if looks {
            self.looked_at = now;
        }
        looks
    }

    /// Takes note of a trouble; gives the reason if the store has failed by it.
    pub(super) fn note(&mut self, trouble: &Trouble) -> Option<String> {
        match trouble {
            Trouble::Full => self.disk_full = true,
            Trouble::Fatal(detail) | Trouble::Damaged(detail) => {
                if self.failed.is_none() {
                    self.failed = Some(detail.clone());
                    return self.failed.clone();
                }
            }
            Trouble::Corrupt(_) | Trouble::Failed(_) | Trouble::Senseless(_) => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_turn_is_told_once_and_a_failure_is_for_good() {
        let mut health = Health::default();
        assert_eq!((health.readiness(), health.turned()), (Readiness::Ready, None));
        assert_eq!(health.note(&Trouble::Full), None);
        assert_eq!((health.turned(), health.turned()), (Some(Readiness::Full), None));
        assert!(health.looks_for_space(Tick(RECOVER_EVERY)) && !health.looks_for_space(Tick(RECOVER_EVERY)));
        health.disk_full = false;
        assert_eq!(health.turned(), Some(Readiness::Ready));
        assert_eq!(health.note(&Trouble::Fatal("a sync".into())).as_deref(), Some("a sync"));
        assert_eq!(health.note(&Trouble::Fatal("another".into())), None);
        assert_eq!((health.turned(), health.turned()), (Some(Readiness::Failed), None));
        assert_eq!(Health::full().turned(), Some(Readiness::Full));
    }
}
