//! Waits until every message reached every target and, where there is a store, until that is settled on disk.

use crate::{clock, plain};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;
use std::time::Duration;

const POLL_EVERY: Duration = Duration::from_millis(10);

#[derive(Args)]
pub(crate) struct Settled {
    /// The sink, as http://host:port.
    #[arg(long)]
    pub(crate) sink: String,
    /// Targets that each message goes to: the sink's paths /0 up to this number.
    #[arg(long, default_value_t = 2)]
    pub(crate) targets: usize,
    /// Count only these paths of the sink (all, if none is given).
    #[arg(long)]
    pub(crate) only: Vec<usize>,
    /// A metrics page; settled means that it counts every delivery as delivered.
    #[arg(long)]
    metrics: Option<String>,
    /// Give up after this many seconds without progress.
    #[arg(long, default_value_t = 30)]
    patience: u64,
}

/// Where the counts stood before the run.
pub(crate) struct Before {
    delivered: u64,
}

impl Settled {
    /// Empties the sink and notes where the metrics stand.
    pub(crate) fn begin(&self) -> Result<Before> {
        plain::post(&format!("{}/reset", self.sink))?;
        Ok(Before { delivered: self.delivered()? })
    }

    /// Returns when `sent` messages are settled.
    pub(crate) fn wait(&self, before: &Before, sent: u64) -> Result<()> {
        let paths = self.paths();
        let wanted = sent * paths.len() as u64;
        self.poll(wanted, "arrived", || Ok(self.arrived(&paths)?.min(wanted)))?;
        if self.metrics.is_some() {
            self.poll(wanted, "settled", || Ok(self.delivered()? - before.delivered))?;
        }
        Ok(())
    }

    fn paths(&self) -> Vec<usize> {
        if self.only.is_empty() { (0..self.targets).collect() } else { self.only.clone() }
    }

    fn poll(&self, wanted: u64, what: &str, count: impl Fn() -> Result<u64>) -> Result<()> {
        let (mut best, mut since) = (0, clock::now());
        loop {
            let now = count()?;
            if now >= wanted {
                return Ok(());
            }
            if now > best {
                (best, since) = (now, clock::now());
            } else if clock::now().saturating_sub(since) > self.patience * 1_000_000_000 {
                bail!("only {now} of {wanted} deliveries {what}, and no progress for {} s", self.patience);
            }
            std::thread::sleep(POLL_EVERY);
        }
    }

    /// Distinct messages at the sink, summed over the paths.
    fn arrived(&self, paths: &[usize]) -> Result<u64> {
        let stats: Value = serde_json::from_slice(&plain::get(&format!("{}/stats", self.sink))?)?;
        let distinct =
            |path: &usize| stats.pointer(&format!("/paths/{path}/distinct")).and_then(Value::as_u64);
        Ok(paths.iter().filter_map(distinct).sum())
    }

    fn delivered(&self) -> Result<u64> {
        let Some(url) = &self.metrics else { return Ok(0) };
        let page = String::from_utf8(plain::get(url)?)?;
        let mut sum = 0.0;
        for line in page.lines().filter(|line| line.starts_with("fanlight_deliveries_total{")) {
            if line.contains(r#"outcome="delivered""#) {
                let value = line.rsplit(' ').next().context("a metric without a value")?;
                sum += value.parse::<f64>().with_context(|| line.to_owned())?;
            }
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a counter: whole and not negative"
        )]
        Ok(sum as u64)
    }
}
