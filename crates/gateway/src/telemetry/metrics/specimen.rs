//! A page with one sample of every metric, so that the reference can be read off it.

use super::{File, Label, Metrics, RouteWhy, TargetClass, TargetOutcome, TargetReason, TargetTurn, target};
use contract::Name;
use prometheus_client::encoding::text::encode;

impl Metrics {
    /// A page as `/metrics` gives it, on which every metric has a sample with `name` for every route and target.
    ///
    /// # Errors
    /// The encoder's.
    pub fn specimen(name: &Name) -> Result<String, std::fmt::Error> {
        let metrics = Self::default();
        let route = super::Route { route: Label(name.clone()) };
        let target = target(name);
        let class = TargetClass { target: Label(name.clone()), class: "" };
        drop(metrics.accepted.get_or_create(&route));
        drop(metrics.repeated.get_or_create(&route));
        drop(metrics.refused.get_or_create(&RouteWhy { route: Label(name.clone()), why: "" }));
        drop(metrics.deliveries.get_or_create(&TargetOutcome { target: Label(name.clone()), outcome: "" }));
        drop(metrics.attempts.get_or_create(&class));
        drop(metrics.attempt_seconds.get_or_create(&target));
        drop(metrics.delivery_seconds.get_or_create(&target));
        drop(metrics.stumbles.get_or_create(&class));
        drop(metrics.damaged.get_or_create(&File { file: String::new() }));
        drop(metrics.in_flight.get_or_create(&target));
        drop(metrics.concurrency.get_or_create(&target));
        drop(metrics.waiting.get_or_create(&target));
        drop(metrics.dead.get_or_create(&target));
        drop(metrics.oldest_due.get_or_create(&target));
        drop(metrics.held.get_or_create(&TargetReason { target: Label(name.clone()), reason: "" }));
        drop(metrics.breaker.get_or_create(&TargetTurn { target: Label(name.clone()), turn: "" }));
        drop(metrics.replayed.get_or_create(&TargetOutcome { target: Label(name.clone()), outcome: "" }));
        let mut page = String::new();
        encode(&mut page, &metrics.registry)?;
        Ok(page)
    }
}
