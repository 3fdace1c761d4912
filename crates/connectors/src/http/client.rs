//! A client of one place: the open connections, new ones when there are none, and one exchange over one of them.

use super::alarm::{Alarm, until};
use super::answer::{self, Limits, Rest};
use super::classify::{self, Failure};
use super::connect::Connector;
use super::destination::Destination;
use super::dial::Dial;
use super::exchange::{self, Stopped};
use super::guard::Guard;
use super::pool::{self, Connection, Pool, Sweep};
use super::proxy::{self, Via};
use super::request::Body;
use super::settings::{Settings, Timeouts};
use super::shared::{Driven, Shared};
use super::single::Single;
use super::stopwatch::{Phase, Stopwatch};
use super::tasks::Tasks;
use contract::delivery::ErrorClass;
use contract::target::{Keep, Lasting, Reply, Written};
use contract::{Clock, Tick};
use http::{Request, Response, Version, header};
use hyper::body::Incoming;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// Sends requests to one destination. Tasks (the driver of an HTTP/2 connection, the sweeper of idle ones) belong to it and end
/// when it is dropped.
pub(super) struct Client {
    pub(super) to: Destination,
    timeouts: Timeouts,
    guard: Guard,
    clock: Arc<dyn Clock>,
    dial: Arc<dyn Dial>,
    pool: Arc<Pool>,
    sweep_every: Duration,
    tasks: Tasks,
}

/// What a call may take.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// When its status and headers must be in.
    deadline: Tick,
    /// Of the answer.
    keep: Keep,
}

/// Writes the request in the HTTP version of the connection that was found; more than once if a connection was stale.
pub(super) type Write<'a> = dyn Fn(Version) -> Result<Request<Body>, Failure> + Sync + 'a;

impl Client {
    /// Without connections yet.
    pub(super) fn new(
        to: Destination,
        settings: &Settings,
        clock: Arc<dyn Clock>,
        dial: Arc<dyn Dial>,
    ) -> Self {
        let version = if to.secure.is_some() { pool::Version::Unknown } else { pool::Version::Http1 };
        Self {
            to,
            timeouts: settings.timeouts,
            guard: settings.guard.clone(),
            clock,
            dial,
            pool: Arc::new(Pool::new(version, settings.connections_max_idle, settings.idle_timeout)),
            sweep_every: settings.idle_timeout,
            tasks: Tasks::default(),
        }
    }

    /// What a call that began then may take.
    pub(super) fn bounds(&self, began: Tick, keep: Keep) -> Bounds {
        Bounds { deadline: Tick(began.0 + self.timeouts.total), keep }
    }

    /// One exchange. It is sent again only if not a byte had left, or the target says that it has not acted.
    pub(super) async fn send(
        &self,
        write: &Write<'_>,
        bounds: Bounds,
        watch: &mut Stopwatch,
    ) -> Result<Reply, Failure> {
        let began = watch.since();
        while let Some(connection) = self.pool.take(began) {
            let is_shared = matches!(connection, Connection::Shared(_));
            match self.exchange(write, connection, bounds, watch).await {
                Err(unmet) if unmet.resend == Resend::Harmless && is_shared => break,
                // The server had closed it: take the next.
                Err(unmet) if unmet.resend == Resend::Harmless => {}
                ended => return ended.map_err(|unmet| unmet.failure),
            }
        }
        // Boxed: it is rare and large, and every call would carry its size.
        let connection = Box::pin(self.connection(bounds.deadline, watch)).await?;
        self.exchange(write, connection, bounds, watch).await.map_err(|unmet| unmet.failure)
    }

