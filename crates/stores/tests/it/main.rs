//! The conformance suite: every case runs against every store; it is the exact specification of the joint.

mod accept;
mod change;
mod claim;
mod crash;
mod order;
mod property;
mod query;
mod settle;
mod small_state;
mod sqlite;
mod world;
