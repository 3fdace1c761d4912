//! What an HTTP status means for a delivery.

use std::ops::RangeInclusive;

/// Which statuses are success, worth another attempt, or neither. Lists given win over the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statuses {
    /// Success instead of 2xx; empty: 2xx.
    pub success: Set,
    /// Tried again although the default would not.
    pub retried: Set,
    /// Not tried again although the default would.
    pub refused: Set,
}

/// A set of statuses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set(pub Vec<RangeInclusive<u16>>);

/// What a status means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// The target took it.
    Success,
    /// A later attempt may succeed.
    Retry,
    /// A repeat would be answered the same.
    Refuse,
    /// 3xx: not followed, and named as such.
    Redirect,
    /// 401 and 403: the credentials, perhaps only for now.
    Auth,
    /// 410: the target is gone.
    Gone,
}

impl Set {
    fn has(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

impl Statuses {
    /// Weighs one status.
    #[must_use]
    pub fn weigh(&self, status: u16) -> Weight {
        let success =
            if self.success.0.is_empty() { (200..300).contains(&status) } else { self.success.has(status) };
        match status {
            _ if success => Weight::Success,
            _ if self.retried.has(status) => Weight::Retry,
            _ if self.refused.has(status) => Weight::Refuse,
            300..=399 => Weight::Redirect,
            401 | 403 => Weight::Auth,
            410 => Weight::Gone,
            404 | 408 | 409 | 425 | 429 => Weight::Retry,
            501 | 505 => Weight::Refuse,
            500..=599 => Weight::Retry,
            _ => Weight::Refuse,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_follows_the_published_table() {
        let all = Statuses::default();
        for status in [404, 408, 409, 425, 429, 500, 502, 503, 504, 507, 599] {
            assert_eq!(all.weigh(status), Weight::Retry, "{status}");
        }
        for status in
            [400, 402, 405, 406, 411, 413, 414, 415, 416, 417, 421, 422, 423, 424, 426, 431, 451, 501, 505]
        {
            assert_eq!(all.weigh(status), Weight::Refuse, "{status}");
        }
        for (status, weight) in [
            (200, Weight::Success),
            (299, Weight::Success),
            (302, Weight::Redirect),
            (401, Weight::Auth),
            (403, Weight::Auth),
            (410, Weight::Gone),
            (999, Weight::Refuse),
        ] {
            assert_eq!(all.weigh(status), weight, "{status}");
        }
    }

    #[test]
    fn a_list_wins_over_the_default() {
        let own = Statuses {
            success: Set(vec![200..=200, 409..=409]),
            retried: Set(vec![202..=202]),
            refused: Set(vec![503..=503]),
        };
        assert_eq!(own.weigh(409), Weight::Success);
        assert_eq!(own.weigh(202), Weight::Retry);
        assert_eq!(own.weigh(204), Weight::Refuse);
        assert_eq!(own.weigh(503), Weight::Refuse);
    }
}
