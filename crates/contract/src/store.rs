//! The joint to durable memory.
//!
//! Every call that changes something is durable when its promise ends. Stores group concurrent calls into one
//! commit; one bad item never fails its neighbours. `tests/it` of `stores` is the exact specification.

use crate::delivery::{Attempt, Death, Delivery, ShapeId, Standing};
use crate::history::{Append, Appended, Span, Stretch};
pub use crate::id::Position;
use crate::line::{Line, Lines};
pub use crate::moved::Moved;
use crate::order::KeyFate;
pub use crate::order::OrderKey;
use crate::part::Rule;
use crate::query::{Change, Changed, Cursor, Detail, Edit, Filter, Page};
pub use crate::start::Start;
use crate::ticket::{Found, Ticket};
use crate::{DeliveryId, Message, MessageId, Name, Promise, Timestamp};
use bytes::Bytes;
use std::sync::Arc;

/// A promise of a store.
pub type Answer<'a, T> = Promise<'a, Result<T, Fault>>;

/// Durable memory of messages, deliveries and small state.
pub trait Store: Send + Sync {
    /// Begins a session of this node. What earlier sessions of a dead node had leased is due at once, marked
    /// [`crate::delivery::Suspicion::PossiblyDuplicate`]; after [`crate::limits::ORPHANED_MAX`] times it is `Dead(Poison)`. What a store
    /// declares dead by itself keeps its order key until [`Change::Release`]: it does not know what its target wants.
    fn open(&self, node: &Name, now: Timestamp) -> Answer<'_, Session>;

    /// Keeps messages with their deliveries: one answer per item, in order. Two items with one key in one batch
    /// or in two concurrent calls: one is new, the other the same.
    fn accept(&self, session: Session, batch: Vec<Accept>) -> Answer<'_, Vec<Accepted>>;

    /// Leases due deliveries, oldest due first per line of a target; of each order key only the earliest that holds it. What is done for
    /// one line does not look through what waits in another.
    fn claim(&self, session: Session, asks: Vec<Ask>, now: Timestamp) -> Answer<'_, Vec<Claimed>>;

    /// Records attempts and where their deliveries stand now: one answer per item, in order. An attempt that is not counted
    /// ([`Attempt::is_counted`]) leaves [`crate::delivery::Delivery::attempts`] as it is, and takes the place of the last one if it
    /// [`Attempt::replaces`] it.
    /// When one ends that is part of a group, what follows from it ([`crate::group::moves`]) is in the same commit.
    fn settle(&self, session: Session, batch: Vec<Settlement>) -> Answer<'_, Settles>;

    /// Ends as `Expired` what waits (`Due`, also behind its order key) although its message's deadline has passed, earliest deadline
    /// first: at most [`crate::limits::EXPIRE_ITEMS_MAX`] at once. What waits without a deadline costs nothing.
    fn expire(&self, now: Timestamp) -> Answer<'_, Expired>;

    /// Says that this session lives.
    fn renew(&self, session: Session, now: Timestamp) -> Answer<'_, Renewed>;

    /// Does what a person asks for.
    fn change(&self, change: Change) -> Answer<'_, Changed>;

    /// Gives messages that were accepted before one more delivery each: one answer per item, in order.
    fn append(&self, batch: Vec<Append>) -> Answer<'_, Vec<Appended>>;

    /// Messages of the past after a place, in order of position: at most `limit`, fewer when they are large or when many others lie
    /// between. What was committed before the call is not passed over.
    fn history(&self, span: Span, after: Option<Position>, limit: usize) -> Answer<'_, Stretch>;

    /// One ticket.
    fn ticket(&self, tenant: &Name, id: MessageId) -> Answer<'_, Found<Ticket>>;

    /// Dead deliveries, a page at a time.
    fn list(&self, tenant: &Name, filter: Filter, after: Option<Cursor>, limit: usize) -> Answer<'_, Page>;

    /// One delivery in full, dead or not.
    fn detail(&self, tenant: &Name, id: DeliveryId) -> Answer<'_, Found<Detail>>;

    /// What waits, per target: kept as running counts where a scan would cost.
    fn backlog(&self) -> Answer<'_, Vec<Backlog>>;

    /// Small durable state, by scope.
    fn state(&self, scope: Scope) -> Answer<'_, Option<Versioned>>;

