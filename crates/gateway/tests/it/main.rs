//! The program as people use it: its words, its tables, and its commands against a running Fanlight.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by a panic, also in what its tests share"
)]

mod arguments;
mod breaker;
mod commands;
mod damaged;
mod dead_letters;
mod dedupe;
mod doors;
mod groups;
mod help;
mod keys;
mod live;
mod presets;
mod primary;
mod program;
mod redaction;
mod reference;
mod reload;
mod replay;
mod secrets;
mod shaping;
mod socket;
mod tables;
mod terms;
mod try_out;
mod verify;
mod worker;
mod world;
