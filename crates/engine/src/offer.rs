//! What a source hands in, and the receipt that comes back.

use crate::happened::Refusal;
use crate::route::Route;
use bytes::Bytes;
use contract::line::Priority;
use contract::message::Headers;
use contract::part::Caller;
use contract::store::{Accept, Once, OrderKey};
use contract::{DeliveryId, MessageId, Name, Timestamp};
use std::sync::Arc;
use tokio::sync::oneshot;

/// What a source hands in.
pub struct Offer {
    /// Whose message.
    pub tenant: Name,
    /// The route that took it.
    pub route: Arc<Route>,
    /// The headers that are passed on.
    pub headers: Headers,
    /// The body, untouched.
    pub body: Bytes,
    /// The caller's `Idempotency-Key`.
    pub once: Option<Once>,
    /// The order key that the message brings; the route's own wins where it gives one.
    pub key: Option<OrderKey>,
    /// No attempt after this moment; the route's own deadline counts too.
    pub deadline: Option<Timestamp>,
    /// No attempt before this moment.
    pub not_before: Option<Timestamp>,
    /// How urgent it is; none: as its route says.
    pub priority: Option<Priority>,
    /// Whether the caller waits for the answer of the route's primary target, if it has one.
    pub caller: Caller,
}

/// A durable message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The ticket.
    pub id: MessageId,
    /// The id of its first delivery.
    pub first: DeliveryId,
    /// Its targets, in order of ordinal.
    pub targets: Arc<[Name]>,
    /// Whether this is the first time.
    pub novelty: Novelty,
}

/// Whether a receipt is the first for its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Novelty {
    /// It is.
    New,
    /// The `Idempotency-Key` was seen before.
    Repeated,
}

/// A message on its way to its commit.
pub(crate) struct Offered {
    pub(crate) accept: Accept,
    pub(crate) route: Arc<Route>,
    pub(crate) priority: Priority,
    pub(crate) caller: Caller,
    pub(crate) reply: oneshot::Sender<Result<Receipt, Refusal>>,
}
