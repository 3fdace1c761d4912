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
pub mod auth;
mod base64;
mod bell;
pub mod capture;
mod classify;
mod client;
mod connect;
mod destination;
pub mod dial;
mod exchange;
mod fields;
pub mod guard;
pub mod hints;
pub mod line;
mod percent;
mod pool;
mod request;
pub mod settings;
mod shared;
pub mod sign;
mod single;
mod stopwatch;
mod tasks;
mod tls;
mod unresolved;

pub use auth::Auth;
pub use destination::Fault;
pub use dial::Dial;
pub use guard::Guard;
pub use settings::Settings;
pub use tls::Fault as TlsFault;

use classify::Failure;
use client::Client;
use contract::delivery::ErrorClass;
use contract::target::{Call, Lasting, Outcome, Parcel, Reply, Target};
use contract::{Clock, Promise, Tick};
use destination::Destination;
use http::{Request, Version};
use std::sync::Arc;
use stopwatch::Stopwatch;

/// An HTTP API as a target. Cheap per call: an open HTTP/1 connection is driven by the call itself. Tasks belong to the target and
/// end when it is dropped; so `deliver` must be called inside a tokio runtime.
pub struct HttpTarget {
    client: Result<Client, Fault>,
    clock: Arc<dyn Clock>,
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
        Self { client: to.map(|to| Client::new(to, &settings, Arc::clone(&clock), dial)), clock }
    }

    async fn attempt(&self, parcel: &Parcel) -> Outcome {
        let client = match &self.client {
            Ok(client) => client,
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
        match answer(client, parcel, began, &mut watch).await {
            Ok(reply) => Outcome::Answered(reply),
            Err(failure) => failure.outcome(&client.to.place, watch.read(self.clock.tick())),
        }
    }
}

async fn answer(
    client: &Client,
    parcel: &Parcel,
    began: Tick,
    watch: &mut Stopwatch,
) -> Result<Reply, Failure> {
    let write = |version| request(&client.to, parcel, version);
    client.send(&write, client.deadline(began), watch).await
}

/// The request for a parcel, with what proves who sends it.
fn request(to: &Destination, parcel: &Parcel, version: Version) -> Result<Request<request::Body>, Failure> {
    let mut request = request::compose(to, parcel, version);
    sign::sign(&to.keys, request.headers_mut(), &parcel.body);
    to.credential.prove(&mut request)?;
    Ok(request)
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
