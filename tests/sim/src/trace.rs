//! What happened, line by line, for a person who replays a seed.

use contract::{Clock, Tick};

/// The lines, if anybody wants them.
#[derive(Debug)]
pub(crate) struct Trace(Option<Vec<String>>);

/// Whether a trace keeps its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// For a person.
    Lines,
    /// For a run of many seeds.
    Nothing,
}

impl Trace {
    pub(crate) fn new(keep: Keep) -> Self {
        match keep {
            Keep::Lines => Self(Some(Vec::new())),
            Keep::Nothing => Self(None),
        }
    }

    /// One thing happened. The words are made only if they are kept.
    pub(crate) fn line(&mut self, clock: &dyn Clock, words: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.0 {
            let Tick(at) = clock.tick();
            lines.push(format!("{:>10.3}s  {}", at.as_secs_f64(), words()));
        }
    }

    pub(crate) fn take(&mut self) -> Vec<String> {
        self.0.take().unwrap_or_default()
    }
}
