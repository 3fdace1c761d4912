//! The embedded store: SQLite files in one folder, one writer, group commit.
//!
//! - [`core`]: groups of work in transactions; [`Sqlite`] runs it on a thread, [`Inline`] in the caller (for simulations).
//! - [`admit`]: whether a folder is a store, before anything is made in it.
//! - [`files`], each [`opening`] under its name of [`naming`]: a catalog, a file per slice of time, `carried.db`. No transaction depends on two files.
//! - [`heal`]: a damaged page costs what it covers; [`verify`] and [`patrol`] look for damage before it is needed.
//! - [`ledger`]: what was leased at accept has no row until something happens to it; so most deliveries are written once.

mod accept;
mod admit;
mod append;
mod batch;
mod carry;
mod catalog;
mod change;
mod claim;
mod code;
mod core;
mod edit;
mod error;
mod expire;
mod files;
mod first_page;
mod front;
mod group;
mod head;
mod heal;
mod health;
mod history;
mod hot;
mod inline;
mod ledger;
mod list;
mod load;
mod mend;
mod naming;
mod opening;
mod order;
mod pack;
mod patrol;
mod place;
mod prune;
mod queue;
mod read;
mod removal;
mod reserve;
mod salvage;
mod schema;
mod seen;
mod session;
mod settle;
mod slice;
mod take_up;
mod threads;
mod trouble;
mod turn;
pub mod verify;
pub mod work;

pub use self::core::Core;
pub use admit::look;
pub use error::{OpenError, Torn, Unfit};
pub use front::{Desk, Front};
pub use inline::Locked;
pub(crate) use list::matches;
pub use opening::Sync;
pub use patrol::Pace;
pub use threads::Threads;

/// The store for production: one thread writes, a few read.
pub type Sqlite = Front<Threads>;
/// The store for simulations: every call is done at once, in the caller. Dropping it without `close` is a crash.
pub type Inline = Front<Locked>;

use contract::Clock;
use contract::store::Watcher;
use std::sync::Arc;
use std::time::Duration;

/// How long a slice takes new messages.
pub const SLICE_TIME: Duration = Duration::from_secs(6 * 3600);
/// How big a slice becomes.
pub const SLICE_BYTES: u64 = 1 << 30;
/// Space kept back for settling when the disk is full.
pub const RESERVE_BYTES: u64 = 32 << 20;

/// How long mending waits for who reads the damaged file. A check of a big file reads it for as long as that takes.
pub const READERS_PATIENCE: Duration = Duration::from_secs(120);

/// How a store is opened.
#[derive(Clone)]
pub struct Options {
    /// Is told of commits, damage and failure.
    pub watcher: Arc<dyn Watcher>,
    /// The door to time.
    pub clock: Arc<dyn Clock>,
    /// How commits reach the disk.
    pub sync: Sync,
    /// A slice that is older takes no more messages.
    pub slice_time: Duration,
    /// A slice that is bigger takes no more messages (looked at after each checkpoint).
    pub slice_bytes: u64,
    /// Space kept back for settling when the disk is full.
    pub reserve_bytes: u64,
    /// How the files are looked through in the background.
    pub patrol: Pace,
    /// How long mending waits for who reads the damaged file; then the process must end.
    pub patience: Duration,
}

impl Options {
    /// The defaults.
    #[must_use]
    pub fn new(watcher: Arc<dyn Watcher>, clock: Arc<dyn Clock>) -> Self {
        Self {
            watcher,
            clock,
            sync: Sync::Full,
            slice_time: SLICE_TIME,
            slice_bytes: SLICE_BYTES,
            reserve_bytes: RESERVE_BYTES,
            patrol: Pace::default(),
            patience: READERS_PATIENCE,
        }
    }
}
