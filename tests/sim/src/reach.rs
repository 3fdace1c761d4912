//! What a run has reached: a simulation that never gets to the hard places proves nothing.

use std::collections::BTreeMap;
use std::fmt;

macro_rules! feats {
    ($($name:ident: $words:literal,)+) => {
        /// A hard place.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Feat {
            $(#[doc = $words] $name,)+
        }

        impl Feat {
            /// Each of them must be reached by a run of many seeds.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// In words.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self { $(Self::$name => $words),+ }
            }
        }
    };
}

feats! {
    CrashBeforeReceipt: "crash between commit and 202",
    CrashBeforeSettle: "crash between send and settle",
    CrashWhileSending: "crash with a request on the wire",
    CrashAtStart: "crash while starting after a crash",
    CrashInClaim: "crash between claim and lease in hand",
    GracefulStop: "stop in good order",
    StopPastGrace: "stop with calls that outlast the grace",
    Reopened: "another life on the same store",
    NewSlice: "a message in a later slice",
    Fenced: "a late settlement of a dead session is refused",
    SuspectResend: "a possible duplicate is sent and marked",
    Repeat: "a delivered message is sent again after a crash",
    RateWaits: "a delivery waits in its lane for its target's rate",
    PutOff: "a message asks to be sent later",
    Turns: "several priorities wait in one lane",
    ForcedOpen: "a person opens a breaker",
    ForcedClosed: "a person keeps a breaker closed",
    WantedProbe: "a person lets one delivery go that its target is left alone for",
    NeverSent: "a message whose deadline has passed is no repeat",
    Poison: "a delivery that kills the process is given up",
    Reload: "a new configuration under load",
    NoTarget: "a delivery waits for a target that left the configuration",
    OldShape: "an old shape is sent after a new one is configured",
    RetryAfter: "a target is held by Retry-After",
    AuthHold: "a target is held because it refuses credentials",
    Probe: "a held target is probed",
    BreakerOpened: "a breaker opens",
    BreakerProbe: "one call goes after a breaker was open",
    BreakerRamp: "several calls go after a breaker was open",
    BreakerReopened: "a breaker opens again after a probe or in its ramp",
    BreakerRestored: "a process begins with a breaker that an earlier one has opened",
    OwnFaultsInRow: "as many faults of this side in a row as would open a breaker",
    Gone: "410 disables a target",
    Word: "a receiver's word is obeyed",
    PausedBacklog: "a delivery waits while its target is paused",
    CancelWaiting: "a waiting delivery is cancelled",
    CancelInFlight: "a ticket is cancelled while a call is on the wire",
    Redrive: "dead deliveries get another run",
    Edited: "an edited delivery is sent",
    Discard: "a dead delivery is discarded",
    KeyBlocked: "an order key waits for a retry",
    KeySkipped: "a delivery that has let go of its order key is tried again while others of it wait",
    KeyParked: "an order key is parked",
    ParkedRedriven: "a parked delivery gets another run",
    KeyReleased: "a parked order key is let go",
    KeyUnwanted: "what a store has parked by itself is let go where the target does not park",
    KeyFlows: "a keyed delivery follows a finished one",
    Expired: "a deadline passes",
    ExpiredHeld: "a deadline passes on disk while the target is held",
    ExpiredInWindow: "a deadline passes in a window",
    Exhausted: "a schedule ends",
    Skipped: "a filter says no",
    FilterFailed: "a filter fails",
    Same: "a key is repeated with the same request",
    SameAfterCrash: "a request is repeated after a crash that ate its 202",
    Conflict: "a key is repeated with another request",
    Busy: "the accept queue is full",
    DiskFull: "the disk is full for a while",
    TimedOut: "an API hangs",
    Refused: "an API refuses connections",
    Reset: "a connection breaks",
    OwnFault: "a fault of this side is tried again",
    MemoryFull: "the windows' memory is used up",
    Followed: "a delivery starts after others",
    Unmet: "a delivery fails with what it waits for",
    SiblingCancelled: "a waiting delivery is cancelled because another one failed",
    SiblingAwaited: "a delivery in flight is not tried again because another one failed",
    Undone: "a delivery is undone",
    UndoSkipped: "nothing is to be undone",
    CalledBack: "a callback is sent",
    CalledAgain: "a callback tells of another run",
    OutdatedCallback: "a callback is in flight when another run begins",
    CrashBetween: "crash between the end of a delivery and the start of the next",
    Told: "a failure is the caller's answer and not tried again",
    Unreadable: "a success is none because its answer is read",
    Quoted: "what others were answered is sent",
    WallJump: "the wall clock jumps",
}

/// How often each place was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached(BTreeMap<Feat, u64>);

impl Reached {
    pub(crate) fn note(&mut self, feat: Feat) {
        *self.0.entry(feat).or_default() += 1;
    }

    /// How often.
    #[must_use]
    pub fn count(&self, feat: Feat) -> u64 {
        self.0.get(&feat).copied().unwrap_or_default()
    }

    /// Adds what another world has reached.
    pub fn add(&mut self, other: &Self) {
        for (feat, count) in &other.0 {
            *self.0.entry(*feat).or_default() += count;
        }
    }

    /// What nobody has reached.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        Feat::ALL.iter().filter(|feat| self.count(**feat) == 0).map(|feat| feat.words()).collect()
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Feat::ALL.iter().try_for_each(|feat| writeln!(f, "{:>8}  {}", self.count(*feat), feat.words()))
    }
}