    /// A new connection, or the one that somebody else has just made for everybody.
    async fn connection(&self, deadline: Tick, watch: &mut Stopwatch) -> Result<Connection, Failure> {
        let now = self.clock.tick();
        let deadline = deadline.min(Tick(now.0 + self.timeouts.connect));
        let starter = self.tasks.starter();
        let (guard, dial, clock) = (&self.guard, &*self.dial, &*self.clock);
        let connector = Connector { to: &self.to, guard, dial, clock, tasks: &starter };
        watch.enter(Phase::Connect, now);
        let made = until(&*self.clock, deadline, async {
            let _gate = match self.pool.version() {
                pool::Version::Http1 => None,
                pool::Version::Unknown | pool::Version::Http2 => Some(self.pool.gate.lock().await),
            };
            match self.pool.shared(now) {
                Some(shared) => Ok(Connection::Shared(shared)),
                None => connector.connect(deadline, watch).await.inspect(|made| self.publish(made)),
            }
        })
        .await;
        let late = || Err(unconnected_in_time(watch.phase(), self.to.via.as_ref()));
        let made = made.unwrap_or_else(late)?;
        watch.enter(Phase::Answer, self.clock.tick());
        Ok(made)
    }

    /// Tells others what they can use of a new connection: still behind the gate.
    fn publish(&self, made: &Connection) {
        match made {
            Connection::Single(_) => self.pool.learn(pool::Version::Http1),
            Connection::Shared(shared) => {
                self.pool.learn(pool::Version::Http2);
                self.keep_swept(self.pool.share(shared.clone(), self.clock.tick()));
            }
        }
    }

    fn keep_swept(&self, sweep: Sweep) {
        match sweep {
            Sweep::Needed => {
                let pool = Arc::downgrade(&self.pool);
                self.tasks.starter().start(pool::sweep(pool, Arc::clone(&self.clock), self.sweep_every));
            }
            Sweep::Unneeded => {}
        }
    }

    async fn exchange(
        &self,
        write: &Write<'_>,
        connection: Connection,
        bounds: Bounds,
        watch: &mut Stopwatch,
    ) -> Result<Reply, Unmet> {
        match connection {
            Connection::Single(single) => self.exchange_alone(write, single, bounds, watch).await,
            Connection::Shared(shared) => {
                Box::pin(self.exchange_among_others(write, shared, bounds, watch)).await
            }
        }
    }

    async fn exchange_alone(
        &self,
        write: &Write<'_>,
        mut single: Box<Single>,
        bounds: Bounds,
        watch: &mut Stopwatch,
    ) -> Result<Reply, Unmet> {
        let request = write(Version::HTTP_11)?;
        let meter = single.meter();
        let before = meter.read();
        let mut alarm = std::mem::take(&mut single.alarm);
        let mut sent = pin!(single.send(request));
        let limit = (&mut alarm, &*self.clock, bounds.deadline);
        let stopped = match exchange::step(&mut *single, limit, |cx| sent.as_mut().poll(cx)).await {
            Ok(Ok(answer)) => {
                let (reply, rest, kept_for) =
                    self.read(answer, (&mut *single, &mut alarm), bounds, watch).await;
                if rest == Rest::Nothing && single.is_reusable() {
                    single.alarm = alarm;
                    self.keep_swept(self.pool.put(single, watch.since(), kept_for));
                }
                return Ok(reply);
            }
            Ok(Err(error)) => Some(classify::broken(&error)),
            Err(Stopped::Ended) => Some((ErrorClass::ConnectionReset, ENDED.to_owned())),
            Err(Stopped::TimedOut) => None,
        };
        let written = if meter.read() == before { Written::Nothing } else { Written::Maybe };
        Err(Unmet::new(stopped, written))
    }

