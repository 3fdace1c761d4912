//! How far the demo is, per API: bars on a terminal, lines elsewhere.

use crate::cli::answers::{Line, Ticket};
use crate::cli::client::{Client, Events};
use crate::cli::screen::{brief, plain};
use contract::{Clock, Tick};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// The shortest time between two lines.
const LINE_EVERY: Duration = Duration::from_millis(500);

/// The deliveries as they stand, and where that is shown.
pub(super) struct Progress {
    tallies: Vec<Tally>,
    began: Option<Tick>,
    display: Display,
}

enum Display {
    Bars(Vec<ProgressBar>),
    Lines { last: String },
}

/// The deliveries of one API.
#[derive(Default)]
struct Tally {
    name: &'static str,
    /// The last word for each delivery.
    words: HashMap<String, String>,
    trouble: Option<String>,
}

impl Progress {
    pub(super) fn new(names: &[&'static str], each: u32) -> Self {
        let tallies = names.iter().map(|name| Tally { name, ..Tally::default() }).collect();
        let terminal = io::stdout().is_terminal() && io::stderr().is_terminal();
        let display =
            if terminal { Display::bars(names, each) } else { Display::Lines { last: String::new() } };
        Self { tallies, began: None, display }
    }

    /// Shows what the tail tells. Ends only with an error.
    pub(super) async fn follow(
        &mut self,
        client: &Client,
        mut events: Events,
        clock: &dyn Clock,
    ) -> anyhow::Result<()> {
        self.began.get_or_insert(clock.tick());
        let mut look = clock.sleep(LINE_EVERY);
        loop {
            tokio::select! {
                biased;
                incident = events.next() => match incident {
                    Some(incident) if incident.name == "attempt" => {
                        self.take(&client.parse(incident.data.as_bytes())?);
                        self.display.bars_show(&self.tallies);
                    }
                    Some(_) => {}
                    // The tickets tell the end.
                    None => std::future::pending().await,
                },
                () = &mut look => {
                    self.line(clock)?;
                    look = clock.sleep(LINE_EVERY);
                }
            }
        }
    }

    /// Shows how it ended.
    pub(super) fn finish(&mut self, tickets: &[Ticket], clock: &dyn Clock) -> io::Result<()> {
        for tally in &mut self.tallies {
            let deliveries = tickets.iter().flat_map(|ticket| &ticket.deliveries);
            let own = deliveries.filter(|delivery| delivery.target == tally.name);
            tally.words = own.map(|delivery| (delivery.id.clone(), delivery.state.clone())).collect();
        }
        self.display.bars_show(&self.tallies);
        match &self.display {
            Display::Bars(bars) => {
                bars.iter().for_each(ProgressBar::abandon);
                // The last bar has left the cursor behind it.
                writeln!(anstream::stderr())
            }
            Display::Lines { .. } => self.line(clock),
        }
    }

    fn take(&mut self, line: &Line) {
        if let Some(tally) = self.tallies.iter_mut().find(|tally| tally.name == line.target) {
            if line.outcome != "delivered" {
                tally.trouble = Some(line.attempt.outcome());
            }
            tally.words.insert(line.delivery.clone(), line.outcome.clone());
        }
    }

    /// A line, if there are lines and something has changed.
    fn line(&mut self, clock: &dyn Clock) -> io::Result<()> {
        let Display::Lines { last } = &mut self.display else { return Ok(()) };
        let parts: Vec<String> =
            self.tallies.iter().map(|tally| format!("{}: {}", tally.name, tally.shown())).collect();
        let line = parts.join("   ");
        if line == *last {
            return Ok(());
        }
        let after = brief(clock.tick().since(self.began.unwrap_or_default())).to_string();
        writeln!(anstream::stdout(), "{after:>7}   {line}")?;
        *last = line;
        Ok(())
    }
}

impl Display {
    fn bars(names: &[&'static str], each: u32) -> Self {
        let all = MultiProgress::new();
        let style = ProgressStyle::with_template("  {prefix:<8} [{bar:30}] {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = |name: &&'static str| {
            let bar = ProgressBar::new(u64::from(each))
                .with_style(style.clone().progress_chars("=> "))
                .with_prefix(*name);
            all.add(bar)
        };
        Self::Bars(names.iter().map(bar).collect())
    }

    fn bars_show(&self, tallies: &[Tally]) {
        match self {
            Self::Lines { .. } => {}
            Self::Bars(bars) => {
                for (bar, tally) in bars.iter().zip(tallies) {
                    bar.set_message(tally.shown());
                    bar.set_position(tally.count("delivered"));
                }
            }
        }
    }
}

impl Tally {
    fn count(&self, word: &str) -> u64 {
        self.words.values().filter(|own| *own == word).count() as u64
    }

    fn shown(&self) -> String {
        let (delivered, retrying, dead) =
            (self.count("delivered"), self.count("retrying"), self.count("dead"));
        let why = match &self.trouble {
            Some(trouble) if retrying > 0 => format!(" ({})", plain(trouble)),
            Some(_) | None => String::new(),
        };
        format!("{delivered} delivered, {retrying} retrying{why}, {dead} dead")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_counts_each_delivery_by_its_last_word() {
        let mut tally = Tally { name: "mailing", trouble: Some("503".to_owned()), ..Tally::default() };
        for (id, word) in [("1", "retrying"), ("2", "retrying"), ("3", "dead"), ("1", "delivered")] {
            tally.words.insert(id.to_owned(), word.to_owned());
        }
        assert_eq!(tally.shown(), "1 delivered, 1 retrying (503), 1 dead");
    }
}
