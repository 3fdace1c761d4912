//! The simulated APIs: plain HTTP over pipes in memory, with every manner of failing that an API has.

use crate::clock::WorldClock;
use crate::fuse::{Fuse, Place};
use crate::oracle::{Oracle, Request};
use crate::random::Random;
use crate::recipe::Temper;
use bytes::Bytes;
use contract::{Clock, Tick};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// One API. It outlives the processes that call it.
pub(crate) struct Api {
    pub(crate) number: usize,
    pub(crate) temper: Temper,
    pub(crate) random: Random,
    /// It is well again and answers everything with success.
    pub(crate) healed: AtomicBool,
    /// A dead one comes back at this time.
    pub(crate) dead_until: Tick,
}

/// What the API does with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whim {
    /// A status with one more header line.
    Answer(u16, Header),
    /// Never answers.
    Hang,
    /// Reads everything and closes.
    Drop,
    /// Announces more than it sends.
    Cut,
    /// Sends the head and then nothing.
    Stall,
    /// Answers with something else than HTTP.
    Babble,
    /// Answers well and closes without saying so.
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header {
    None,
    RetryAfter(u64),
    Word(&'static str),
}

/// What it takes to serve in one life.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) oracle: Arc<Oracle>,
    pub(crate) fuse: Arc<Fuse>,
    pub(crate) clock: Arc<WorldClock>,
}

impl Api {
    /// Whether anybody listens.
    pub(crate) fn listens(&self, now: Tick) -> bool {
        if self.healed.load(Ordering::Relaxed) {
            return true;
        }
        match self.temper {
            Temper::Dead => now >= self.dead_until,
            Temper::Steady => true,
            Temper::Flaky | Temper::Busy | Temper::Strict | Temper::Suspicious => !self.random.chance(3),
        }
    }

    /// Serves one connection until one side closes it.
    pub(crate) async fn serve(self: Arc<Self>, mut line: DuplexStream, scene: Scene) {
        let healed = self.healed.load(Ordering::Relaxed);
        if !healed && self.temper == Temper::Flaky && self.random.chance(4) {
            return;
        }
        let mut buffer = Vec::new();
        while let Some(request) = read(&mut line, &mut buffer).await {
            scene.fuse.at(Place::Arrived).await;
            scene.oracle.book().arrived(self.number, &request);
            scene.clock.sleep(self.latency()).await;
            let goes_on = self.answer(&mut line, &scene).await;
            scene.fuse.at(Place::Answered).await;
            if !goes_on {
                return;
            }
        }
    }

    fn latency(&self) -> Duration {
        if self.random.chance(10) { self.random.millis(200..=3_000) } else { self.random.millis(1..=40) }
    }

    fn whim(&self) -> Whim {
        let well = Whim::Answer(*self.random.pick(&[200, 201, 204]).unwrap_or(&200), Header::None);
        if self.healed.load(Ordering::Relaxed) {
            return well;
        }
        let wait = *self.random.pick(&[1, 3, 10, 60, 4000]).unwrap_or(&1);
        let plain = |status| Whim::Answer(status, Header::None);
        let waiting = |status| Whim::Answer(status, Header::RetryAfter(wait));
        let table: &[(u64, Whim)] = match self.temper {
            Temper::Steady => &[(30, well), (1, plain(503)), (1, Whim::Close)],
            Temper::Flaky => &[
                (20, well),
                (4, plain(500)),
                (2, plain(404)),
                (3, Whim::Drop),
                (2, Whim::Hang),
                (2, Whim::Cut),
                (1, Whim::Stall),
                (2, Whim::Babble),
                (2, Whim::Close),
            ],
            Temper::Busy => &[(16, well), (3, waiting(503)), (3, waiting(429)), (3, plain(503))],
            Temper::Strict => &[
                (16, well),
                (2, plain(400)),
                (1, plain(302)),
                (1, plain(501)),
                (1, plain(410)),
                (1, Whim::Answer(500, Header::Word("abort-message"))),
                (1, Whim::Answer(500, Header::Word("disable"))),
            ],
            Temper::Suspicious => &[(12, well), (2, plain(401)), (1, plain(403)), (1, plain(503))],
            Temper::Dead => &[(10, well), (10, plain(500))],
        };
        self.random.weighted(table).unwrap_or(well)
    }

    /// Never the same twice.
    fn words(&self) -> String {
        format!("{{\"said\":{}}}", self.random.within(0..=u64::from(u32::MAX)))
    }

    /// Does what it feels like; false: the connection ends.
    async fn answer(&self, line: &mut DuplexStream, scene: &Scene) -> bool {
        match self.whim() {
            Whim::Answer(status, header) => {
                let header = match header {
                    Header::None => String::new(),
                    Header::RetryAfter(seconds) => format!("retry-after: {seconds}\r\n"),
                    Header::Word(word) => format!("webhook-delivery: {word}\r\n"),
                };
                let content = if status == 204 { String::new() } else { self.words() };
                let body = if status == 204 {
                    String::new()
                } else {
                    format!("content-length: {}\r\n", content.len())
                };
                send(line, &format!("HTTP/1.1 {status} X\r\n{header}{body}\r\n{content}")).await
            }
            Whim::Hang => {
                scene.clock.sleep(Duration::from_secs(3600)).await;
                false
            }
            Whim::Drop => false,
            Whim::Cut => {
                send(line, "HTTP/1.1 200 X\r\ncontent-length: 20\r\n\r\nhalf").await;
                false
            }
            Whim::Stall => {
                send(line, "HTTP/1.1 200 X\r\ncontent-length: 20\r\n\r\n").await;
                scene.clock.sleep(Duration::from_secs(3600)).await;
                false
            }
            Whim::Babble => {
                send(line, "220 mail.example ESMTP\r\n").await;
                false
            }
            Whim::Close => {
                let content = self.words();
                let length = content.len();
                send(line, &format!("HTTP/1.1 200 X\r\ncontent-length: {length}\r\n\r\n{content}")).await;
                false
            }
        }
    }
}

/// The next request; none when the client has gone.
async fn read(line: &mut DuplexStream, buffer: &mut Vec<u8>) -> Option<Request> {
    loop {
        if let Some((request, length)) = parse(buffer) {
            buffer.drain(..length);
            return Some(request);
        }
        if line.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// The request at the beginning of the bytes, with its length.
fn parse(bytes: &[u8]) -> Option<(Request, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let value = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(field, _)| *field == name)
            .map(|(_, value)| value)
    };
    let length = end + value("content-length").map_or(Some(0), |length| length.parse::<usize>().ok())?;
    let body = Bytes::copy_from_slice(bytes.get(end..length)?);
    let request = Request {
        id: value("webhook-id").and_then(|id| id.parse().ok()),
        key: value("idempotency-key").unwrap_or_default().to_owned(),
        duplicate: value("fanlight-possible-duplicate") == Some("true"),
        body,
    };
    Some((request, length))
}

/// A client that has gone is no fault of the API's; false: the connection ends.
async fn send(line: &mut DuplexStream, bytes: &str) -> bool {
    line.write_all(bytes.as_bytes()).await.is_ok() && line.flush().await.is_ok()
}
