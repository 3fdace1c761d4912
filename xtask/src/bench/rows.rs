//! The rows: each measures floor and Fanlight in turn and gives medians.

use super::page::{Page, median, percentile};
use super::rig::{Rig, System, Threads};
use super::{Effort, disk};
use anyhow::{Context, Result};
use serde_json::Value;

/// Two deliveries each: 1,000,000 wait.
const WAITING_MESSAGES: u64 = 500_000;
/// Rounds of an open loop, which takes longer than a closed one.
pub(super) const OPEN_ROUNDS_MAX: usize = 3;
/// Nobody listens there: the discard port of a machine without inetd.
const DOWN: &str = "http://127.0.0.1:9";

/// CPU per message and messages per second, until everything is settled on disk.
pub(super) fn throughput(rig: &Rig, effort: &Effort, page: &mut Page) -> Result<()> {
    let columns = [
        "connections",
        "figure",
        "floor",
        "Fanlight",
        "Fanlight / floor",
        "goal",
        "floor, a thread per processor",
        "rounds: floor",
        "rounds: Fanlight",
    ];
    page.table("Throughput: closed loop, 1 KB JSON, two targets, until every delivery is settled", &columns)?;
    for connections in [32, 128] {
        let (mut floor, mut wide, mut fanlight) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..effort.rounds {
            floor.push(closed(rig, &rig.floor(2, Threads::AsFanlight)?, connections, 2, effort)?);
            wide.push(closed(rig, &rig.floor(2, Threads::All)?, connections, 2, effort)?);
            fanlight.push(closed(rig, &rig.fanlight(2)?, connections, 2, effort)?);
        }
        let rows = [
            ("cpu_us_per_message", "CPU µs per message", Some("≤ 1.3")),
            ("messages_per_second", "messages per second", Some("≥ 0.75")),
            ("answer_p50_us", "p50 of the 202, µs", None),
            ("answer_p99_us", "p99 of the 202, µs", None),
        ];
        for (key, figure, goal) in rows {
            let (floor, fanlight) = (values(&floor, key)?, values(&fanlight, key)?);
            let ratio = median(&fanlight) / median(&floor);
            let wide = median(&values(&wide, key)?);
            page.row(&[
                connections.to_string(),
                figure.to_owned(),
                number(median(&floor)),
                number(median(&fanlight)),
                format!("{ratio:.2}"),
                goal.unwrap_or("–").to_owned(),
                number(wide),
                list(&floor),
                list(&fanlight),
            ])?;
        }
    }
    Ok(())
}

/// From send to both delivered, less the floor's, against the bare disk.
pub(super) fn latency(rig: &Rig, effort: &Effort, page: &mut Page) -> Result<()> {
    let (mut bare, mut floor, mut fanlight) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.rounds.min(OPEN_ROUNDS_MAX) {
        bare.extend(disk::appends(&rig.folder)?);
        floor.push(open(rig, &rig.floor(2, Threads::AsFanlight)?, &[], effort)?);
        fanlight.push(open(rig, &rig.fanlight(2)?, &[], effort)?);
    }
    let columns =
        ["figure", "bare append of 4 KiB + fdatasync", "floor", "Fanlight", "Fanlight − floor", "goal"];
    page.table("Latency, µs: open loop at 100 messages per second, from send to both delivered", &columns)?;
    for (key, percent) in [("p50_us", 50), ("p99_us", 99)] {
        let bare = percentile(&bare, percent);
        let (floor, fanlight) = (median(&values(&floor, key)?), median(&values(&fanlight, key)?));
        page.row(&[
            format!("p{percent}"),
            number(bare),
            number(floor),
            number(fanlight),
            number(fanlight - floor),
            format!("≤ {}", number(1.5 * bare + 500.0)),
        ])?;
    }
    Ok(())
}

