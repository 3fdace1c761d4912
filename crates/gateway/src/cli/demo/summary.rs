//! How the demo ended: a table, the slowest ticket, and whether all is as it should be. Pure.

use super::crowd::SIGNUPS;
use crate::cli::answers::{Delivery, Ticket};
use crate::cli::screen::{Cell, HEADING, Table, brief, styled};
use crate::cli::ticket;
use crate::mock::{Outcome, Recorded};
use anstyle::AnsiColor;
use std::collections::HashSet;
use std::time::Duration;

/// How it ended.
pub(super) struct Played {
    /// For people.
    pub(super) story: String,
    /// The id of the slowest ticket.
    pub(super) slowest: Option<String>,
    /// What is not as it should be.
    pub(super) wrong: Vec<String>,
}

/// One API's part.
struct Part {
    name: &'static str,
    delivered: usize,
    attempts: usize,
    retried: usize,
    dead: usize,
    /// From accept to the end of the last attempt, the shortest first.
    times: Vec<Duration>,
    /// Requests that the API counted.
    requests: usize,
    /// Requests that the API said yes to.
    accepted: usize,
    /// Deliveries among them.
    distinct: usize,
}

/// From the tickets, and from what each API says that it was asked.
pub(super) fn tell(tickets: &[Ticket], apis: &[(&'static str, Vec<Recorded>)]) -> Played {
    let parts: Vec<Part> = apis.iter().map(|(name, requests)| Part::new(name, tickets, requests)).collect();
    let wrong: Vec<String> = parts.iter().filter_map(Part::wrong).collect();
    let slowest = tickets.iter().max_by_key(|ticket| ticket.took());
    let mut story = format!("\n{}", table(&parts));
    if let Some(slowest) = slowest {
        story += &format!("\n{}\n{}", styled(HEADING, "The slowest one"), ticket::shown(slowest));
    }
    story += "\n";
    if wrong.is_empty() {
        let good = AnsiColor::Green.on_default().bold();
        story += &format!(
            "{}\n",
            styled(
                good,
                format!("All {SIGNUPS} sign-ups reached both APIs, each exactly once; none is dead.")
            )
        );
    }
    for wrong in &wrong {
        story += &format!("{}\n", styled(AnsiColor::Red.on_default().bold(), wrong));
    }
    Played { story, slowest: slowest.map(|ticket| ticket.id.clone()), wrong }
}

fn table(parts: &[Part]) -> String {
    let mut table = Table::new(["api", "delivered", "attempts", "retried", "dead", "p50", "p95"]);
    for part in parts {
        let row = [part.delivered, part.attempts, part.retried, part.dead].map(Cell::number);
        let [delivered, attempts, retried, dead] = row;
        let [p50, p95] = [50, 95].map(|percent| Cell::number(brief(percentile(&part.times, percent))));
        table.row([Cell::text(part.name), delivered, attempts, retried, dead, p50, p95]);
    }
    table.to_string()
}

/// The smallest time that so many percent of all do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

impl Part {
    fn new(name: &'static str, tickets: &[Ticket], requests: &[Recorded]) -> Self {
        let own = || {
            tickets
                .iter()
                .flat_map(|ticket| ticket.deliveries.iter().map(move |delivery| (ticket, delivery)))
                .filter(|(_, delivery)| delivery.target == name)
        };
        let count = |test: fn(&Delivery) -> bool| own().filter(|(_, delivery)| test(delivery)).count();
        let ended = |(ticket, delivery): (&Ticket, &Delivery)| {
            Some(delivery.attempts.last()?.ended_after(ticket.received))
        };
        let mut times: Vec<Duration> = own().filter_map(ended).collect();
        times.sort();
        let accepted: Vec<&Recorded> =
            requests.iter().filter(|request| matches!(request.outcome, Outcome::Status(200..=299))).collect();
        let distinct: HashSet<&str> =
            accepted.iter().filter_map(|request| request.webhook_id.as_deref()).collect();
        Self {
            name,
            delivered: count(|delivery| delivery.state == "delivered"),
            attempts: own().map(|(_, delivery)| delivery.attempts.len()).sum(),
            retried: count(|delivery| delivery.attempts.len() > 1),
            dead: count(|delivery| delivery.state == "dead"),
            times,
            requests: requests.len(),
            accepted: accepted.len(),
            distinct: distinct.len(),
        }
    }

    /// What is not as it should be: all delivered, and the API's own count agrees.
    fn wrong(&self) -> Option<String> {
        let Self { name, delivered, attempts, requests, accepted, distinct, .. } = self;
        let all = SIGNUPS as usize;
        if [*delivered, *accepted, *distinct] != [all; 3] {
            let api = format!("the API said yes to {accepted} requests for {distinct} of them");
            return Some(format!("{name}: {delivered} of {all} sign-ups are delivered; {api}"));
        }
        (attempts != requests).then(|| {
            format!("{name}: the tickets have {attempts} attempts, but the API counted {requests} requests")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let times: Vec<Duration> = (1..=50).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Duration::from_millis(25));
        assert_eq!(percentile(&times, 95), Duration::from_millis(48));
        assert_eq!(percentile(&times[..1], 95), Duration::from_millis(1));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }

    #[test]
    fn a_demo_whose_counts_disagree_is_wrong() {
        let all = SIGNUPS as usize;
        let part = Part {
            name: "crm",
            delivered: all,
            attempts: 60,
            retried: 9,
            dead: 0,
            times: Vec::new(),
            requests: 60,
            accepted: all,
            distinct: all,
        };
        assert_eq!(part.wrong(), None);
        let twice = Part { distinct: all - 1, ..part };
        assert_eq!(
            twice.wrong().unwrap(),
            "crm: 50 of 50 sign-ups are delivered; the API said yes to 50 requests for 49 of them"
        );
        let more = Part { distinct: all, requests: 61, ..twice };
        assert!(more.wrong().unwrap().contains("60 attempts, but the API counted 61 requests"));
    }
}
