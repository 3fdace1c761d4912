//! Waits for one thing of an exchange while the connection is carried on and the time-out runs.

use super::alarm::Alarm;
use contract::{Clock, Tick};
use std::future::poll_fn;
use std::task::{Context, Poll};

/// A connection that an exchange goes over.
pub(super) trait Carrier {
    /// Polls `step`, and whatever must go on for it to become ready. None: the connection has ended, it never will.
    fn carry<T>(
        &mut self,
        cx: &mut Context<'_>,
        step: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<Option<T>>;
}

/// Why a step did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// The deadline came first.
    TimedOut,
    /// The connection ended.
    Ended,
}

/// The step's output, unless the deadline or the connection's end comes first.
pub(super) async fn step<T>(
    carrier: &mut impl Carrier,
    (alarm, clock, deadline): (&mut Alarm, &dyn Clock, Tick),
    mut step: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Result<T, Stopped> {
    poll_fn(|cx| match carrier.carry(cx, &mut step) {
        Poll::Ready(Some(output)) => Poll::Ready(Ok(output)),
        Poll::Ready(None) => Poll::Ready(Err(Stopped::Ended)),
        Poll::Pending => alarm.poll_until(deadline, clock, cx).map(|()| Err(Stopped::TimedOut)),
    })
    .await
}
