//! The nouns of Fanlight and the joints between its parts; nothing else.
//!
//! A **message** is accepted for a route and gets a **ticket**; it has one **delivery** per target of
//! the route; a delivery is made in **attempts**. Stores, connectors and the engine know this crate and not
//! each other.
#![warn(missing_docs)]

pub mod capture;
pub mod clock;
pub mod delivery;
pub mod entropy;
pub mod expression;
pub mod field;
pub mod group;
pub mod history;
pub mod id;
pub mod limits;
pub mod line;
pub mod message;
pub mod mould;
pub mod moved;
pub mod name;
pub mod order;
pub mod params;
pub mod part;
pub mod query;
pub mod secret;
pub mod start;
pub mod store;
pub mod target;
pub mod ticket;

pub use clock::{Clock, Tick, Timestamp};
pub use entropy::Entropy;
pub use id::{DeliveryId, MessageId};
pub use message::Message;
pub use name::Name;
pub use secret::Secret;

use std::future::Future;
use std::pin::Pin;

/// What an asynchronous joint returns: a boxed future, so that the joint can be a `dyn`.
pub type Promise<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
