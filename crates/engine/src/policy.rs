//! Policies: pure decisions that take the time and randomness as arguments.

pub mod breaker;
pub mod hold;
pub mod retry;
pub mod statuses;
