//! The HTTP target: one request per parcel, over its own connections.
//!
//! ```text
//!  deliver ─► attempt ─┬─ pool: an open connection ───────────┬─► exchange ─► answer ─► back to the pool
//!                      └─ connect: name, guard, line, TLS ────┘       │
//!                                          ▲                         │ failed, and not a byte had left
//!                                          └──── once more ──────────┘ an old connection
//! ```

mod alarm;
mod answer;
mod bell;
pub mod capture;
mod classify;
mod connect;
mod destination;
pub mod dial;
mod exchange;
mod fields;
pub mod guard;
pub mod hints;
pub mod line;
mod pool;
mod request;
pub mod settings;
mod shared;
mod single;
mod stopwatch;
mod tasks;
mod tls;
mod unresolved;

pub use destination::Fault;
pub use dial::Dial;
pub use guard::Guard;
pub use settings::Settings;
pub use tls::Fault as TlsFault;

use alarm::{Alarm, until};
use answer::{Limits, Rest};
use classify::Failure;
use connect::Connector;
use contract::delivery::ErrorClass;
use contract::target::{Call, Lasting, Outcome, Parcel, Reply, Target, Written};
use contract::{Clock, Promise, Tick};
use destination::Destination;
use exchange::Stopped;
use http::{Response, Version, header};
use hyper::body::Incoming;
use pool::{Connection, Pool, Sweep};
use settings::Timeouts;
use shared::{Driven, Shared};
use single::Single;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use stopwatch::{Phase, Stopwatch};
use tasks::Tasks;

/// An HTTP API as a target. Cheap per call: an open HTTP/1 connection is driven by the call itself. Tasks (the driver of an
/// HTTP/2 connection, the sweeper of idle ones) belong to the target and end when it is dropped; so `deliver` must be called
/// inside a tokio runtime.
pub struct HttpTarget {
    to: Result<Destination, Fault>,
    timeouts: Timeouts,
    guard: Guard,
    clock: Arc<dyn Clock>,
    dial: Arc<dyn Dial>,
    pool: Arc<Pool>,
    sweep_every: Duration,
    tasks: Tasks,
}

impl Settings {
    /// Whether a target can be made of these.
    ///
    /// # Errors
    /// [`Fault`]: what is wrong, for the person who wrote the configuration.
    pub fn check(&self) -> Result<(), Fault> {
        Destination::try_new(self).map(drop)
    }
}

impl HttpTarget {
    /// A target without connections yet. Settings that [`Settings::check`] refuses make a target whose every call ends as
    /// `local_config`.
    #[must_use]
    pub fn new(settings: Settings, clock: Arc<dyn Clock>, dial: Arc<dyn Dial>) -> Self {
        let to = Destination::try_new(&settings);
        let version = match &to {
            Ok(Destination { secure: Some(_), .. }) => pool::Version::Unknown,
            Ok(_) | Err(_) => pool::Version::Http1,
        };
        Self {
            to,
            timeouts: settings.timeouts,
            guard: settings.guard,
            clock,
            dial,
            pool: Arc::new(Pool::new(version, settings.connections_max_idle, settings.idle_timeout)),
            sweep_every: settings.idle_timeout,
            tasks: Tasks::default(),
        }
    }

    /// The request that an attempt would send, with the whole URL, without sending it.
    ///
    /// # Errors
    /// [`Fault`]: these settings never send anything.
    pub fn request(
        &self,
        parcel: &Parcel,
    ) -> Result<http::Request<http_body_util::Full<bytes::Bytes>>, &Fault> {
        self.to.as_ref().map(|to| request::compose(to, parcel, Version::HTTP_2))
    }

    async fn attempt(&self, parcel: &Parcel) -> Outcome {
        let to = match &self.to {
            Ok(to) => to,
            Err(fault) => {
                return Outcome::Own {
                    class: ErrorClass::LocalConfig,
                    lasting: Lasting::Lasting,
                    detail: fault.to_string(),
                };
            }
        };
        let began = self.clock.tick();
        let mut watch = Stopwatch::start(began);
        match self.answer(to, parcel, began, &mut watch).await {
            Ok(reply) => Outcome::Answered(reply),
            Err(failure) => failure.outcome(&to.place, watch.read(self.clock.tick())),
        }
    }