/// The healthy target while its sibling hangs.
pub(super) fn isolation(rig: &Rig, effort: &Effort, page: &mut Page) -> Result<()> {
    let (mut both, mut alone) = (Vec::new(), Vec::new());
    let only_first = ["--only".to_owned(), "0".to_owned()];
    for _ in 0..effort.rounds.min(OPEN_ROUNDS_MAX) {
        both.push(open(rig, &rig.fanlight(2)?, &only_first, effort)?);
        rig.behave(1, "hang")?;
        let hanging = open(rig, &rig.fanlight(2)?, &only_first, effort);
        rig.behave(1, "answer")?;
        alone.push(hanging?);
    }
    let columns = ["figure", "both healthy", "the other one hangs", "ratio", "goal"];
    page.table("Isolation, µs: from send to the healthy target, 100 messages per second", &columns)?;
    for (key, goal) in [("p50_us", "–"), ("p99_us", "≤ 1.3")] {
        let (both, alone) = (median(&values(&both, key)?), median(&values(&alone, key)?));
        let name = key.trim_end_matches("_us").to_owned();
        page.row(&[name, number(both), number(alone), format!("{:.2}", alone / both), goal.to_owned()])?;
    }
    Ok(())
}

/// What one delivery costs as a route gets more targets.
pub(super) fn growth(rig: &Rig, effort: &Effort, page: &mut Page) -> Result<()> {
    let columns = ["targets", "floor", "Fanlight", "Fanlight, messages per second"];
    page.table("Growth, CPU µs per delivery: closed loop, 32 connections; goal: flat or falling", &columns)?;
    for targets in [2_u32, 8, 32] {
        let count = targets as usize;
        let floor = closed(rig, &rig.floor(count, Threads::AsFanlight)?, 32, count, effort)?;
        let fanlight = closed(rig, &rig.fanlight(count)?, 32, count, effort)?;
        let cost = |report: &Value| {
            Ok::<_, anyhow::Error>(value(report, "cpu_us_per_message")? / f64::from(targets))
        };
        let rate = number(value(&fanlight, "messages_per_second")?);
        page.row(&[targets.to_string(), number(cost(&floor)?), number(cost(&fanlight)?), rate])?;
    }
    Ok(())
}

/// Memory and start-up with a backlog that two targets, both down, have left.
pub(super) fn waiting(rig: &Rig, page: &mut Page) -> Result<()> {
    let urls = [format!("{DOWN}/a"), format!("{DOWN}/b")];
    std::fs::remove_dir_all(rig.folder.join("store")).ok();
    let system = rig.fanlight_to(&urls)?;
    let arguments =
        words(&format!("--connections 128 --seconds 3600 --messages {WAITING_MESSAGES} --only-send"));
    let report = rig.load("closed", &system, &arguments)?;
    let filled = system.resident_megabytes()?;
    drop(system);
    let system = rig.fanlight_to(&urls)?;
    let started_in = system.started_in.as_secs_f64();
    let restarted = system.resident_megabytes()?;
    drop(system);
    std::fs::remove_dir_all(rig.folder.join("store")).ok();
    let columns = ["figure", "value", "goal"];
    page.table("1,000,000 waiting deliveries, both targets down", &columns)?;
    let rate = value(&report, "messages_per_second")?;
    page.row(&["accepted per second while they piled up".to_owned(), number(rate), "–".to_owned()])?;
    page.row(&["RSS at the end, MB".to_owned(), number(filled), "≤ 150".to_owned()])?;
    page.row(&["start-up after kill -9, s".to_owned(), format!("{started_in:.2}"), "≤ 2".to_owned()])?;
    page.row(&["RSS after it, MB".to_owned(), number(restarted), "≤ 150".to_owned()])?;
    Ok(())
}

fn closed(rig: &Rig, system: &System, connections: usize, targets: usize, effort: &Effort) -> Result<Value> {
    let seconds = effort.closed_seconds;
    let arguments = format!("--connections {connections} --seconds {seconds} --targets {targets}");
    rig.load("closed", system, &words(&arguments))
}

fn open(rig: &Rig, system: &System, more: &[String], effort: &Effort) -> Result<Value> {
    let mut arguments = words(&format!("--rate 100 --seconds {}", effort.open_seconds));
    arguments.extend_from_slice(more);
    rig.load("open", system, &arguments)
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn values(reports: &[Value], key: &str) -> Result<Vec<f64>> {
    reports.iter().map(|report| value(report, key)).collect()
}

fn value(report: &Value, key: &str) -> Result<f64> {
    report.get(key).and_then(Value::as_f64).with_context(|| format!("no {key} in {report}"))
}

fn list(values: &[f64]) -> String {
    values.iter().map(|value| number(*value)).collect::<Vec<_>>().join(" ")
}

/// Three digits are all that such a figure is good for.
fn number(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}
