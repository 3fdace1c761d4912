//! Makes messages durable, then hands them to the lanes.

use crate::engine::Engine;
use crate::happened::{Happened, Refusal};
use crate::offer::{Novelty, Offer, Offered, Receipt};
use crate::route::{Ray, Route, Wish};
use crate::{deliver, route};
use contract::delivery::{Delivery, Standing, Suspicion};
use contract::line::{Line, Priority, Turn};
use contract::part::{Audience, Caller};
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
        let mut deadline = own.into_iter().chain(offer.deadline).min();
        if deadline.is_some_and(|deadline| deadline <= offer.not_before.unwrap_or(now).max(now)) {
            if offer.once.is_none() {
                return Err(Refusal::NeverSent);
            }
            // It may repeat a message that could be sent: that has its ticket. The store keeps nothing with this deadline.
            deadline = Some(now);
        }
        let message = Arc::new(Message {
            id: MessageId::new(now, entropy),
            first: DeliveryId::base(now, entropy),
            tenant: offer.tenant,
            route: offer.route.name.clone(),
            received: now,
            deadline,
            headers: offer.headers,
            body: offer.body,
        });
        let priority = offer.priority.unwrap_or(offer.route.priority);
        let deliveries = route::starts(
            &offer.route,
            &message,
            offer.key,
            Wish { priority, not_before: offer.not_before, caller: offer.caller },
            entropy,
        )
        .await?;
        let (reply, receipt) = oneshot::channel();
        permit.send(Offered {
            accept: Accept { message, deliveries, once: offer.once, rule: offer.route.rule },
            route: offer.route,
            priority,
            caller: offer.caller,
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
    priority: Priority,
    caller: Caller,
}

/// Has the store keep what is offered, answers, and hands what is leased to the lanes.
pub(crate) async fn commit(engine: &Arc<Engine>, group: &mut Vec<Offered>) {
    if group.is_empty() {
        return;
    }
    let now = engine.doors.clock.now();
    let (mut waiting, mut replies) = (Vec::with_capacity(group.len()), Vec::with_capacity(group.len()));
    let mut batch = Vec::with_capacity(group.len());
    for Offered { mut accept, route, priority, caller, reply } in group.drain(..) {
        let standings = admit(&mut accept, &route, now);
        waiting.push(Waiting { message: Arc::clone(&accept.message), standings, route, priority, caller });
        replies.push(reply);
        batch.push(accept);
    }
    match engine.doors.store.accept(engine.session(), batch).await {
        Ok(answers) => {
            // Everybody is answered before the first courier starts: callers come back while the couriers work.
            for ((waiting, reply), answer) in waiting.iter().zip(replies).zip(&answers) {
                // A caller that went away does not need its receipt.
                drop(reply.send(receipt(engine, waiting, answer)));
            }
            for (waiting, answer) in waiting.iter().zip(&answers) {
                match answer {
                    Accepted::New { position, demoted } => deliver_all(engine, waiting, *position, demoted),
                    Accepted::Same { .. } | Accepted::Conflict | Accepted::NeverSent | Accepted::Full => {
                        break_promises(waiting);
                    }
                }
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
            waiting.iter().for_each(break_promises);
            for reply in replies {
                drop(reply.send(Err(why)));
            }
        }
    }
}

/// Asks each lane for room: what finds none starts on disk.
fn admit(accept: &mut Accept, route: &Route, now: Timestamp) -> Vec<Standing> {
    let bytes = accept.message.body.len();
    let begin = |(start, ray): (&mut Start, &Ray)| {
        let line = first(start.priority);
        if start.standing == Standing::Leased && !ray.lane.admit(line, bytes, now) {
            start.standing = Standing::Due(now);
        }
        start.standing
    };
    accept.deliveries.iter_mut().zip(&route.rays).map(begin).collect()
}

fn receipt(engine: &Engine, waiting: &Waiting, answer: &Accepted) -> Result<Receipt, Refusal> {
    let Waiting { message, standings, route, .. } = waiting;
    match answer {
        Accepted::Conflict => Err(Refusal::Conflict),
        Accepted::NeverSent => Err(Refusal::NeverSent),
        Accepted::Full => Err(Refusal::Full),
        Accepted::Same { id, first, targets } => {
            let targets = targets.as_slice().into();
            Ok(Receipt { id: *id, first: *first, targets, novelty: Novelty::Repeated })
        }
        Accepted::New { .. } => {
            engine.tell(&Happened::Accepted { message, deliveries: standings.len() });
            let targets = Arc::clone(&route.targets);
            Ok(Receipt { id: message.id, first: message.first, targets, novelty: Novelty::New })
        }
    }
}

/// Begins every delivery of a message that is durable now.
fn deliver_all(engine: &Arc<Engine>, waiting: &Waiting, position: Position, demoted: &[u16]) {
    let Waiting { message, standings, route, priority, caller } = waiting;
    for ((standing, ray), ordinal) in standings.iter().zip(&route.rays).zip(0u16..) {
        let (id, audience) = (message.first.at(ordinal), route.audience(ordinal, ray, *caller));
        let durable = Durable { message, position, id, priority: *priority, audience };
        begin(engine, ray, durable, *standing, demoted.contains(&ordinal));
    }
    // Only now: a look at what waits that was under way before may not have seen it.
    engine.deadlines.note(message.deadline);
}

/// A delivery that is durable now.
struct Durable<'a> {
    message: &'a Arc<Message>,
    position: Position,
    id: DeliveryId,
    priority: Priority,
    audience: Audience,
}

/// Where what was never tried waits.
const fn first(priority: Priority) -> Line {
    Line { priority, turn: Turn::First }
}

/// Hands a delivery to its lane if it is leased, and tells the lane if it is on disk.
fn begin(engine: &Arc<Engine>, ray: &Ray, durable: Durable<'_>, standing: Standing, demoted: bool) {
    let Durable { message, position, id, priority, audience } = durable;
    match standing {
        Standing::Leased if demoted => {
            ray.lane.break_promise(message.body.len());
            engine.put_on_disk(&ray.lane, first(priority), message.received);
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
                duty: ray.part.duty,
                audience,
                priority,
            };
            let lease = Lease { position, delivery, message: Arc::clone(message), edit: None };
            let next = ray.lane.keep_promise(lease, engine.doors.clock.now());
            deliver::go_on(engine, &ray.lane, next);
        }
        Standing::Due(at) => engine.put_on_disk(&ray.lane, first(priority), at),
        Standing::Waiting => {}
        Standing::Delivered
        | Standing::Dead(_)
        | Standing::Cancelled
        | Standing::Expired
        | Standing::Skipped
        | Standing::Unmet => {
            let (message, target, age) = (message.id, &ray.lane.name, Some(Duration::ZERO));
            engine.tell(&Happened::Settled { message, delivery: id, target, standing, age });
        }
    }
}

fn break_promises(waiting: &Waiting) {
    let bytes = waiting.message.body.len();
    for (standing, ray) in waiting.standings.iter().zip(&waiting.route.rays) {
        if *standing == Standing::Leased {
            ray.lane.break_promise(bytes);
        }
    }
}
