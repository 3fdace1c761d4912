//! A small world: one engine over one store, and a target that a test holds in its hand.

use bytes::Bytes;
use contract::clock::Tick;
use contract::delivery::{Capture, ShapeId, Standing, Timings};
use contract::expression::{Expression, Fault};
use contract::line::Priority;
use contract::message::Headers;
use contract::mould::Mould;
use contract::part::{Caller, Rule};
use contract::store::{Retention, Store};
use contract::target::{Call, Hints, Outcome, Reply, Target};
use contract::ticket::{Found, Ticket};
use contract::{Clock, DeliveryId, Entropy, MessageId, Name, Promise, Timestamp};
use engine::happened::{Happened, Listener, Refusal};
use engine::offer::{Offer, Receipt};
use engine::plan::{Compile, Plan, Report, RoutePlan, Shape, TargetPlan, Way};
use engine::policy::concurrency::Limit;
use engine::policy::retry::{Policy, Schedule};
use engine::policy::statuses::Statuses;
use engine::policy::{breaker, capture, rate};
use engine::{Doors, Engine, Settings};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

const BEGIN: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

/// The runtime's time, which a test may pause.
pub(crate) struct RuntimeClock(Instant);

impl RuntimeClock {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        BEGIN + self.0.elapsed()
    }
    fn tick(&self) -> Tick {
        Tick(self.0.elapsed())
    }
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn sleep(&self, time: Duration) -> Promise<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// Draws that are the same each time.
pub(crate) struct Counter(pub(crate) AtomicU64);

impl Entropy for Counter {
    fn bits(&self) -> u64 {
        self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)
    }
}

/// Passes everything on.
pub(crate) struct Same;

impl Expression for Same {
    fn evaluate(&self, input: Bytes) -> Promise<'_, Result<Bytes, Fault>> {
        Box::pin(std::future::ready(Ok(input)))
    }
}

impl Compile for Same {
    fn compile(&self, _: &str) -> Option<Arc<dyn Mould>> {
        Some(Arc::new(Self))
    }
}

impl Report for Same {
    fn report(&self, _: &Ticket) -> Bytes {
        Bytes::from_static(b"{}")
    }
}

/// A target that says when it is called, and answers when it may.
pub(crate) struct Hand {
    pub(crate) status: AtomicU16,
    /// Seconds of `Retry-After`; 0: none.
    pub(crate) retry_after: AtomicU64,
    pub(crate) may_answer: Semaphore,
    called: mpsc::UnboundedSender<DeliveryId>,
}

impl Target for Hand {
    fn deliver<'a>(&'a self, call: &'a Call) -> Promise<'a, Vec<Outcome>> {
        Box::pin(async move {
            for parcel in &call.parcels {
                self.called.send(parcel.id).ok();
            }
            self.may_answer.acquire().await.unwrap().forget();
            let wait = Duration::from_secs(self.retry_after.load(Ordering::SeqCst));
            let reply = Reply {
                status: self.status.load(Ordering::SeqCst),
                counts_as: None,
                hints: Hints { wait: (!wait.is_zero()).then_some(wait), ..Hints::default() },
                location: None,
                capture: Capture::default(),
                timings: Timings::default(),
            };
            call.parcels.iter().map(|_| Outcome::Answered(reply.clone())).collect()
        })
    }
}

struct Ear(mpsc::UnboundedSender<(DeliveryId, Standing)>);

impl Listener for Ear {
    fn on(&self, happened: &Happened<'_>) {
        if let Happened::Settled { delivery, standing, .. } = happened {
            self.0.send((*delivery, *standing)).ok();
        }
    }
}

/// All of it: the route `signup` goes to the target `crm`, one call at a time, two attempts 5 seconds apart.
pub(crate) struct Small {
    pub(crate) engine: Arc<Engine>,
    pub(crate) hand: Arc<Hand>,
    pub(crate) called: mpsc::UnboundedReceiver<DeliveryId>,
    pub(crate) settled: mpsc::UnboundedReceiver<(DeliveryId, Standing)>,
    route: Arc<engine::route::Route>,
}

/// How the target is treated.
#[derive(Clone, Copy, Default)]
pub(crate) struct Manners {
    /// With one it is disabled after an hour of failing.
    pub(crate) breaker: Option<breaker::Policy>,
    pub(crate) rate: Option<rate::Limit>,
    /// None: one call at a time, with a breaker eight.
    pub(crate) concurrency: Option<Limit>,
    pub(crate) credentials: u16,
}

impl Small {
    pub(crate) async fn start(store: Arc<dyn Store>, clock: Arc<dyn Clock>, retention: Retention) -> Self {
        Self::mannered(store, clock, retention, Manners::default()).await
    }

