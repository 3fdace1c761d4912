//! One delivery of a redrive that stops at the first failure: it gets its run, and its end or its first failure is awaited.

use crate::engine::Engine;
use contract::delivery::{Attempt, Death, Standing};
use contract::query::{Detail, Row};
use contract::store::Fault;
use contract::ticket::Found;
use contract::{DeliveryId, MessageId, Name, Timestamp};
use serde::{Deserialize, Serialize};

/// Kept before it begins, so that a crash does not lose sight of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trial {
    pub(super) delivery: DeliveryId,
    message: MessageId,
    /// The run that it is given.
    run: u32,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It was delivered, or is no matter of this redrive any more.
    Well,
    /// It failed, and this is how.
    Failed(String),
    /// The engine stops first.
    Unknown,
}

/// How far it is.
#[derive(Debug, PartialEq, Eq)]
enum Progress {
    /// It has not got its run.
    Before,
    /// Nothing came of it yet.
    Open,
    Ended(End),
}

impl Trial {
    pub(super) fn of(row: &Row) -> Self {
        Self { delivery: row.id, message: row.message, run: row.run + 1 }
    }

    /// Sees it through. True: it got its run here.
    pub(super) async fn run(
        &self,
        engine: &Engine,
        tenant: &Name,
        due: Timestamp,
    ) -> Result<(bool, End), Fault> {
        let mut stop = engine.stop.subscribe();
        let mut watcher = engine.watch.begin(self.message);
        let mut began = false;
        loop {
            match self.look(engine, tenant).await? {
                Progress::Before if began => return Ok((false, End::Well)),
                Progress::Before => {
                    // What was undone gets no other run.
                    if engine.revive_all(tenant, vec![(self.delivery, due)]).await? == 0 {
                        return Ok((false, End::Well));
                    }
                    began = true;
                    continue;
                }
                Progress::Ended(end) => return Ok((began, end)),
                Progress::Open => {}
            }
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return Ok((began, End::Unknown)),
                () = watcher.changed() => {}
            }
        }
    }

    async fn look(&self, engine: &Engine, tenant: &Name) -> Result<Progress, Fault> {
        match engine.doors.store.detail(tenant, self.delivery).await {
            Ok(Found::Here(detail)) => Ok(self.judge(&detail)),
            Ok(Found::Gone | Found::Unknown) => Ok(Progress::Ended(End::Well)),
            Err(Fault::Corrupt { .. }) => Ok(Progress::Ended(End::Failed(Death::Corrupt.word().to_owned()))),
            Err(fault) => Err(fault),
        }
    }

    fn judge(&self, detail: &Detail) -> Progress {
        if detail.row.run < self.run {
            return Progress::Before;
        }
        let own = detail.attempts.iter().filter(|attempt| attempt.run == self.run && attempt.is_counted());
        let failed = own.filter(|attempt| attempt.result.class().is_some()).map(how).next();
        match (detail.row.standing, failed) {
            (Standing::Delivered, _) => Progress::Ended(End::Well),
            (_, Some(how)) => Progress::Ended(End::Failed(how)),
            (Standing::Dead(death), None) => Progress::Ended(End::Failed(death.word().to_owned())),
            (Standing::Expired, None) => Progress::Ended(End::Failed("expired".to_owned())),
            (Standing::Cancelled | Standing::Skipped | Standing::Unmet, None) => Progress::Ended(End::Well),
            (Standing::Due(_) | Standing::Leased | Standing::Waiting, None) => Progress::Open,
        }
    }
}

/// The status of a failed attempt, or its class.
fn how(attempt: &Attempt) -> String {
    let class = || attempt.result.class().map(|class| class.word().to_owned());
    attempt.result.status().map(|status| status.to_string()).or_else(class).unwrap_or_default()
}
