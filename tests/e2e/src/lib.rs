//! The real binary in real processes: starts and kills it, talks to it, and plays the APIs behind it. Only std inside.

pub mod api;
pub mod book;
pub mod chance;
pub mod client;
pub mod fault;
pub mod gateway;
pub mod load;
pub mod metrics;
pub mod patience;
pub mod usage;
pub mod wire;
