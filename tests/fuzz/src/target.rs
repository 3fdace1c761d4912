//! What is fuzzed: one file per target, each with its seeds, its words and what must hold.

mod answer;
mod config;
mod events;
mod expressions;
mod request;

use clap::ValueEnum;
use std::fmt;

/// What is fuzzed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// `gateway::config::parse`: a configuration is read, or refused with a reason that shows no secret.
    Config,
    /// What a request meets before its body: routes, Prefer, Idempotency-Key, content types, ids and names.
    Request,
    /// `api::events::read`: envelopes and CloudEvents.
    Events,
    /// `connectors::http`: the hints in an API's answer, and the capture of its body.
    Answer,
    /// jq expressions: what is proven to end does end, within its bounds, and always the same way.
    Expressions,
}

impl Target {
    /// Every target.
    pub const ALL: [Self; 5] = [Self::Config, Self::Request, Self::Events, Self::Answer, Self::Expressions];

    /// Inputs that are good.
    pub(crate) fn seeds(self) -> &'static [&'static [u8]] {
        match self {
            Self::Config => config::SEEDS,
            Self::Request => request::SEEDS,
            Self::Events => events::SEEDS,
            Self::Answer => answer::SEEDS,
            Self::Expressions => expressions::SEEDS,
        }
    }

    /// Words of its language.
    pub(crate) fn words(self) -> &'static [&'static [u8]] {
        match self {
            Self::Config => config::WORDS,
            Self::Request => request::WORDS,
            Self::Events => events::WORDS,
            Self::Answer => answer::WORDS,
            Self::Expressions => expressions::WORDS,
        }
    }

    pub(crate) fn check(self, input: &[u8]) -> Result<(), String> {
        match self {
            Self::Config => config::check(&String::from_utf8_lossy(input)),
            Self::Request => request::check(input),
            Self::Events => events::check(input),
            Self::Answer => answer::check(input),
            Self::Expressions => expressions::check(input),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config => "config",
            Self::Request => "request",
            Self::Events => "events",
            Self::Answer => "answer",
            Self::Expressions => "expressions",
        })
    }
}

/// An invariant: `words` are told when it does not hold.
fn must(holds: bool, words: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(words.to_owned()) }
}
