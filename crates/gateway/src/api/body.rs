//! Reads a request's body within its bounds, without a copy where it came in one piece.

use super::problem::{BUSY, INVALID_REQUEST, PAYLOAD_TOO_LARGE, Problem, REQUEST_TIMEOUT};
use bytes::{Bytes, BytesMut};
use contract::Clock;
use http_body::Body;
use http_body_util::BodyExt;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How long a caller may pause within its body.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// How long a whole body may take.
const WHOLE_MAX: Duration = Duration::from_secs(300);
/// Bytes of bodies that have not wholly arrived, of all connections together, in KiB.
const RECEIVING_KIB_MAX: usize = 128 * 1024;

/// Reads the whole body, at most `max` bytes of it.
///
/// # Errors
/// A [`Problem`]: too large (told before the first byte is read, where the length is given), too slow, or broken off.
pub async fn read<B>(mut body: B, max: usize, clock: &dyn Clock) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    let too_large = || Problem::new(PAYLOAD_TOO_LARGE, format!("the body may have {max} bytes here"));
    if usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX) > max {
        return Err(too_large());
    }
    let Some(first) = next(&mut body, clock).await? else { return Ok(Bytes::new()) };
    if first.len() > max {
        return Err(too_large());
    }
    if body.is_end_stream() {
        return Ok(first);
    }
    // Only bodies that come in pieces wait in memory for a caller who may never send the rest.
    let _room = room(&body, max)?;
    let rest = async {
        let mut whole = BytesMut::from(first);
        while let Some(more) = next(&mut body, clock).await? {
            if whole.len() + more.len() > max {
                return Err(too_large());
            }
            whole.extend_from_slice(&more);
        }
        Ok(whole.freeze())
    };
    tokio::select! {
        biased;
        whole = rest => whole,
        () = clock.sleep(WHOLE_MAX) => Err(Problem::new(REQUEST_TIMEOUT, format!("the body took more than {} s", WHOLE_MAX.as_secs()))),
    }
}

/// Room for a body that is on its way; given back when it is dropped.
fn room<B: Body>(body: &B, max: usize) -> Result<SemaphorePermit<'static>, Problem> {
    static RECEIVING: Semaphore = Semaphore::const_new(RECEIVING_KIB_MAX);
    let most = body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(max).min(max);
    let kib = u32::try_from(most.div_ceil(1024)).unwrap_or(u32::MAX);
    RECEIVING.try_acquire_many(kib).map_err(|_| {
        let detail = format!("bodies of {} MiB are on their way already", RECEIVING_KIB_MAX / 1024);
        Problem::new(BUSY, detail).retry_after(1)
    })
}

/// The next piece that has bytes in it; none at the end.
async fn next<B>(body: &mut B, clock: &dyn Clock) -> Result<Option<Bytes>, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    loop {
        // Most bodies came with their headers: the timer is made only for those that did not.
        let frame = tokio::select! {
            biased;
            frame = body.frame() => frame,
            () = async { clock.sleep(PAUSE_MAX).await } => {
                return Err(Problem::new(REQUEST_TIMEOUT, format!("the body paused for more than {} s", PAUSE_MAX.as_secs())));
            }
        };
        match frame {
            None => return Ok(None),
            Some(Err(_)) => {
                return Err(Problem::new(
                    INVALID_REQUEST,
                    "the body broke off or is not what its length or coding says",
                ));
            }
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if !data.is_empty() => return Ok(Some(data)),
                // Trailers, or an empty piece.
                Ok(_) | Err(_) => {}
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::clock::Tick;
    use contract::{Promise, Timestamp, limits};
    use http::StatusCode;
    use http_body::Frame;
    use std::convert::Infallible;
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    /// Comes byte by byte, each after a pause; then nothing more comes, and no end either.
    struct Drip {
        left: usize,
        paused: bool,
    }

    impl Drip {
        fn of(bytes: usize) -> Self {
            Self { left: bytes, paused: false }
        }
    }

    impl Body for Drip {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.paused = !self.paused;
            if self.paused || self.left == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.left -= 1;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }

    /// The time for a whole body is always over, a pause never is.
    struct Hasty;

    impl Clock for Hasty {
        fn now(&self) -> Timestamp {
            Timestamp::ZERO
        }
        fn tick(&self) -> Tick {
            Tick::default()
        }
        fn sleep(&self, time: Duration) -> Promise<'static, ()> {
            if time == WHOLE_MAX {
                Box::pin(std::future::ready(()))
            } else {
                Box::pin(std::future::pending())
            }
        }
    }

    /// No time passes.
    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::ZERO
        }
        fn tick(&self) -> Tick {
            Tick::default()
        }
        fn sleep(&self, _: Duration) -> Promise<'static, ()> {
            Box::pin(std::future::pending())
        }
    }

    /// The room is the process's: tests that need it take turns.
    fn alone() -> std::sync::MutexGuard<'static, ()> {
        static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
        ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    #[test]
    fn a_body_that_never_pauses_for_long_is_cut_off_by_the_time_for_the_whole() {
        let _alone = alone();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let problem = runtime.block_on(read(Drip::of(usize::MAX), 100, &Hasty)).unwrap_err();
        assert_eq!(problem.status(), StatusCode::REQUEST_TIMEOUT, "{:?}", problem.json());
        assert!(problem.json()["detail"].as_str().unwrap().contains("took more than 300 s"));
    }

    #[test]
    fn bodies_under_way_have_a_bound_all_together() {
        let _alone = alone();
        fn poll<T>(reading: &mut (impl Future<Output = T> + Unpin)) -> Poll<T> {
            let mut cx = Context::from_waker(Waker::noop());
            // A pause, a piece, and what follows.
            let _paused = Pin::new(&mut *reading).poll(&mut cx);
            Pin::new(reading).poll(&mut cx)
        }
        let max = limits::BODY_BYTES_MAX;
        let count = RECEIVING_KIB_MAX * 1024 / max;
        let begin = || Box::pin(read(Drip::of(1), max, &Still));
        let mut under_way: Vec<_> = (0..count).map(|_| begin()).collect();
        for reading in &mut under_way {
            assert!(poll(reading).is_pending());
        }
        let Poll::Ready(Err(problem)) = poll(&mut begin()) else { panic!("one more found room") };
        assert_eq!(problem.status(), StatusCode::SERVICE_UNAVAILABLE);
        let whole = http_body_util::Full::new(Bytes::from_static(b"{}"));
        let mut reading = pin!(read(whole, max, &Still));
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Ok(body)) = reading.as_mut().poll(&mut cx) else { panic!("it is here") };
        assert_eq!(body, "{}", "what came in one piece needs no room");
        under_way.pop();
        assert!(poll(&mut begin()).is_pending(), "the room of one that broke off is free again");
    }
}
