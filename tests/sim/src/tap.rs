//! Where the oracle listens: directly above the store and directly above each target.

pub(crate) mod store;
pub(crate) mod target;
