//! What a store can be asked, as values: so that a thread, a simulation and a test drive the same core.

use bytes::Bytes;
use contract::history::{Append, Appended, Span, Stretch};
use contract::query::{Change, Changed, Cursor, Detail, Filter, Page};
use contract::store::{
    Accept, Accepted, Ask, Backlog, Claimed, Expired, Fault, Position, Pruned, Renewed, Retention, Scope,
    ScopeKind, Session, Settlement, Settles, Versioned,
};
use contract::ticket::{Found, Ticket};
use contract::{DeliveryId, MessageId, Name, Timestamp};

/// Something that the writer does.
#[derive(Clone, Debug)]
pub enum Work {
    /// `Store::open`
    Open(Name, Timestamp),
    /// `Store::accept`
    Accept(Session, Vec<Accept>),
    /// `Store::claim`
    Claim(Session, Vec<Ask>, Timestamp),
    /// `Store::settle`
    Settle(Session, Vec<Settlement>),
    /// `Store::expire`
    Expire(Timestamp),
    /// `Store::renew`
    Renew(Session),
    /// `Store::change`
    Change(Change),
    /// `Store::append`
    Append(Vec<Append>),
    /// `Store::backlog`
    Backlog,
    /// The background pass found these messages damaged: what of them still waits is dead.
    Bury(Vec<Position>),
    /// The background pass found something in this slice: its pages are looked at, and mended if they are damaged.
    Examine(u32),
    /// `Store::put_state`
    PutState(Scope, u64, Bytes),
    /// `Store::forget_state`
    ForgetState(Scope, u64),
    /// `Store::prune`
    Prune(Retention, Timestamp),
}

impl Work {
    /// Whether it shares a commit with others.
    pub(super) const fn is_grouped(&self) -> bool {
        match self {
            Self::Accept(..)
            | Self::Claim(..)
            | Self::Settle(..)
            | Self::Expire(_)
            | Self::Renew(_)
            | Self::Change(_)
            | Self::Append(_)
            | Self::Bury(_)
            | Self::Backlog => true,
            Self::Open(..)
            | Self::PutState(..)
            | Self::ForgetState(..)
            | Self::Examine(_)
            | Self::Prune(..) => false,
        }
    }

    /// How many items of a group commit this is.
    #[must_use]
    pub fn items(&self) -> usize {
        match self {
            Self::Accept(_, batch) => batch.len().max(1),
            Self::Settle(_, batch) => batch.len().max(1),
            Self::Bury(messages) => messages.len().max(1),
            Self::Append(batch) => batch.len().max(1),
            Self::Open(..)
            | Self::Claim(..)
            | Self::Expire(_)
            | Self::Renew(_)
            | Self::Change(_)
            | Self::Backlog
            | Self::PutState(..)
            | Self::ForgetState(..)
            | Self::Examine(_)
            | Self::Prune(..) => 1,
        }
    }
}

/// Something that a reader looks up.
#[derive(Clone, Debug)]
pub enum Query {
    /// `Store::ticket`
    Ticket(Name, MessageId),
    /// `Store::list`
    List(Name, Filter, Option<Cursor>, usize),
    /// `Store::detail`
    Detail(Name, DeliveryId),
    /// `Store::history`
    History(Span, Option<Position>, usize),
    /// `Store::state`
    State(Scope),
    /// `Store::states`
    States(ScopeKind),
}

/// An answer to a piece of work or to a query.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// To [`Work::Open`].
    Opened(Session),
    /// To [`Work::Accept`].
    Accepted(Vec<Accepted>),
    /// To [`Work::Claim`].
    Claimed(Vec<Claimed>),
    /// To [`Work::Settle`].
    Settled(Settles),
    /// To [`Work::Expire`].
    Expired(Expired),
    /// To [`Work::Renew`].
    Renewed(Renewed),
    /// To [`Work::Change`].
    Changed(Changed),
    /// To [`Work::Append`].
    Appended(Vec<Appended>),
    /// To [`Work::Backlog`].
    Backlog(Vec<Backlog>),
    /// To [`Work::Bury`].
    Buried,
    /// To [`Work::Examine`].
    Examined,
    /// To [`Work::PutState`].
    Put(bool),
    /// To [`Work::ForgetState`].
    Forgotten(bool),
    /// To [`Work::Prune`].
    Pruned(Pruned),
    /// To [`Query::Ticket`].
    Ticket(Found<Ticket>),
    /// To [`Query::List`].
    List(Page),
    /// To [`Query::Detail`].
    Detail(Box<Found<Detail>>),
    /// To [`Query::History`].
    History(Stretch),
    /// To [`Query::State`].
    State(Option<Versioned>),
    /// To [`Query::States`].
    States(Vec<(Scope, Versioned)>),
}

/// What the core answers.
pub type Answered = Result<Reply, Fault>;