    async fn exchange_among_others(
        &self,
        write: &Write<'_>,
        mut shared: Shared,
        bounds: Bounds,
        watch: &mut Stopwatch,
    ) -> Result<Reply, Unmet> {
        let request = write(Version::HTTP_2)?;
        let mut alarm = Alarm::default();
        let mut sent = pin!(shared.send(request));
        let limit = (&mut alarm, &*self.clock, bounds.deadline);
        match exchange::step(&mut Driven, limit, |cx| sent.as_mut().poll(cx)).await {
            Ok(Ok(answer)) => Ok(self.read(answer, (&mut Driven, &mut alarm), bounds, watch).await.0),
            Ok(Err(unsent)) => {
                let is_untouched = unsent.message().is_some() || classify::is_unprocessed(unsent.error());
                if is_untouched || !shared.is_open() {
                    self.pool.retire(&shared);
                }
                let written = if is_untouched { Written::Nothing } else { Written::Maybe };
                Err(Unmet::new(Some(classify::broken(unsent.error())), written))
            }
            Err(Stopped::Ended) => {
                Err(Unmet::new(Some((ErrorClass::ConnectionReset, ENDED.to_owned())), Written::Maybe))
            }
            Err(Stopped::TimedOut) => {
                // A connection on which nothing comes any more may be dead without knowing it.
                self.pool.retire(&shared);
                Err(Unmet::new(None, Written::Maybe))
            }
        }
    }

    /// The reply of an answer whose head is in, with as much of its body as is kept.
    async fn read(
        &self,
        answer: Response<Incoming>,
        by: (&mut impl exchange::Carrier, &mut Alarm),
        Bounds { deadline, keep }: Bounds,
        watch: &mut Stopwatch,
    ) -> (Reply, Rest, Option<Duration>) {
        let since = self.clock.tick();
        watch.enter(Phase::Body, since);
        let (head, body) = answer.into_parts();
        let mut reply = answer::reply(&head, || self.clock.now());
        let limits = Limits { clock: &*self.clock, since, idle: self.timeouts.idle, deadline, keep };
        let encoding = head.headers.get(header::CONTENT_ENCODING);
        let (kept, end, rest) = answer::read(body, encoding, by, limits).await;
        (reply.capture.body, reply.capture.end) = (kept, end);
        if keep == Keep::Whole {
            answer::keep_headers(&mut reply.capture, &head.headers);
        }
        reply.timings = watch.read(self.clock.tick());
        (reply, rest, answer::kept_for(&head.headers))
    }
}

const ENDED: &str = "the connection was closed before the answer";

/// An exchange without an answer.
struct Unmet {
    failure: Failure,
    resend: Resend,
}

/// Whether the request may be sent again at once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Resend {
    /// The target cannot have acted on it, and there is time.
    Harmless,
    No,
}

/// What could not be written was not sent.
impl From<Failure> for Unmet {
    fn from(failure: Failure) -> Self {
        Self { failure, resend: Resend::No }
    }
}

impl Unmet {
    /// With what stopped it; none is the time-out.
    fn new(stopped: Option<(ErrorClass, String)>, written: Written) -> Self {
        let resend =
            if stopped.is_some() && written == Written::Nothing { Resend::Harmless } else { Resend::No };
        let (class, cause) =
            stopped.unwrap_or_else(|| (ErrorClass::TimeoutTotal, "no status and headers in time".to_owned()));
        Self { failure: Failure { class, written, lasting: Lasting::Passing, cause }, resend }
    }
}

fn unconnected_in_time(phase: Phase, via: Option<&Via>) -> Failure {
    match phase {
        Phase::Name | Phase::Connect if via.is_some() => proxy::own("no connection to the proxy in time"),
        Phase::Name => Failure::unsent(ErrorClass::LocalDns, "the resolver did not answer in time"),
        // A proxy that keeps silent waits for the target as a rule. Were it charged to the proxy, a target that swallows every packet
        // would be called for ever.
        Phase::Tls if via.is_some() => {
            let cause = "the proxy opened no tunnel in time, or the TLS handshake through it did not end";
            Failure::unsent(ErrorClass::TimeoutConnect, cause)
        }
        Phase::Tls => Failure::unsent(ErrorClass::TimeoutConnect, "the TLS handshake did not end in time"),
        Phase::Connect | Phase::Answer | Phase::Body => {
            Failure::unsent(ErrorClass::TimeoutConnect, "no connection in time")
        }
    }
}
