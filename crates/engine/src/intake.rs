//! Makes messages durable, then hands them to the lanes.

use crate::engine::Engine;
use crate::happened::{Happened, Refusal};
use crate::offer::{Novelty, Offer, Offered, Receipt};
use crate::route::{Ray, Route};
use crate::{deliver, route};
use contract::delivery::{Delivery, Standing, Suspicion};
use contract::store::{Accept, Accepted, Fault, Lease, Position, Start};
use contract::{DeliveryId, Message, MessageId, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

impl Engine {
    /// Makes a message durable. When this has been called the message is committed and delivered even if the caller goes away.
    ///
    /// # Errors
    /// [`Refusal`]: nothing was kept, unless it is `Unavailable`: then the process is ending and nobody knows.
    pub async fn accept(&self, offer: Offer) -> Result<Receipt, Refusal> {
        let name = offer.route.name.clone();
        let receipt = self.offered(offer).await;
        match &receipt {
            Ok(Receipt { novelty: Novelty::Repeated, .. }) => self.tell(&Happened::Repeated { route: &name }),
            Ok(_) => {}
            Err(why) => self.tell(&Happened::Refused { route: &name, why: *why }),
        }
        receipt
    }

    async fn offered(&self, offer: Offer) -> Result<Receipt, Refusal> {
        let permit = self.offers.try_reserve().map_err(|full| match full {
            mpsc::error::TrySendError::Full(()) => Refusal::Busy,
            mpsc::error::TrySendError::Closed(()) => Refusal::Unavailable,
        })?;
        let now = self.doors.clock.now();
        let entropy = &*self.doors.entropy;
        let own = offer.route.deadline.map(|within| now + within);
        let message = Arc::new(Message {
            id: MessageId::new(now, entropy),
            first: DeliveryId::base(now, entropy),
            tenant: offer.tenant,
            route: offer.route.name.clone(),
            received: now,
            deadline: own.into_iter().chain(offer.deadline).min(),
            headers: offer.headers,
            body: offer.body,
        });
        let deliveries = route::starts(&offer.route, &message, entropy).await?;
        let (reply, receipt) = oneshot::channel();
        permit.send(Offered {
            accept: Accept { message, deliveries, once: offer.once },
            route: offer.route,
            reply,
        });
        receipt.await.unwrap_or(Err(Refusal::Unavailable))
    }
}

/// A message whose commit is under way.
struct Waiting {
    message: Arc<Message>,
    /// How each delivery begins, by ordinal.
    standings: Vec<Standing>,
    route: Arc<Route>,
    reply: oneshot::Sender<Result<Receipt, Refusal>>,
}

/// Has the store keep what is offered, hands what is leased to the lanes, and answers.
pub(crate) async fn commit(engine: &Arc<Engine>, group: &mut Vec<Offered>) {
    if group.is_empty() {
        return;
    }
    let now = engine.doors.clock.now();
    let (mut waiting, mut batch) = (Vec::with_capacity(group.len()), Vec::with_capacity(group.len()));
    for Offered { mut accept, route, reply } in group.drain(..) {
        let standings = admit(&mut accept, &route, now);
        waiting.push(Waiting { message: Arc::clone(&accept.message), standings, route, reply });
        batch.push(accept);
    }
    match engine.doors.store.accept(engine.session(), batch).await {
        Ok(answers) => {
            for (waiting, answer) in waiting.into_iter().zip(answers) {
                answered(engine, waiting, answer);
            }
        }
        Err(fault) => {
            let why = match fault {
                Fault::Full => Refusal::Full,
                Fault::Fatal { .. } | Fault::Closed | Fault::Failed { .. } | Fault::Corrupt { .. } => {
                    Refusal::Unavailable
                }
            };
            engine.store_failed(&fault);
            for waiting in waiting {
                refuse(waiting, why);
            }
        }
    }
}

/// Asks each lane for room: what finds none starts on disk.
fn admit(accept: &mut Accept, route: &Route, now: Timestamp) -> Vec<Standing> {
    let bytes = accept.message.body.len();
    let begin = |(start, ray): (&mut Start, &Ray)| {
        if start.standing == Standing::Leased && !ray.lane.admit(bytes, now) {
            start.standing = Standing::Due(now);
        }
        start.standing
    };
    accept.deliveries.iter_mut().zip(&route.rays).map(begin).collect()
}

fn answered(engine: &Arc<Engine>, waiting: Waiting, answer: Accepted) {
    let receipt = match answer {
        Accepted::Conflict => return refuse(waiting, Refusal::Conflict),
        Accepted::Full => return refuse(waiting, Refusal::Full),
        Accepted::Same { id, first, targets } => {
            break_promises(&waiting);
            Receipt { id, first, targets: targets.into(), novelty: Novelty::Repeated }
        }
        Accepted::New { position, demoted } => {
            let (message, deliveries) = (&waiting.message, waiting.standings.len());
            engine.tell(&Happened::Accepted { message, deliveries });
            for ((standing, ray), ordinal) in waiting.standings.iter().zip(&waiting.route.rays).zip(0u16..) {
                let durable = Durable { message, position, id: message.first.at(ordinal) };
                begin(engine, ray, durable, *standing, demoted.contains(&ordinal));
            }
            // Only now: a look at what waits that was under way before may not have seen it.
            engine.deadlines.note(message.deadline);
            let targets = Arc::clone(&waiting.route.targets);
            Receipt { id: message.id, first: message.first, targets, novelty: Novelty::New }
        }
    };
    // A caller that went away does not need its receipt.
    drop(waiting.reply.send(Ok(receipt)));
}

/// A delivery that is durable now.
struct Durable<'a> {
    message: &'a Arc<Message>,
    position: Position,
    id: DeliveryId,
}

/// Hands a delivery to its lane if it is leased, and tells the lane if it is on disk.
fn begin(engine: &Arc<Engine>, ray: &Ray, durable: Durable<'_>, standing: Standing, demoted: bool) {
    let Durable { message, position, id } = durable;
    match standing {
        Standing::Leased if demoted => {
            ray.lane.break_promise(message.body.len());
            engine.put_on_disk(&ray.lane, message.received);
        }
        Standing::Leased => {
            let delivery = Delivery {
                id,
                target: ray.lane.name.clone(),
                shape: ray.shape,
                attempts: 0,
                run: 1,
                revision: 0,
                suspect: Suspicion::Clear,
            };
            let lease = Lease { position, delivery, message: Arc::clone(message), edit: None };
            if let Some(lease) = ray.lane.keep_promise(lease, engine.doors.clock.now()) {
                deliver::start(engine, &ray.lane, lease);
            }
        }
        Standing::Due(at) => engine.put_on_disk(&ray.lane, at),
        Standing::Delivered
        | Standing::Dead(_)
        | Standing::Cancelled
        | Standing::Expired
        | Standing::Skipped => {
            let (message, target, age) = (message.id, &ray.lane.name, Duration::ZERO);
            engine.tell(&Happened::Settled { message, delivery: id, target, standing, age });
        }
    }
}

fn refuse(waiting: Waiting, why: Refusal) {
    break_promises(&waiting);
    drop(waiting.reply.send(Err(why)));
}

fn break_promises(waiting: &Waiting) {
    let bytes = waiting.message.body.len();
    for (standing, ray) in waiting.standings.iter().zip(&waiting.route.rays) {
        if *standing == Standing::Leased {
            ray.lane.break_promise(bytes);
        }
    }
}
