//! A bounded queue from many tasks to a thread: the tasks wait for room, the thread takes whatever is there.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Calls that may wait at once; one more waits for room.
const CALLS_MAX: usize = 16_384;

pub(super) struct Queue<T> {
    inside: Mutex<Inside<T>>,
    filled: Condvar,
    room: Semaphore,
}

struct Inside<T> {
    items: VecDeque<T>,
    closed: bool,
    /// Takers that sleep.
    asleep: usize,
}

/// The queue is closed.
#[derive(Debug)]
pub(super) struct Closed;

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        let inside = Inside { items: VecDeque::new(), closed: false, asleep: 0 };
        Self { inside: Mutex::new(inside), filled: Condvar::new(), room: Semaphore::new(CALLS_MAX) }
    }

    pub(super) async fn push(&self, item: T) -> Result<(), Closed> {
        self.room.acquire().await.map_err(|_| Closed)?.forget();
        let mut inside = self.lock();
        if inside.closed {
            return Err(Closed);
        }
        inside.items.push_back(item);
        let wake = inside.asleep > 0;
        drop(inside);
        if wake {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// The same for a thread that does not wait: false when there is no room.
    pub(super) fn offer(&self, item: T) -> bool {
        let Ok(room) = self.room.try_acquire() else { return false };
        let mut inside = self.lock();
        if inside.closed {
            return false;
        }
        room.forget();
        inside.items.push_back(item);
        drop(inside);
        self.filled.notify_one();
        true
    }

    /// Takes items until their weights reach `most`. Empty after `patience`; an error once closed and drained.
    pub(super) fn take(
        &self,
        most: usize,
        patience: Option<Duration>,
        weigh: impl Fn(&T) -> usize,
    ) -> Result<Vec<T>, Closed> {
        let mut inside = self.lock();
        while inside.items.is_empty() {
            if inside.closed {
                return Err(Closed);
            }
            inside.asleep += 1;
            let timed_out;
            (inside, timed_out) = match patience {
                None => (self.filled.wait(inside).unwrap_or_else(PoisonError::into_inner), false),
                Some(patience) => {
                    let woken = self.filled.wait_timeout(inside, patience);
                    let (inside, result) = woken.unwrap_or_else(PoisonError::into_inner);
                    (inside, result.timed_out())
                }
            };
            inside.asleep -= 1;
            if timed_out {
                break;
            }
        }
        let mut weight = 0;
        let fits = |item: &T| {
            let fits = weight == 0 || weight + weigh(item) <= most;
            weight += weigh(item);
            fits
        };
        let count = inside.items.iter().map(fits).take_while(|fits| *fits).count();
        let taken: Vec<T> = inside.items.drain(..count).collect();
        drop(inside);
        self.room.add_permits(taken.len());
        Ok(taken)
    }

    /// Lets nothing more in. What is inside is still taken.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.room.close();
        self.filled.notify_all();
    }

    /// Drops what is inside, so that whoever waits for it learns that nothing will come.
    pub(super) fn clear(&self) {
        let items = std::mem::take(&mut self.lock().items);
        drop(items);
    }

    fn lock(&self) -> MutexGuard<'_, Inside<T>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_waits_is_taken_together_up_to_the_weight() {
        let queue = Queue::new();
        for weight in [3, 4, 5, 100, 1] {
            queue.push(weight).await.unwrap();
        }
        let take = || queue.take(8, None, |weight| *weight).unwrap();
        assert_eq!((take(), take(), take(), take()), (vec![3, 4], vec![5], vec![100], vec![1]));
    }

    #[tokio::test]
    async fn a_closed_queue_is_drained_and_takes_no_more() {
        let queue = Queue::new();
        queue.push(1).await.unwrap();
        queue.close();
        assert!(queue.push(2).await.is_err());
        assert_eq!(queue.take(8, None, |_| 1).unwrap(), [1]);
        assert!(queue.take(8, None, |_| 1).is_err());
    }

    #[test]
    fn patience_ends() {
        assert!(Queue::<u8>::new().take(8, Some(Duration::from_millis(1)), |_| 1).unwrap().is_empty());
    }
}
