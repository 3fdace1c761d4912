//! The numbers that stand for a delivery's standing on disk: part of the schema, never reused.

use contract::Timestamp;
use contract::delivery::{Death, Standing};

/// Where a row stands. `Blocked` is `Due` behind an earlier delivery of its order key: only the head of a key
/// is in the index that `claim` reads, so a long queue of one key costs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Code {
    Leased = 0,
    Due = 1,
    Delivered = 2,
    Dead = 3,
    Cancelled = 4,
    Expired = 5,
    Skipped = 6,
    Blocked = 7,
    Waiting = 8,
    Unmet = 9,
}

impl Code {
    pub(super) const ALL: [Self; 10] = [
        Self::Leased,
        Self::Due,
        Self::Delivered,
        Self::Dead,
        Self::Cancelled,
        Self::Expired,
        Self::Skipped,
        Self::Blocked,
        Self::Waiting,
        Self::Unmet,
    ];

    pub(super) fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|code| *code as i64 == number)
    }

    /// The code, the death's code and the time that a row keeps for a standing.
    pub(super) fn split(standing: Standing, now: Timestamp) -> (Self, u8, Option<Timestamp>) {
        match standing {
            Standing::Leased => (Self::Leased, 0, None),
            Standing::Due(at) => (Self::Due, 0, Some(at)),
            Standing::Delivered => (Self::Delivered, 0, None),
            Standing::Dead(death) => (Self::Dead, death as u8, Some(now)),
            Standing::Cancelled => (Self::Cancelled, 0, None),
            Standing::Expired => (Self::Expired, 0, None),
            Standing::Skipped => (Self::Skipped, 0, None),
            Standing::Waiting => (Self::Waiting, 0, None),
            Standing::Unmet => (Self::Unmet, 0, None),
        }
    }

    /// Back to the standing.
    pub(super) fn join(self, death: u8, at: Timestamp) -> Option<Standing> {
        Some(match self {
            Self::Leased => Standing::Leased,
            Self::Due | Self::Blocked => Standing::Due(at),
            Self::Delivered => Standing::Delivered,
            Self::Dead => Standing::Dead(Death::from_code(death)?),
            Self::Cancelled => Standing::Cancelled,
            Self::Expired => Standing::Expired,
            Self::Skipped => Standing::Skipped,
            Self::Waiting => Standing::Waiting,
            Self::Unmet => Standing::Unmet,
        })
    }

    /// Whether a row in it can hold its order key.
    pub(super) const fn may_hold_a_key(self) -> bool {
        self.is_unfinished() || matches!(self, Self::Dead)
    }

    pub(super) const fn is_unfinished(self) -> bool {
        match self {
            Self::Leased | Self::Due | Self::Blocked | Self::Waiting => true,
            Self::Delivered | Self::Dead | Self::Cancelled | Self::Expired | Self::Skipped | Self::Unmet => {
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::delivery::{CaptureEnd, ErrorClass};

    #[test]
    fn the_codes_on_disk_never_change() {
        let numbers: Vec<u8> = Code::ALL.into_iter().map(|code| code as u8).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(Code::from_number(10), None);
        let deaths: Vec<u8> = Death::ALL.into_iter().map(|death| death as u8).collect();
        assert_eq!(deaths, [1, 2, 3, 4, 5, 6, 7, 8]);
        let words: Vec<&str> = Death::ALL.into_iter().map(Death::word).collect();
        assert_eq!(
            words,
            ["exhausted", "refused", "gone", "config", "poison", "corrupt", "aborted", "unreadable"]
        );
        let classes: Vec<u8> = ErrorClass::ALL.into_iter().map(|class| class as u8).collect();
        assert_eq!(classes, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]);
        let ends = [
            CaptureEnd::Complete,
            CaptureEnd::Truncated,
            CaptureEnd::TimedOut,
            CaptureEnd::Broken,
            CaptureEnd::NotKept,
        ];
        assert_eq!(ends.map(|end| end as u8), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_standing_survives_its_codes() {
        let at = Timestamp::from_micros(7);
        for standing in [
            Standing::Leased,
            Standing::Due(at),
            Standing::Delivered,
            Standing::Dead(Death::Gone),
            Standing::Cancelled,
            Standing::Expired,
            Standing::Skipped,
            Standing::Waiting,
            Standing::Unmet,
        ] {
            let (code, death, kept) = Code::split(standing, Timestamp::ZERO);
            assert_eq!(code.join(death, kept.unwrap_or_default()), Some(standing));
        }
    }
}
