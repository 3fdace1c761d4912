//! Fanlight's gateway: configuration, the two listeners, the command line, and the wiring of all parts.

pub mod api;
pub mod app;
pub mod cli;
pub mod config;
pub mod doors;
pub mod mock;
pub mod preview;
pub mod reference;
pub mod telemetry;
pub mod wiring;
