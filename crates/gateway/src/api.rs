//! The two listeners: the front door for callers, the admin door for operators.

pub mod accept;
pub mod admin;
pub mod body;
pub mod dedupe;
pub mod door;
pub mod events;
mod framing;
pub mod front;
mod manners;
mod nowhere;
pub mod once;
pub mod prefer;
pub mod primary;
pub mod problem;
pub mod server;
mod socket;
pub mod terms;
pub mod tickets;
pub mod view;
