//! The page of metrics, read off a specimen of what `/metrics` gives.

use super::{ReferenceError, cell};
use crate::telemetry::metrics::Metrics;
use contract::Name;
use contract::delivery::ErrorClass;
use engine::policy::breaker::Turn;
use engine::policy::hold::Reason;
use std::fmt::Write;

const INTRODUCTION: &str = "\
# Metrics

`GET /metrics` on the operators' door, in the OpenMetrics text format. Counters and histograms count from the start of the process; gauges are
read when the page is asked for. The names are as they stand on the page: a counter ends in `_total`, a histogram has `_bucket`, `_sum`
and `_count`. This page is generated from the program.

| name | type | labels | meaning |
|---|---|---|---|
";

/// One metric, as its descriptor and its first sample tell.
struct Metric<'p> {
    name: &'p str,
    kind: &'p str,
    help: &'p str,
    labels: Vec<&'p str>,
}

pub(super) fn page() -> Result<String, ReferenceError> {
    let specimen = Metrics::specimen(&Name::default_tenant())?;
    let mut page = INTRODUCTION.to_owned();
    for metric in read(&specimen)? {
        let Metric { name, kind, help, labels } = metric;
        let total = if kind == "counter" { "_total" } else { "" };
        let labels = labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        writeln!(page, "| `{name}{total}` | {kind} | {labels} | {} |", cell(help))?;
    }
    page.push_str(&words());
    Ok(page)
}

fn read(specimen: &str) -> Result<Vec<Metric<'_>>, ReferenceError> {
    let mut metrics: Vec<Metric<'_>> = Vec::new();
    for line in specimen.lines().filter(|line| *line != "# EOF") {
        let wrong = || ReferenceError::Line { line: line.to_owned() };
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            metrics.push(Metric { name, kind: "", help, labels: Vec::new() });
            continue;
        }
        let metric = metrics.last_mut().ok_or_else(wrong)?;
        if let Some((_, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            metric.kind = kind;
        } else if line.starts_with(metric.name) {
            metric.labels = labels(line);
        } else if !line.starts_with("# UNIT ") {
            return Err(wrong());
        }
    }
    Ok(metrics)
}

/// The names of a sample's labels, without the one that every bucket has.
fn labels(sample: &str) -> Vec<&str> {
    let inside =
        sample.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(inside, _)| inside);
    let names = inside.split(',').filter_map(|label| Some(label.split_once('=')?.0));
    names.filter(|name| *name != "le").collect()
}

fn words() -> String {
    let join = |words: Vec<&str>| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let classes = join(ErrorClass::ALL.into_iter().map(ErrorClass::word).collect());
    let reasons = join(Reason::ALL.into_iter().map(Reason::word).collect());
    let turns = join(Turn::ALL.into_iter().map(Turn::word).collect());
    format!(
        "\n## Values of labels\n\n- `route`, `target`: names of the configuration.\n- `file`: a file of the data folder.\n- `class`: `none` (success), {classes}.\n\
         - `outcome`: `delivered`, `dead`, `cancelled`, `expired`, `skipped`.\n- `reason`: {reasons}.\n\
         - `turn`: {turns}.\n- `why`: `busy`, `full`, `conflict`, `unavailable`.\n"
    )
}