    /// Every state whose scope is of this kind.
    fn states(&self, kind: ScopeKind) -> Answer<'_, Vec<(Scope, Versioned)>>;

    /// Replaces state if it still has the version that was read (0: not there yet); false if it has not.
    fn put_state(&self, scope: Scope, expected: u64, value: Bytes) -> Answer<'_, bool>;

    /// Removes state if it still has the version that was read; false if it has not. State that comes again begins at version 1 again.
    fn forget_state(&self, scope: Scope, expected: u64) -> Answer<'_, bool>;

    /// Forgets what retention allows. What keeps an order key is alive: nothing may wait for what is not there any more.
    fn prune(&self, retention: Retention, now: Timestamp) -> Answer<'_, Pruned>;

    /// Whether a message could be kept now.
    fn ready(&self) -> Readiness;
}

/// Names the run of one node. What a session leased, only it may settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Session(pub u64);

/// One message to keep.
#[derive(Clone, Debug, PartialEq)]
pub struct Accept {
    /// The message.
    pub message: Arc<Message>,
    /// One per target, in order of ordinal. May be empty: the message is kept and visible.
    pub deliveries: Vec<Start>,
    /// The caller's `Idempotency-Key`.
    pub once: Option<Once>,
    /// When the message has succeeded.
    pub rule: Rule,
}

/// What makes a message a repeat of an earlier one: an `Idempotency-Key`, or what the route takes for one. Scoped to tenant, route and caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Once {
    /// Who sent it, as authentication says; empty without authentication.
    pub caller: String,
    /// The key.
    pub key: String,
    /// A hash of the request: another one with the same key is a conflict.
    pub fingerprint: u128,
    /// How long the first one counts, at most [`crate::limits::IDEMPOTENCY_WINDOW`].
    pub window: std::time::Duration,
}

/// What became of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Durable now.
    New {
        /// Its place.
        position: Position,
        /// Ordinals that asked for a lease and did not get one.
        demoted: Vec<u16>,
    },
    /// The key was seen with the same request: this is the first ticket.
    Same {
        /// The first message's id.
        id: MessageId,
        /// The id of its first delivery.
        first: DeliveryId,
        /// Its targets, in order of ordinal.
        targets: Vec<Name>,
    },
    /// The key was seen with another request.
    Conflict,
    /// It is no repeat, and its deadline is not after [`Message::received`]: nothing of it could be sent, and nothing was kept.
    NeverSent,
    /// No room: the disk or the retention's bytes are full.
    Full,
}

/// How much one target can take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Whose deliveries.
    pub tenant: Name,
    /// To which target.
    pub target: Name,
    /// At most this many deliveries of each of these lines, which are served in this order.
    pub lines: Vec<(Line, usize)>,
    /// Stop after this many bytes of bodies (at least one delivery is given).
    pub bytes: usize,
}

/// The answer to one [`Ask`], in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Now leased to the session.
    pub leases: Vec<Lease>,
    /// When the earliest delivery that was left is due, in each line; none when there is none, or when all that is left waits behind others of its order
    /// key (then [`Settled::Freed`] says when to ask). May be in the past: ask again.
    pub next_due: Lines<Option<Timestamp>>,
}

/// A delivery in a session's hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The message's place.
    pub position: Position,
    /// The delivery.
    pub delivery: Delivery,
    /// The message.
    pub message: Arc<Message>,
    /// What is sent instead of the message's body, after an edit.
    pub edit: Option<Edit>,
}

impl Lease {
    /// No attempt is made after this moment: the message's, unless the delivery undoes or tells, which is never too late.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.message.deadline.filter(|_| self.delivery.duty.is_main())
    }
}

/// The end of an attempt, or a lease given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The message's place, as the lease gave it.
    pub position: Position,
    /// The delivery.
    pub delivery: DeliveryId,
    /// The attempt to record; none when nothing was tried (given back, expired, poisoned here).
    pub attempt: Option<Arc<Attempt>>,
    /// Where it stands now. Never `Leased`.
    pub standing: Standing,
    /// What becomes of its order key, if it has one and is `Due` or `Dead` now.
    pub key_fate: KeyFate,
}

/// What became of a batch of settlements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settles {
    /// One per item, in order.
    pub answers: Vec<Settled>,
    /// What moved because of them.
    pub moved: Vec<Moved>,
}

