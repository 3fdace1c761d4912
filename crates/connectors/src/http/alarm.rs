//! A time limit that a long row of exchanges shares, so that most of them start no timer of their own.

use contract::{Clock, Promise, Tick};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, ready};

/// Rings at a deadline. A timer that an earlier deadline started is kept: it rings early, and only then is the rest waited
/// for. A connection that is reused a thousand times in 15 seconds thus starts one timer, not a thousand.
#[derive(Default)]
pub(super) struct Alarm {
    timer: Option<(Tick, Promise<'static, ()>)>,
}

impl Alarm {
    /// Ready when `deadline` has come.
    pub(super) fn poll_until(&mut self, deadline: Tick, clock: &dyn Clock, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut self.timer {
                Some((rings, timer)) if *rings <= deadline => {
                    ready!(timer.as_mut().poll(cx));
                    let due = *rings == deadline;
                    self.timer = None;
                    if due {
                        return Poll::Ready(());
                    }
                }
                Some(_) | None => {
                    let rest = deadline.since(clock.tick());
                    if rest.is_zero() {
                        return Poll::Ready(());
                    }
                    self.timer = Some((deadline, clock.sleep(rest)));
                }
            }
        }
    }
}

/// The future's output, or none if the deadline comes first.
pub(super) async fn until<T>(
    clock: &dyn Clock,
    deadline: Tick,
    future: impl Future<Output = T>,
) -> Option<T> {
    let mut future = pin!(future);
    let mut alarm = Alarm::default();
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => alarm.poll_until(deadline, clock, cx).map(|()| None),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::Timestamp;
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};
    use std::task::Waker;
    use std::time::Duration;

    /// A clock that stands still until told; counts the timers that it was asked for.
    #[derive(Clone, Default)]
    struct Hand {
        seconds: Arc<AtomicU64>,
        timers: Arc<AtomicUsize>,
        asked: Arc<Mutex<Vec<u64>>>,
    }

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::ZERO
        }
        fn tick(&self) -> Tick {
            Tick(Duration::from_secs(self.seconds.load(Ordering::SeqCst)))
        }
        fn sleep(&self, time: Duration) -> Promise<'static, ()> {
            self.timers.fetch_add(1, Ordering::SeqCst);
            self.asked.lock().unwrap().push(time.as_secs());
            let (seconds, end) = (Arc::clone(&self.seconds), self.tick().0 + time);
            Box::pin(poll_fn(move |_| {
                if seconds.load(Ordering::SeqCst) >= end.as_secs() { Poll::Ready(()) } else { Poll::Pending }
            }))
        }
    }

    fn at(seconds: u64) -> Tick {
        Tick(Duration::from_secs(seconds))
    }

    #[test]
    fn one_timer_serves_many_deadlines_and_never_rings_early() {
        let (clock, mut alarm) = (Hand::default(), Alarm::default());
        let mut cx = Context::from_waker(Waker::noop());
        for second in 0..10 {
            clock.seconds.store(second, Ordering::SeqCst);
            assert!(alarm.poll_until(at(second + 15), &clock, &mut cx).is_pending());
        }
        assert_eq!(clock.timers.load(Ordering::SeqCst), 1);
        clock.seconds.store(23, Ordering::SeqCst);
        assert!(alarm.poll_until(at(24), &clock, &mut cx).is_pending());
        clock.seconds.store(24, Ordering::SeqCst);
        assert!(alarm.poll_until(at(24), &clock, &mut cx).is_ready());
        assert_eq!(*clock.asked.lock().unwrap(), [15, 1]);
    }

    #[test]
    fn an_earlier_deadline_gets_its_own_timer() {
        let (clock, mut alarm) = (Hand::default(), Alarm::default());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(alarm.poll_until(at(15), &clock, &mut cx).is_pending());
        assert!(alarm.poll_until(at(5), &clock, &mut cx).is_pending());
        clock.seconds.store(5, Ordering::SeqCst);
        assert!(alarm.poll_until(at(5), &clock, &mut cx).is_ready());
    }

    #[test]
    fn a_deadline_in_the_past_rings_at_once() {
        let (clock, mut alarm) = (Hand::default(), Alarm::default());
        clock.seconds.store(9, Ordering::SeqCst);
        assert!(alarm.poll_until(at(9), &clock, &mut Context::from_waker(Waker::noop())).is_ready());
    }
}
