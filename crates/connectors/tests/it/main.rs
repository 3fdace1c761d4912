//! The HTTP target against real servers on loopback, and against streams in memory.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that meets the unexpected must fail; clippy sees that only inside #[test]"
)]

mod alpn;
mod auth;
mod body;
mod clock;
mod faults;
mod identity;
mod limits;
mod oauth2;
mod proxy;
mod redact;
mod reuse;
mod server;
mod world;
