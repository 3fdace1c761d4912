//! Gathers what is accepted and what is settled into shared commits: one commit goes to the disk at a time, and everything that comes
//! meanwhile goes with the next one.

use crate::done::Done;
use crate::engine::Engine;
use crate::intake;
use crate::offer::Offered;
use crate::settle::{self, Pending};
use contract::delivery::Standing;
use contract::store::Lease;
use contract::{Promise, limits};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How long the end of an attempt may wait to share a commit while nobody waits for its ticket; a crash meanwhile makes one more possible
/// duplicate.
const LINGER: Duration = Duration::from_millis(5);
/// What a full disk is given to recover before the same settlements are tried again.
const FULL_PAUSE: Duration = Duration::from_millis(500);

/// Where work comes from, and what says that no more will come.
pub(crate) struct Inbox {
    pub(crate) offers: mpsc::Receiver<Offered>,
    pub(crate) done: mpsc::Receiver<Done>,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) couriers_gone: watch::Receiver<bool>,
}

/// Commits until the engine stops, the couriers are gone and nothing is left.
pub(crate) async fn run(engine: Arc<Engine>, mut inbox: Inbox) {
    let (mut offers, mut done) = (Vec::new(), Vec::new());
    let mut timer = None;
    loop {
        if !inbox.gather(&engine, &mut offers, &mut done, timer.take()).await {
            done.extend(unsent(&engine));
            if done.is_empty() {
                return;
            }
        }
        // What is accepted is handed over first: if the store begins before it has seen both, the 202 does not wait for the other commit.
        let ((), pending) =
            tokio::join!(intake::commit(&engine, &mut offers), settle::commit(&engine, &mut done));
        timer = match pending {
            Pending::Nothing => None,
            // What stays leased is found by the next session.
            Pending::UntilThereIsRoom if engine.gives_up() => return,
            Pending::UntilThereIsRoom => Some(engine.doors.clock.sleep(FULL_PAUSE)),
            Pending::ForEver => return,
        };
    }
}

/// What was leased and not sent when the engine stopped goes back to the disk, whenever it came.
fn unsent(engine: &Engine) -> Vec<Done> {
    let mut unsent = Vec::new();
    for lane in engine.lanes().iter() {
        let back = |lease: Lease| Done::new(lane, &lease, None, Standing::Due(lease.message.received));
        unsent.extend(lane.take_all().into_iter().map(back));
    }
    unsent
}

impl Inbox {
    /// Waits until a commit is worth it, then takes all that is there. False: nothing is left and nothing will come.
    async fn gather(
        &mut self,
        engine: &Engine,
        offers: &mut Vec<Offered>,
        done: &mut Vec<Done>,
        mut timer: Option<Promise<'static, ()>>,
    ) -> bool {
        const MAX: usize = limits::COMMIT_ITEMS_MAX;
        let (mut more_offers, mut more_done) = (true, true);
        loop {
            tokio::select! {
                biased;
                count = self.offers.recv_many(offers, MAX), if more_offers => match count {
                    0 => more_offers = false,
                    _ => break,
                },
                count = self.done.recv_many(done, MAX), if more_done && done.len() < MAX => match count {
                    0 => more_done = false,
                    _ if done.len() >= MAX / 2 || done.iter().any(|one| one.awaited) => break,
                    _ => timer = timer.or_else(|| Some(engine.doors.clock.sleep(LINGER))),
                },
                () = over(&mut timer), if timer.is_some() => break,
                // What was already sent is still taken: a channel is closed first and then drained.
                () = is_true(&mut self.stop), if !self.offers.is_closed() => self.offers.close(),
                () = is_true(&mut self.couriers_gone), if !self.done.is_closed() => self.done.close(),
                else => break,
            }
        }
        self.let_others_join(offers).await;
        while done.len() < MAX
            && let Ok(settled) = self.done.try_recv()
        {
            done.push(settled);
        }
        !offers.is_empty() || !done.is_empty()
    }

    /// Takes what is offered now, and lets the tasks that are ready to run offer more: as long as that brings something, the commit is
    /// cheaper for everybody in it, and a lone message waits for one empty turn only.
    async fn let_others_join(&mut self, offers: &mut Vec<Offered>) {
        loop {
            while offers.len() < limits::COMMIT_ITEMS_MAX
                && let Ok(offer) = self.offers.try_recv()
            {
                offers.push(offer);
            }
            if offers.is_empty() || offers.len() == limits::COMMIT_ITEMS_MAX {
                return;
            }
            tokio::task::yield_now().await;
            if self.offers.is_empty() {
                return;
            }
        }
    }
}

async fn over(timer: &mut Option<Promise<'static, ()>>) {
    match timer {
        Some(timer) => timer.await,
        None => std::future::pending().await,
    }
}

async fn is_true(flag: &mut watch::Receiver<bool>) {
    if flag.wait_for(|set| *set).await.is_err() {
        // The sender lives as long as the engine.
        std::future::pending().await
    }
}
