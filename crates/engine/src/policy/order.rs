//! What the failure of a delivery means for those behind it with the same order key.
//!
//! ```text
//!            first failure        dead
//!   block    they wait            they go
//!   skip     they go              they go
//!   park     they wait            they wait, until a person decides
//! ```

use contract::delivery::{Attempt, Standing};
use contract::order::KeyFate;

/// What a target wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// A key waits for as long as its first one is tried.
    #[default]
    Block,
    /// A key goes on as soon as its first one has failed once; that one is tried again apart from it.
    Skip,
    /// A key waits until its first one was delivered, or a person decides.
    Park,
}

impl Policy {
    /// What becomes of a delivery's order key when it stands so after this attempt; none: nothing was tried.
    #[must_use]
    pub fn fate(self, standing: Standing, attempt: Option<&Attempt>) -> KeyFate {
        match (self, standing) {
            (Self::Park, Standing::Due(_) | Standing::Dead(_)) | (Self::Block, Standing::Due(_)) => {
                KeyFate::Kept
            }
            // A fault of this side says nothing about the delivery: the next of its key would meet it too.
            (Self::Skip, Standing::Due(_)) if !attempt.is_some_and(Attempt::is_counted) => KeyFate::Kept,
            (Self::Skip, Standing::Due(_)) | (Self::Block | Self::Skip, Standing::Dead(_)) => KeyFate::Freed,
            (
                _,
                Standing::Leased
                | Standing::Delivered
                | Standing::Cancelled
                | Standing::Expired
                | Standing::Skipped
                | Standing::Waiting
                | Standing::Unmet,
            ) => KeyFate::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::Timestamp;
    use contract::delivery::{AttemptResult, Death, ErrorClass, Suspicion, Timings};

    fn failed(class: ErrorClass) -> Attempt {
        Attempt {
            number: 1,
            run: 1,
            began: Timestamp::ZERO,
            timings: Timings::default(),
            result: AttemptResult::Failed { class, detail: String::new() },
            suspect: Suspicion::Clear,
            next: Some(Timestamp::NEVER),
        }
    }

    #[test]
    fn a_key_waits_skips_or_is_parked() {
        use KeyFate::{Freed, Kept};
        use Policy::{Block, Park, Skip};
        let (again, dead) = (Standing::Due(Timestamp::NEVER), Standing::Dead(Death::Exhausted));
        let (theirs, ours) = (failed(ErrorClass::ConnectionReset), failed(ErrorClass::LocalDns));
        let cases = [
            (Block, again, Some(&theirs), Kept),
            (Block, again, None, Kept),
            (Block, dead, Some(&theirs), Freed),
            (Skip, again, Some(&theirs), Freed),
            (Skip, again, Some(&ours), Kept),
            (Skip, again, None, Kept),
            (Skip, dead, Some(&theirs), Freed),
            (Skip, dead, None, Freed),
            (Park, again, Some(&theirs), Kept),
            (Park, again, None, Kept),
            (Park, dead, Some(&theirs), Kept),
            (Park, dead, None, Kept),
        ];
        for (policy, standing, attempt, fate) in cases {
            assert_eq!(policy.fate(standing, attempt), fate, "{policy:?} {standing:?} {attempt:?}");
        }
    }
}
