//! Planted bugs: each is one way to be wrong, and the oracle must see it.

pub(crate) mod store;
pub(crate) mod target;

macro_rules! mutants {
    ($($name:ident: $words:literal,)+) => {
        /// A planted bug.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Mutant {
            $(#[doc = $words] $name,)+
        }

        impl Mutant {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// In words.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self { $(Self::$name => $words),+ }
            }
        }
    };
}

mutants! {
    EarlyReceipt: "202 before the commit",
    LostDelivery: "the last delivery of a message is not kept",
    ForgottenOnce: "the Idempotency-Key of a request is dropped",
    BlindConflict: "another request with the same key counts as the same",
    LostLease: "a claimed delivery is dropped on the way to its lane",
    LeasedDemoted: "a delivery that did not get a lease is sent anyway",
    EarlyClaim: "deliveries are claimed before they are due",
    LostSettle: "a settlement is answered but not recorded",
    LostSettleAfterCrash: "the same, only after a crash",
    LostMoves: "nobody is told what moves in a group",
    DoubleSettle: "an attempt is settled twice",
    OptimisticSettle: "a failed attempt counts as delivered",
    SkippedBackoff: "the next attempt comes at once",
    RetriedDead: "a delivery whose schedule has ended is tried again",
    HastyGiveUp: "a delivery is dead after its first failure",
    UnrecordedAttempt: "an attempt is not recorded",
    CancelledOnTheWire: "a call on the wire counts as unsent when its ticket is cancelled",
    IgnoredCancel: "a cancellation is acknowledged but not done",
    DroppedSuspect: "a possible duplicate is not marked",
    FalseSuspect: "a first attempt is marked as a possible duplicate",
    ForgottenPause: "a pause is acknowledged but not kept",
    IgnoredPause: "a paused target is called",
    IgnoredForce: "a breaker that a person has opened lets calls go",
    IgnoredDrop: "a target that left the configuration is called",
    IgnoredRetryAfter: "Retry-After is not read",
    IgnoredAuth: "refused credentials count as a plain failure",
    IgnoredGone: "410 counts as a plain failure",
    IgnoredBreaker: "a target that fails is called on and on",
    NervousBreaker: "a breaker opens at the first failure",
    HastyBreaker: "a breaker is open for no time",
    ConcurrencyPlusOne: "one call more than allowed",
    IgnoredRate: "a target's rate is not kept",
    IgnoredDelay: "a message that is put off is sent at once",
    BlindPriority: "all waits in one line",
    IgnoredOrder: "order keys are dropped",
    HastyKey: "an order key goes on while its first one is tried again",
    StubbornKey: "an order key waits although its target skips what has failed",
    ForgottenPark: "an order key goes on although its target parks it",
    IgnoredDeadline: "a claimed delivery has lost its deadline",
    EndlessWait: "what waits past its deadline is left to wait",
    ForgottenDeadline: "a route's deadline is dropped",
    ForgottenQuorum: "all are required where some were enough",
    HastyDependent: "what waits for others is leased at accept",
    HastyUndo: "an undo is due before anything has failed",
    StaleReport: "each run of a callback has the same Idempotency-Key",
    ForgottenCaller: "nobody is told that the caller waits for the primary's answer",
    AnotherAnswer: "a delivery reads another answer than was given",
    IgnoredFilter: "filters are dropped",
    DoubleSend: "an attempt is sent twice",
    StaleKey: "an edited delivery keeps its Idempotency-Key",
    RestlessKey: "each attempt has its own Idempotency-Key",
    NewShape: "an attempt is sent in another shape than its message was accepted for",
}