/// What became of one settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Recorded.
    Recorded,
    /// Recorded, and so the next delivery of its order key may be due now.
    Freed,
    /// Recorded as `Dead`, and it keeps its order key: nothing of it that came later goes.
    Parked,
    /// Recorded as `Cancelled` instead of `Due`: that was asked for while it was in flight.
    Cancelled,
    /// Recorded, but not its end: its next run was asked for while it was in flight, and it waits for that one's turn, or has it
    /// ([`Settles::moved`]).
    TakenBack,
    /// The session is dead or does not hold the lease: another one has the delivery.
    Fenced,
}

/// What a look for passed deadlines did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Ended now, and what moved because of that. The next one of the order key of each may be due now.
    pub moved: Vec<Moved>,
    /// The earliest deadline of what still waits. In the past when there was more than one call takes: ask again.
    pub next: Option<Timestamp>,
}

/// Whether a session lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// It does.
    Alive,
    /// It was fenced: stop sending.
    Fenced,
}

/// What waits for one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Whose.
    pub tenant: Name,
    /// Where to.
    pub target: Name,
    /// Rows that are `Due`, now or later.
    pub waiting: u64,
    /// The earliest due time among them.
    pub oldest_due: Option<Timestamp>,
    /// Rows that are `Dead`.
    pub dead: u64,
    /// Of these, the ones that keep their order key.
    pub parked: u64,
}

/// What small state is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Pause, hold and disable of a target.
    Target(Name, Name),
    /// The text of a shape.
    Shape(ShapeId),
    /// Progress of a redrive, by its id.
    Redrive(MessageId),
    /// Progress of a replay, by its id.
    Replay(MessageId),
}

/// The kinds of [`Scope`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeKind {
    /// [`Scope::Target`]
    Target,
    /// [`Scope::Shape`]
    Shape,
    /// [`Scope::Redrive`]
    Redrive,
    /// [`Scope::Replay`]
    Replay,
}

/// State with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// Counts the writes, from 1.
    pub version: u64,
    /// The bytes; their owner gives them a format version.
    pub value: Bytes,
}

/// What may be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Final messages are kept at least this long.
    pub time: std::time::Duration,
    /// Dead deliveries are kept this long.
    pub dead: std::time::Duration,
    /// Bytes on disk; what is alive is never dropped for it: then accept answers [`Accepted::Full`].
    pub bytes: u64,
}

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Messages dropped.
    pub messages: u64,
    /// Bytes given back.
    pub bytes: u64,
    /// When the oldest message that is kept was accepted, to the millisecond; none: no message is kept.
    pub oldest: Option<Timestamp>,
}

/// Whether a store can persist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It can.
    Ready,
    /// The disk or the retention's bytes are full; settling goes on.
    Full,
    /// It has failed for good.
    Failed,
}

/// Why a store could not do a call.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fault {
    /// Nothing was written, a later try may succeed.
    #[error("the disk is full")]
    Full,
    /// What is durable is not known any more: the process must end. Nothing of the call was acknowledged.
    #[error("the store failed and cannot go on: {detail}")]
    Fatal {
        /// What failed, where.
        detail: String,
    },
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
    /// This call could not be done; others can.
    #[error("the store could not do this: {detail}")]
    Failed {
        /// What failed, where.
        detail: String,
    },
    /// Stored bytes do not match their checksum.
    #[error("stored bytes of {message} are damaged")]
    Corrupt {
        /// Whose bytes.
        message: MessageId,
    },
}

/// What a store tells about itself while it works.
pub trait Watcher: Send + Sync {
    /// A group commit is durable.
    fn committed(&self, commit: Commit);
    /// Stored bytes do not match their checksum; the message's deliveries are `Dead(Corrupt)`.
    fn corrupt(&self, message: MessageId, death: Death);
    /// A file of the store is damaged beyond the bytes of one message. What can be read of it is still served.
    fn damaged(&self, file: &str, detail: &str);
    /// A file that was told damaged was looked through since, and nothing is wrong with it any more.
    fn sound(&self, _file: &str) {}
    /// Whether a message can be kept is another answer than before; the first one is told if it is not yes.
    fn turned(&self, readiness: Readiness);
    /// The store has failed for good: end the process.
    fn failed(&self, detail: &str);
}

/// One group commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Items in it.
    pub items: usize,
    /// From begin to durable.
    pub took: std::time::Duration,
}
