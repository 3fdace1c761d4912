//! A target in a world of its own: the test's clock, and names that all lead to loopback.

use crate::clock::Manual;
use bytes::Bytes;
use connectors::http::dial::{Tcp, Unresolved};
use connectors::http::line::Line;
use connectors::http::{Dial, HttpTarget, Settings};
use contract::delivery::{ErrorClass, Suspicion};
use contract::message::Headers;
use contract::mould::Head;
use contract::target::{Call, Form, Keep, Outcome, Parcel, Reply, Target, Written};
use contract::{Clock, DeliveryId, Message, MessageId, Name, Promise, Timestamp};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

pub(crate) struct World {
    pub(crate) clock: Arc<Manual>,
    pub(crate) target: HttpTarget,
}

impl World {
    pub(crate) fn new(url: &str) -> Self {
        Self::with(url, |_| {})
    }

    pub(crate) fn with(url: &str, change: impl FnOnce(&mut Settings)) -> Self {
        let clock = Arc::new(Manual::new());
        Self::dialling(url, Arc::new(Names(Tcp::new(Arc::<Manual>::clone(&clock)))), clock, change)
    }

    pub(crate) fn dialling(
        url: &str,
        dial: Arc<dyn Dial>,
        clock: Arc<Manual>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = Settings::new(url.parse().unwrap());
        change(&mut settings);
        Self {
            target: HttpTarget::new(settings, Arc::<Manual>::clone(&clock) as Arc<dyn Clock>, dial),
            clock,
        }
    }

    pub(crate) async fn deliver(&self) -> Outcome {
        self.target.deliver(&call()).await.remove(0)
    }

    /// Delivers and expects an answer.
    pub(crate) async fn reply(&self) -> Reply {
        match self.deliver().await {
            Outcome::Answered(reply) => reply,
            other => panic!("no answer: {other:?}"),
        }
    }

    /// Delivers and expects the target's side to break.
    pub(crate) async fn breaks(&self) -> (ErrorClass, Written, String) {
        match self.deliver().await {
            Outcome::Broken { class, written, detail, .. } => (class, written, detail),
            other => panic!("not broken: {other:?}"),
        }
    }
}

/// The real network, but every name is this machine.
pub(crate) struct Names(pub(crate) Tcp);

impl Dial for Names {
    fn resolve<'a>(&'a self, _: &'a str) -> Promise<'a, Result<Arc<[IpAddr]>, Unresolved>> {
        Box::pin(async { Ok([IpAddr::from(Ipv4Addr::LOCALHOST)].into()) })
    }
    fn connect(&self, to: SocketAddr) -> Promise<'_, io::Result<Line>> {
        self.0.connect(to)
    }
}

pub(crate) const BODY: &str = r#"{"email":"a@example.com"}"#;

pub(crate) fn call() -> Call {
    let first = DeliveryId::from_bits(0x019a_0000_0000_7000_8000_0000_0000_0000);
    let message = Message {
        id: MessageId::from_bits(0x019a_0000_0000_7000_8000_0000_0000_0009),
        first,
        tenant: Name::default_tenant(),
        route: Name::try_new("signup").unwrap(),
        received: Timestamp::ZERO,
        deadline: None,
        headers: Headers::from_pairs([("content-type", b"application/json".as_slice())]),
        body: Bytes::from_static(BODY.as_bytes()),
    };
    let parcel = Parcel {
        id: first,
        revision: 0,
        attempt: 1,
        suspect: Suspicion::Clear,
        replay: None,
        at: Timestamp::from_micros(1_700_000_000_000_000),
        body: message.body.clone(),
        message: Arc::new(message),
        form: Form::Untouched,
        head: Head::default(),
        keep: Keep::default(),
    };
    Call { parcels: vec![parcel] }
}

/// Lets the runtime look at its sockets: it does so at least once in 61 turns.
pub(crate) async fn let_events_arrive() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}
