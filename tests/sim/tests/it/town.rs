//! A town: the real engine, a store and the real HTTP target over a network in memory, in virtual time; a test tells its story.

use crate::small::{Counter, RuntimeClock, Same};
use bytes::Bytes;
use connectors::http::dial::Unresolved;
use connectors::http::line::Line;
use connectors::http::{Dial, HttpTarget, Settings as HttpSettings};
use contract::delivery::Standing;
use contract::line::Priority;
use contract::message::Headers;
use contract::part::{Caller, Rule};
use contract::store::Store;
use contract::{Clock, DeliveryId, Entropy, Name, Promise, Timestamp};
use engine::happened::{Happened, Listener};
use engine::offer::{Offer, Receipt};
use engine::plan::{Plan, RoutePlan, TargetPlan, Way};
use engine::policy::breaker::{self, Turn};
use engine::policy::concurrency::Limit;
use engine::policy::rate;
use engine::policy::retry::{Policy, Schedule};
use engine::policy::statuses::Statuses;
use engine::route::Route;
use engine::{Doors, Engine, Settings};
use parking_lot::Mutex;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinSet;

/// What an API does with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    /// Answers with a status after a time.
    Answer(u16, Duration),
    /// Takes the request and never answers.
    Hang,
}

/// What an API is asked.
pub(crate) struct Asked<'a> {
    pub(crate) at: Timestamp,
    pub(crate) body: &'a Bytes,
    /// Calls that it has in hand, this one included.
    pub(crate) flying: usize,
}

/// How an API answers.
pub(crate) type Manner = Arc<dyn Fn(&Asked<'_>) -> Does + Send + Sync>;

/// One call as its API saw it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) began: Timestamp,
    pub(crate) id: DeliveryId,
    pub(crate) body: Bytes,
    /// None: it is not answered.
    pub(crate) ended: Option<(Timestamp, u16)>,
}

/// One target, how it is treated, and the API behind it.
#[derive(Clone)]
pub(crate) struct House {
    pub(crate) name: &'static str,
    pub(crate) manner: Manner,
    /// When nobody listens.
    pub(crate) away: Option<(Timestamp, Timestamp)>,
    pub(crate) concurrency: Limit,
    pub(crate) rate: Option<rate::Limit>,
    pub(crate) breaker: Option<breaker::Policy>,
    pub(crate) waits: Vec<Duration>,
}

impl House {
    /// Answers everything with 200 after 50 ms; eight calls at once; the usual breaker.
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            manner: Arc::new(|_| Does::Answer(200, Duration::from_millis(50))),
            away: None,
            concurrency: Limit::Fixed(8),
            rate: None,
            breaker: Some(breaker::Policy::default()),
            waits: vec![Duration::ZERO; 8],
        }
    }

    fn is_away(&self, now: Timestamp) -> bool {
        self.away.is_some_and(|(from, until)| (from..until).contains(&now))
    }
}

/// What the engine has told.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) switched: Vec<(Timestamp, Name, Turn)>,
    /// The status of each attempt, if it had one.
    pub(crate) attempts: Vec<(Timestamp, Option<u16>)>,
    pub(crate) settled: Vec<(Timestamp, DeliveryId, Standing)>,
}

struct Ear {
    clock: Arc<RuntimeClock>,
    told: Arc<Mutex<Told>>,
}

impl Listener for Ear {
    fn on(&self, happened: &Happened<'_>) {
        let (now, mut told) = (self.clock.now(), self.told.lock());
        if let Happened::Switched { target, turn, .. } = happened {
            told.switched.push((now, (*target).clone(), *turn));
        }
        if let Happened::Attempted { attempt, .. } = happened {
            told.attempts.push((now, attempt.result.status()));
        }
        if let Happened::Settled { delivery, standing, .. } = happened
            && standing.is_final()
        {
            told.settled.push((now, *delivery, *standing));
        }
    }
}

/// The network, and the APIs at its ends.
struct Streets {
    clock: Arc<RuntimeClock>,
    houses: Vec<House>,
    calls: Vec<Arc<Mutex<Vec<Call>>>>,
    flying: Vec<Arc<AtomicUsize>>,
    open: Mutex<JoinSet<()>>,
}

