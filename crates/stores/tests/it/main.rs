//! The conformance suite: every case runs against every store; it is the exact specification of the joint.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may"
)]

mod accept;
mod change;
mod claim;
mod crash;
mod damage;
mod disk;
mod expire;
mod group;
mod history;
mod mend;
mod order;
mod page;
mod patrol;
mod property;
mod query;
mod refusal;
mod settle;
mod small_state;
mod sqlite;
mod verify;
mod world;
