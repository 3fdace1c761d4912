//! Policies: pure decisions that take the time and randomness as arguments.

pub mod audience;
pub mod breaker;
pub mod capture;
pub mod concurrency;
pub mod hold;
pub mod order;
pub mod rate;
pub mod retry;
pub mod statuses;
pub mod turns;