impl Dial for Streets {
    fn resolve<'a>(&'a self, host: &'a str) -> Promise<'a, Result<Arc<[IpAddr]>, Unresolved>> {
        let number = self.houses.iter().position(|house| host == format!("{}.test", house.name));
        let address = number.and_then(|number| u8::try_from(number).ok());
        let address = address.map(|number| IpAddr::from(Ipv4Addr::new(10, 0, 0, number)));
        Box::pin(async move { address.map(|one| [one].into()).ok_or(Unresolved::NoSuchName) })
    }

    fn connect(&self, to: SocketAddr) -> Promise<'_, io::Result<Line>> {
        let number = match to.ip() {
            IpAddr::V4(address) => usize::from(address.octets()[3]),
            IpAddr::V6(_) => return Box::pin(async { Err(io::ErrorKind::AddrNotAvailable.into()) }),
        };
        let house = &self.houses[number];
        if house.is_away(self.clock.now()) {
            return Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) });
        }
        let (near, far) = tokio::io::duplex(4096);
        let (calls, flying) = (Arc::clone(&self.calls[number]), Arc::clone(&self.flying[number]));
        let mut open = self.open.lock();
        while open.try_join_next().is_some() {}
        open.spawn(serve(far, Arc::clone(&self.clock), house.clone(), (calls, flying)));
        Box::pin(async { Ok(Line::other(near)) })
    }
}

