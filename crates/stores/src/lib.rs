//! Durable memory behind `contract::store::Store`: SQLite for one node, and plain memory for tests and simulations.
//!
//! Both stores run the same conformance suite (`tests/it`); it is the exact specification.

pub mod memory;
pub mod sqlite;
