//! The program as people use it: its words, its tables, and its commands against a running Fanlight.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by a panic, also in what its tests share"
)]

mod arguments;
mod commands;
mod damaged;
mod dead_letters;
mod dedupe;
mod doors;
mod help;
mod live;
mod program;
mod reference;
mod reload;
mod shaping;
mod tables;
mod try_out;
mod verify;
mod worker;
mod world;
