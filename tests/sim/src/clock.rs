//! The world's time: it stands still while anybody works and jumps to the next thing to do when nobody does.

use contract::{Clock, Promise, Tick, Timestamp};
use parking_lot::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// When the world begins: 14 November 2023.
const BEGIN: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
/// Sleeps that may be asked for without any time passing; more is a loop that eats a whole core.
const RESTLESS_MAX: u32 = 20_000;

/// A wall clock that jumps when a seed says so, and ticks that never do. It goes on over crashes; in each life it reads the
/// paused time of that life's runtime.
#[derive(Debug)]
pub(crate) struct WorldClock(Mutex<Hands>);

#[derive(Debug)]
struct Hands {
    /// Wall time and ticks when the life began, or now when nobody lives.
    wall: Timestamp,
    tick: Duration,
    /// The runtime's time when the life began.
    born: Option<Instant>,
    asked_at: Duration,
    asked: u32,
}

impl Hands {
    fn lived(&self) -> Duration {
        self.born.map_or(Duration::ZERO, |born| born.elapsed())
    }
}

impl WorldClock {
    pub(crate) fn new() -> Self {
        let tick = Duration::ZERO;
        Self(Mutex::new(Hands { wall: BEGIN, tick, born: None, asked_at: tick, asked: 0 }))
    }

    /// A life begins in the current runtime.
    pub(crate) fn begin_life(&self) {
        self.0.lock().born = Some(Instant::now());
    }

    /// The life is over, and `away` passes before the next.
    pub(crate) fn end_life(&self, lived: Tick, away: Duration) {
        let mut hands = self.0.lock();
        let lived = lived.since(Tick(hands.tick));
        hands.born = None;
        hands.wall = hands.wall + lived + away;
        hands.tick += lived + away;
    }

    pub(crate) fn jump_forward(&self, by: Duration) {
        let mut hands = self.0.lock();
        hands.wall = hands.wall + by;
    }

    pub(crate) fn jump_back(&self, by: Duration) {
        let mut hands = self.0.lock();
        hands.wall = hands.wall - by;
    }

    /// Whether somebody asks for the time again and again without letting any pass.
    pub(crate) fn is_restless(&self) -> bool {
        self.0.lock().asked > RESTLESS_MAX
    }
}

impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        let hands = self.0.lock();
        hands.wall + hands.lived()
    }

    fn tick(&self) -> Tick {
        let hands = self.0.lock();
        Tick(hands.tick + hands.lived())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the door: the runtime's time is paused and simulated"
    )]
    fn sleep(&self, time: Duration) -> Promise<'static, ()> {
        let mut hands = self.0.lock();
        let now = hands.tick + hands.lived();
        hands.asked = if hands.asked_at == now { hands.asked + 1 } else { 0 };
        hands.asked_at = now;
        if hands.asked > RESTLESS_MAX {
            return Box::pin(std::future::pending());
        }
        Box::pin(tokio::time::sleep(time))
    }
}