    pub(crate) async fn mannered(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        retention: Retention,
        manners: Manners,
    ) -> Self {
        let (tell, settled) = mpsc::unbounded_channel();
        let (call, called) = mpsc::unbounded_channel();
        let doors = Doors {
            clock,
            entropy: Arc::new(Counter(AtomicU64::new(1))),
            store,
            compile: Arc::new(Same),
            report: Arc::new(Same),
            listeners: vec![Arc::new(Ear(tell))],
        };
        let engine = Engine::start(doors, Settings { retention, ..Settings::default() }).await.unwrap();
        let hand = Arc::new(Hand {
            status: AtomicU16::new(200),
            retry_after: AtomicU64::new(0),
            may_answer: Semaphore::new(0),
            called: call,
        });
        let route = configure(&engine, &hand, &[crm()], None, manners).await;
        Self { engine, hand, called, settled, route }
    }

    /// Another configuration, which shapes the body like this.
    pub(crate) async fn shape(&mut self, id: Option<u64>) {
        self.route = configure(&self.engine, &self.hand, &[crm()], id, Manners::default()).await;
    }

    /// Another configuration, in which the route goes to these targets; gives the route as it was.
    pub(crate) async fn route_to(&mut self, targets: &[Name]) -> Arc<engine::route::Route> {
        let route = configure(&self.engine, &self.hand, targets, None, Manners::default()).await;
        std::mem::replace(&mut self.route, route)
    }

    pub(crate) async fn send(&self) -> Receipt {
        self.send_within(None).await
    }

    pub(crate) async fn send_urgent(&self, priority: Priority) -> Receipt {
        self.offer(Offer { priority: Some(priority), ..self.plain() }).await.unwrap()
    }

    pub(crate) async fn offer(&self, offer: Offer) -> Result<Receipt, Refusal> {
        self.engine.accept(offer).await
    }

    /// With a deadline so far away.
    pub(crate) async fn send_within(&self, time: Option<Duration>) -> Receipt {
        let deadline = time.map(|time| self.engine.clock().now() + time);
        self.offer(Offer { deadline, ..self.plain() }).await.unwrap()
    }

    /// By the route of another configuration.
    pub(crate) async fn send_by(&self, route: &Arc<engine::route::Route>) -> Receipt {
        self.offer(Offer { route: Arc::clone(route), ..self.plain() }).await.unwrap()
    }

    /// A message that asks for nothing.
    pub(crate) fn plain(&self) -> Offer {
        Offer {
            tenant: tenant(),
            route: Arc::clone(&self.route),
            headers: Headers::default(),
            body: Bytes::from_static(b"{}"),
            once: None,
            key: None,
            deadline: None,
            not_before: None,
            priority: None,
            caller: Caller::Away,
        }
    }

    pub(crate) async fn standing(&self, id: MessageId) -> Option<Standing> {
        match self.engine.store().ticket(&tenant(), id).await.unwrap() {
            Found::Here(ticket) => Some(ticket.deliveries[0].standing),
            Found::Gone | Found::Unknown => None,
        }
    }

    /// Time passes, and whatever is to be done meanwhile is done.
    pub(crate) async fn wait(&self, time: Duration) {
        self.engine.clock().sleep(time).await;
    }
}

async fn configure(
    engine: &Arc<Engine>,
    hand: &Arc<Hand>,
    to: &[Name],
    shape: Option<u64>,
    Manners { breaker, rate, concurrency, credentials }: Manners,
) -> Arc<engine::route::Route> {
    let usual = Limit::Fixed(if breaker.is_some() { 8 } else { 1 });
    let shape =
        shape.map(|id| Shape { id: ShapeId(id), text: format!("shape {id}").into(), mould: Arc::new(Same) });
    let target = |name: &Name| TargetPlan {
        name: name.clone(),
        retry: Policy::try_new(Schedule::List(vec![Duration::ZERO, Duration::from_secs(5)]), 0.0).unwrap(),
        statuses: Statuses::default(),
        breaker,
        capture: capture::Policy::default(),
        disable_after: breaker.map(|_| Duration::from_hours(1)),
        credentials,
        host: None,
        concurrency: concurrency.unwrap_or(usual),
        rate,
        order: engine::policy::order::Policy::default(),
        when: None,
        shape: shape.clone(),
        target: Arc::<Hand>::clone(hand),
    };
    let name = Name::try_new("signup").unwrap();
    let route = RoutePlan {
        name,
        to: to.iter().cloned().map(Way::to).collect(),
        rule: Rule::All,
        primary: None,
        deadline: None,
        priority: Priority::Normal,
        key: None,
    };
    engine
        .apply(Plan { routes: vec![route], targets: to.iter().map(target).collect() })
        .await
        .unwrap()
        .remove(0)
}

pub(crate) fn tenant() -> Name {
    Name::default_tenant()
}

pub(crate) fn crm() -> Name {
    Name::try_new("crm").unwrap()
}

/// Lets a call begin and then drops it, as a server does when its client hangs up.
pub(crate) fn hang_up<T>(call: impl Future<Output = T>) {
    let mut call: Pin<Box<dyn Future<Output = T> + '_>> = Box::pin(call);
    let begun = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(begun, Poll::Pending), "it was over before anybody could hang up");
}
