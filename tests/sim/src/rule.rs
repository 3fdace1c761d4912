//! The promises that the oracle watches over, and how it says that one was broken.

use std::fmt;

macro_rules! rules {
    ($($name:ident: $words:literal,)+) => {
        /// A promise.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Rule {
            $(#[doc = $words] $name,)+
        }

        impl Rule {
            /// In words.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self { $(Self::$name => $words),+ }
            }
        }
    };
}

rules! {
    Kept: "an acknowledged message survives, with its ticket and all its deliveries",
    Truthful: "a ticket is the fold of what happened",
    EndsOnce: "each run of a delivery ends once",
    Arrives: "in the end everything has ended and nothing is leased",
    Judged: "the end of an attempt is judged by the published table, and the next comes when the schedule says",
    Due: "nothing is claimed before it is due",
    Leased: "only what this session has leased is sent, once for each lease",
    Bounded: "never more in flight or in memory than allowed",
    Paced: "never more starts than the rate allows",
    Holding: "a held target is left alone",
    Ordered: "deliveries of one order key go in order of acceptance, one at a time",
    Cancelled: "what was cancelled is not sent, and what was in flight is not tried again",
    InTime: "nothing is sent after its deadline",
    Timely: "what waits past its deadline ends soon, although its target is held",
    Prompt: "what a group has let go goes soon, when nothing holds it",
    Fair: "priorities take turns by their weights",
    Routed: "a message goes where its route and its filters say",
    Grouped: "deliveries of one message follow each other, are undone and are told of as the rules of groups say",
    Faithful: "what is sent is what was accepted, in the shape of that time",
    OneKey: "one Idempotency-Key per delivery and body, one body per key",
    Marked: "a repeat is sent only after a crash, and says so",
    Once: "an Idempotency-Key keeps one message",
    Fenced: "a living session is not fenced, a dead one is",
    Lively: "the engine goes on, and rests when there is nothing to do",
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// What was seen.
    pub seen: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule.words(), self.seen)
    }
}
