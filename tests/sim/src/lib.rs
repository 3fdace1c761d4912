//! The world in a box: the real engine, a real store and the real HTTP target over seeded time, network and crashes.
//!
//! ```text
//!   script ──► engine ──► (bug) ──► tap ──► store          a life ends by a burnt fuse or by a stop;
//!     ▲          │                   │                      the next one begins on the same store
//!     │          └──► (bug) ──► tap ──► HTTP target ──► pipes ──► APIs
//!   seed                        │                                  │
//!                               └────────────► oracle ◄────────────┘
//! ```
//! One seed decides everything; a failing one prints one line to replay it.

mod api;
mod bent;
mod clock;
mod depot;
mod fuse;
mod language;
mod mutant;
mod network;
mod oracle;
mod random;
mod reach;
mod recipe;
mod rule;
mod runs;
mod script;
mod stage;
mod tap;
mod trace;
mod world;

pub use bent::{Bend, Bent};
pub use mutant::Mutant;
pub use reach::{Feat, Reached};
pub use rule::{Rule, Violation};
pub use runs::{Summary, run_many};
pub use trace::Keep;
pub use world::{Story, run};
