//! A clock that moves only when a test says so, and tells what it is asked to wait for.

use contract::{Clock, Promise, Tick, Timestamp};
use std::time::Duration;
use tokio::sync::watch;

/// Wall time when the clock's own time is 0: Tue, 14 Nov 2023 22:13:20 GMT.
pub(crate) const START: u64 = 1_700_000_000;

pub(crate) struct Manual {
    now: watch::Sender<Duration>,
    asked: watch::Sender<Vec<Duration>>,
}

impl Manual {
    pub(crate) fn new() -> Self {
        Self { now: watch::Sender::default(), asked: watch::Sender::default() }
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.now.send_modify(|now| *now += Duration::from_secs(seconds));
    }

    /// Ends when somebody has asked to sleep for so long.
    pub(crate) async fn asked_for(&self, seconds: u64) {
        let wanted = Duration::from_secs(seconds);
        self.asked.subscribe().wait_for(|asked| asked.contains(&wanted)).await.unwrap();
    }
}

impl Clock for Manual {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(START * 1_000_000) + *self.now.borrow()
    }

    fn tick(&self) -> Tick {
        Tick(*self.now.borrow())
    }

    fn sleep(&self, time: Duration) -> Promise<'static, ()> {
        let mut now = self.now.subscribe();
        let end = *now.borrow() + time;
        self.asked.send_modify(|asked| asked.push(time));
        Box::pin(async move {
            if now.wait_for(|now| *now >= end).await.is_err() {
                std::future::pending().await
            }
        })
    }
}