    async fn answer(
        &self,
        to: &Destination,
        parcel: &Parcel,
        began: Tick,
        watch: &mut Stopwatch,
    ) -> Result<Reply, Failure> {
        let deadline = Tick(began.0 + self.timeouts.total);
        while let Some(connection) = self.pool.take(began) {
            let is_shared = matches!(connection, Connection::Shared(_));
            match self.exchange(to, parcel, connection, deadline, watch).await {
                Err(unmet) if unmet.resend == Resend::Harmless && is_shared => break,
                // The server had closed it: take the next.
                Err(unmet) if unmet.resend == Resend::Harmless => {}
                ended => return ended.map_err(|unmet| unmet.failure),
            }
        }
        // Boxed: it is rare and large, and every call would carry its size.
        let connection = Box::pin(self.connection(to, deadline, watch)).await?;
        self.exchange(to, parcel, connection, deadline, watch).await.map_err(|unmet| unmet.failure)
    }

    /// A new connection, or the one that somebody else has just made for everybody.
    async fn connection(
        &self,
        to: &Destination,
        deadline: Tick,
        watch: &mut Stopwatch,
    ) -> Result<Connection, Failure> {
        let now = self.clock.tick();
        let deadline = deadline.min(Tick(now.0 + self.timeouts.connect));
        let starter = self.tasks.starter();
        let connector =
            Connector { to, guard: &self.guard, dial: &*self.dial, clock: &*self.clock, tasks: &starter };
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
        let made = made.unwrap_or_else(|| Err(unconnected_in_time(watch.phase())))?;
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
        to: &Destination,
        parcel: &Parcel,
        connection: Connection,
        deadline: Tick,
        watch: &mut Stopwatch,
    ) -> Result<Reply, Unmet> {
        match connection {
            Connection::Single(single) => self.exchange_alone(to, parcel, single, deadline, watch).await,
            Connection::Shared(shared) => {
                Box::pin(self.exchange_among_others(to, parcel, shared, deadline, watch)).await
            }
        }
    }

    async fn exchange_alone(
        &self,
        to: &Destination,
        parcel: &Parcel,
        mut single: Box<Single>,
        deadline: Tick,
        watch: &mut Stopwatch,
    ) -> Result<Reply, Unmet> {
        let meter = single.meter();
        let before = meter.read();
        let mut alarm = std::mem::take(&mut single.alarm);
        let mut sent = pin!(single.send(request::compose(to, parcel, Version::HTTP_11)));
        let limit = (&mut alarm, &*self.clock, deadline);
        let stopped = match exchange::step(&mut *single, limit, |cx| sent.as_mut().poll(cx)).await {
            Ok(Ok(answer)) => {
                let (reply, rest, kept_for) =
                    self.read(answer, (&mut *single, &mut alarm), deadline, watch).await;
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
        to: &Destination,
        parcel: &Parcel,
        mut shared: Shared,
        deadline: Tick,
        watch: &mut Stopwatch,
    ) -> Result<Reply, Unmet> {
        let mut alarm = Alarm::default();
        let mut sent = pin!(shared.send(request::compose(to, parcel, Version::HTTP_2)));
        let limit = (&mut alarm, &*self.clock, deadline);
        match exchange::step(&mut Driven, limit, |cx| sent.as_mut().poll(cx)).await {
            Ok(Ok(answer)) => Ok(self.read(answer, (&mut Driven, &mut alarm), deadline, watch).await.0),
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
        deadline: Tick,
        watch: &mut Stopwatch,
    ) -> (Reply, Rest, Option<Duration>) {
        let since = self.clock.tick();
        watch.enter(Phase::Body, since);
        let (head, body) = answer.into_parts();
        let mut reply = answer::reply(&head, || self.clock.now());
        let limits = Limits { clock: &*self.clock, since, idle: self.timeouts.idle, deadline };
        let encoding = head.headers.get(header::CONTENT_ENCODING);
        let (kept, end, rest) = answer::read(body, encoding, by, limits).await;
        (reply.capture.body, reply.capture.end) = (kept, end);
        reply.timings = watch.read(self.clock.tick());
        (reply, rest, answer::kept_for(&head.headers))
    }
}

impl Target for HttpTarget {
    /// A parcel is one request; those of a batch go one after the other.
    fn deliver<'a>(&'a self, call: &'a Call) -> Promise<'a, Vec<Outcome>> {
        Box::pin(async move {
            let mut outcomes = Vec::with_capacity(call.parcels.len());
            for parcel in &call.parcels {
                outcomes.push(self.attempt(parcel).await);
            }
            outcomes
        })
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

fn unconnected_in_time(phase: Phase) -> Failure {
    match phase {
        Phase::Name => Failure::unsent(ErrorClass::LocalDns, "the resolver did not answer in time"),
        Phase::Tls => Failure::unsent(ErrorClass::TimeoutConnect, "the TLS handshake did not end in time"),
        Phase::Connect | Phase::Answer | Phase::Body => {
            Failure::unsent(ErrorClass::TimeoutConnect, "no connection in time")
        }
    }
}