/// Serves one connection until one side has gone.
async fn serve(
    mut line: DuplexStream,
    clock: Arc<RuntimeClock>,
    house: House,
    (calls, flying): (Arc<Mutex<Vec<Call>>>, Arc<AtomicUsize>),
) {
    let mut buffer = Vec::new();
    while let Some((id, body)) = request(&mut line, &mut buffer).await {
        let began = clock.now();
        if house.is_away(began) {
            return;
        }
        let place = {
            let mut calls = calls.lock();
            calls.push(Call { began, id, body: body.clone(), ended: None });
            calls.len() - 1
        };
        let asked = Asked { at: began, body: &body, flying: flying.fetch_add(1, Ordering::SeqCst) + 1 };
        let Does::Answer(status, after) = (house.manner)(&asked) else {
            return std::future::pending().await;
        };
        clock.sleep(after).await;
        flying.fetch_sub(1, Ordering::SeqCst);
        calls.lock()[place].ended = Some((clock.now(), status));
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
        if line.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn request(line: &mut DuplexStream, buffer: &mut Vec<u8>) -> Option<(DeliveryId, Bytes)> {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            let length = end + 4 + field("content-length: ").map_or(0, |length| length.parse().unwrap());
            if buffer.len() >= length {
                let body = Bytes::copy_from_slice(&buffer[end + 4..length]);
                buffer.drain(..length);
                return Some((field("webhook-id: ")?.parse().ok()?, body));
            }
        }
        if line.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// All of it: one route for each house, by its name, and the route `all` to every one. A body is its message's order key.
pub(crate) struct Town {
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Arc<RuntimeClock>,
    pub(crate) told: Arc<Mutex<Told>>,
    streets: Arc<Streets>,
    routes: Vec<Arc<Route>>,
}

impl Town {
    pub(crate) async fn start(
        seed: u64,
        store: Arc<dyn Store>,
        clock: Arc<RuntimeClock>,
        houses: Vec<House>,
    ) -> Self {
        let told = Arc::default();
        let ear = Ear { clock: Arc::clone(&clock), told: Arc::clone(&told) };
        let doors = Doors {
            clock: Arc::<RuntimeClock>::clone(&clock),
            entropy: Arc::new(Counter(AtomicU64::new(seed))) as Arc<dyn Entropy>,
            store,
            compile: Arc::new(Same),
            report: Arc::new(Same),
            listeners: vec![Arc::new(ear)],
        };
        let engine = Engine::start(doors, Settings::default()).await.unwrap();
        let calls = houses.iter().map(|_| Arc::default()).collect();
        let flying = houses.iter().map(|_| Arc::default()).collect();
        let streets = Streets { clock: Arc::clone(&clock), houses, calls, flying, open: Mutex::default() };
        let mut town = Self { engine, clock, told, streets: Arc::new(streets), routes: Vec::new() };
        town.routes = town.engine.apply(town.plan()).await.unwrap();
        town
    }

    fn plan(&self) -> Plan {
        let houses = &self.streets.houses;
        let route = |route: &str, to: &[House]| RoutePlan {
            name: name(route),
            to: to.iter().map(|house| Way::to(name(house.name))).collect(),
            primary: None,
            rule: Rule::All,
            deadline: None,
            priority: Priority::Normal,
            key: Some(Arc::new(Same)),
        };
        let mut routes: Vec<RoutePlan> =
            houses.iter().map(|house| route(house.name, std::slice::from_ref(house))).collect();
        routes.push(route("all", houses));
        Plan { routes, targets: houses.iter().map(|house| self.target(house)).collect() }
    }

    fn target(&self, house: &House) -> TargetPlan {
        let mut settings = HttpSettings::new(format!("http://{}.test/hook", house.name).parse().unwrap());
        settings.timeouts.total = Duration::from_secs(10);
        let (clock, dial) = (Arc::<RuntimeClock>::clone(&self.clock), Arc::<Streets>::clone(&self.streets));
        TargetPlan {
            name: name(house.name),
            retry: Policy::try_new(Schedule::List(house.waits.clone()), 0.2).unwrap(),
            statuses: Statuses::default(),
            breaker: house.breaker,
            disable_after: None,
            credentials: 0,
            host: None,
            concurrency: house.concurrency,
            rate: house.rate,
            order: engine::policy::order::Policy::default(),
            when: None,
            shape: None,
            target: Arc::new(HttpTarget::new(settings, clock, dial)),
        }
    }

    /// Sends a message with a key, or `null` for none.
    pub(crate) async fn send(&self, route: &str, key: &str) -> Receipt {
        let place = self.streets.houses.iter().position(|house| house.name == route);
        let route = Arc::clone(&self.routes[place.unwrap_or(self.routes.len() - 1)]);
        let offer = Offer {
            tenant: Name::default_tenant(),
            route,
            headers: Headers::default(),
            body: Bytes::copy_from_slice(key.as_bytes()),
            once: None,
            key: None,
            deadline: None,
            not_before: None,
            priority: None,
            caller: Caller::Away,
        };
        self.engine.accept(offer).await.unwrap()
    }

    /// Every call so far, in order of its begin.
    pub(crate) fn calls(&self, house: &str) -> Vec<Call> {
        let place = self.streets.houses.iter().position(|one| one.name == house).unwrap();
        self.streets.calls[place].lock().clone()
    }

    /// Calls that a target may have at once, as configured or as learned.
    pub(crate) fn concurrency(&self, house: &str) -> usize {
        let views = self.engine.views();
        views.iter().find(|view| view.name == name(house)).and_then(|view| view.concurrency).unwrap()
    }

    pub(crate) async fn wait(&self, time: Duration) {
        tokio::select! {
            why = self.engine.failure() => panic!("the engine has failed: {why}"),
            () = self.clock.sleep(time) => {}
        }
    }
}

pub(crate) fn name(text: &str) -> Name {
    Name::try_new(text).unwrap()
}

/// The most that were in flight together.
pub(crate) fn most_at_once(calls: &[Call]) -> usize {
    let mut marks: Vec<(Timestamp, i32)> = calls.iter().map(|call| (call.began, 1)).collect();
    marks.extend(calls.iter().filter_map(|call| call.ended).map(|(ended, _)| (ended, -1)));
    marks.sort();
    let (mut now, mut most) = (0, 0);
    for (_, mark) in marks {
        now += mark;
        most = most.max(now);
    }
    usize::try_from(most).unwrap()
}

/// The most that began within `time`.
pub(crate) fn most_within(calls: &[Call], time: Duration) -> usize {
    let from = |first: usize| {
        calls[first..].iter().take_while(move |call| call.began.since(calls[first].began) < time)
    };
    (0..calls.len()).map(|first| from(first).count()).max().unwrap_or_default()
}
