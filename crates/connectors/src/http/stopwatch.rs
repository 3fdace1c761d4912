//! Measures the phases of an attempt.

use contract::Tick;
use contract::delivery::Timings;

/// What an attempt is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Asks for the name's addresses.
    Name,
    /// Connects.
    Connect,
    /// Shakes hands.
    Tls,
    /// Sends and waits for status and headers.
    Answer,
    /// Reads the body.
    Body,
}

/// Adds up the time in each phase.
#[derive(Debug)]
pub(super) struct Stopwatch {
    phase: Phase,
    since: Tick,
    timings: Timings,
}

impl Stopwatch {
    /// Begins with [`Phase::Answer`].
    pub(super) fn start(now: Tick) -> Self {
        Self { phase: Phase::Answer, since: now, timings: Timings::default() }
    }

    /// The phase now.
    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// When it was looked at last.
    pub(super) fn since(&self) -> Tick {
        self.since
    }

    /// Ends one phase and begins another.
    pub(super) fn enter(&mut self, phase: Phase, now: Tick) {
        let took = now.since(self.since);
        *match self.phase {
            Phase::Name => &mut self.timings.dns,
            Phase::Connect => &mut self.timings.connect,
            Phase::Tls => &mut self.timings.tls,
            Phase::Answer => &mut self.timings.first_byte,
            Phase::Body => &mut self.timings.body,
        } += took;
        (self.phase, self.since) = (phase, now);
    }

    /// The sums, with the phase that is under way.
    pub(super) fn read(&mut self, now: Tick) -> Timings {
        self.enter(self.phase, now);
        self.timings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn each_phase_gets_its_own_time_and_a_repeated_one_the_sum() {
        let at = |millis| Tick(Duration::from_millis(millis));
        let mut watch = Stopwatch::start(at(0));
        watch.enter(Phase::Name, at(1));
        watch.enter(Phase::Connect, at(3));
        watch.enter(Phase::Tls, at(7));
        watch.enter(Phase::Answer, at(15));
        watch.enter(Phase::Body, at(31));
        let timings = watch.read(at(63));
        let millis = [timings.dns, timings.connect, timings.tls, timings.first_byte, timings.body];
        assert_eq!(millis.map(|time| time.as_millis()), [2, 4, 8, 17, 32]);
        assert_eq!(timings.queue, Duration::ZERO);
    }
}
