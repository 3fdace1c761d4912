//! Makes one attempt of a delivery: shapes the message, calls the target, judges what happened.

use crate::dispatch::lane::{self, After, Ended, Lane, Next};
use crate::done::Done;
use crate::engine::Engine;
use crate::happened::Happened;
use crate::plan::TargetPlan;
use crate::policy::audience;
use crate::policy::breaker::End;
use crate::policy::concurrency::Sign;
use crate::policy::statuses::Weight;
use crate::shape::{ShapeError, own};
use crate::verdict::{self, Facts, Judgement, Proven, Refused};
use bytes::Bytes;
use contract::delivery::{Attempt, AttemptResult, CaptureEnd, Delivery, ErrorClass, Standing, Timings};
use contract::mould::{Head, Original};
use contract::part::Duty;
use contract::query::Edit;
use contract::store::Lease;
use contract::target::{Call, Form, Keep, Lasting, Outcome, Parcel};
use contract::ticket::Found;
use contract::{Message, Timestamp};
use std::sync::Arc;

/// The status that says: too many requests.
const TOO_MANY: u16 = 429;

/// Sends a courier on its way.
pub(crate) fn start(engine: &Arc<Engine>, lane: &Arc<Lane>, lease: Lease) {
    engine.couriers.spawn(courier(Arc::clone(engine), Arc::clone(lane), lease));
}

/// Gives a lease to its lane: it starts now or waits there.
pub(crate) fn offer(engine: &Arc<Engine>, lane: &Arc<Lane>, lease: Lease) {
    let deadline = lease.deadline();
    let next = lane.offer(lease, engine.doors.clock.now());
    if next.lease.is_none() {
        engine.deadlines.note(deadline);
    }
    go_on(engine, lane, next);
}

/// Starts what may start; wakes the dispatcher if it must know when the next may.
pub(crate) fn go_on(engine: &Arc<Engine>, lane: &Arc<Lane>, next: Next) {
    if next.wake {
        engine.wake.wake();
    }
    if let Some(lease) = next.lease {
        start(engine, lane, lease);
    }
}

/// Carries deliveries of one lane, one after the other, until none may go.
async fn courier(engine: Arc<Engine>, lane: Arc<Lane>, mut lease: Lease) {
    loop {
        let bytes = lane::weight(&lease);
        let (done, sign) = carry(&engine, &lane, lease).await;
        engine.settle(done).await;
        let After { next, keep } = lane.next(&Ended { bytes, sign }, engine.doors.clock.now());
        if keep {
            engine.keep.wake();
        }
        if next.wake {
            engine.wake.wake();
        }
        match next.lease {
            Some(next) => lease = next,
            None => return,
        }
    }
}

async fn carry(engine: &Arc<Engine>, lane: &Arc<Lane>, lease: Lease) -> (Done, Sign) {
    let began = engine.doors.clock.now();
    let Some(plan) = lane.plan() else {
        // The target left the configuration while this was on its way: back to the disk, to be held there.
        return (Done::new(lane, &lease, None, Standing::Due(began)), Sign::Nothing);
    };
    if lease.deadline().is_some_and(|deadline| began > deadline) {
        return (Done::new(lane, &lease, None, Standing::Expired), Sign::Nothing);
    }
    let Some(outcome) = attempt(engine, &plan, &lease, began).await else {
        return (Done::new(lane, &lease, None, Standing::Due(began)), Sign::Nothing);
    };
    let judgement = judge(engine, lane, &plan, &lease, &outcome);
    let end = End { sign: verdict::sign(&outcome, &plan.statuses), began, now: engine.doors.clock.now() };
    engine.apply_effect(lane, &plan, end, judgement.effect);
    let sign = sign(&plan, &outcome);
    let outcome = kept(&plan, &lease.delivery, outcome, judgement.class);
    (record(engine, lane, lease, began, outcome, judgement), sign)
}

/// The outcome with as much of an answer's body as the target's policy keeps. What others read is kept for them.
fn kept(plan: &TargetPlan, delivery: &Delivery, mut outcome: Outcome, class: Option<ErrorClass>) -> Outcome {
    let share = if class.is_none() { plan.capture.success } else { plan.capture.failure };
    if let Outcome::Answered(reply) = &mut outcome
        && !reply.capture.body.is_empty()
        && !delivery.audience.is_there()
        && !share.holds(delivery.id)
    {
        (reply.capture.body, reply.capture.end) = (Bytes::new(), CaptureEnd::NotKept);
    }
    outcome
}

/// What an outcome says about how busy the target is.
fn sign(plan: &TargetPlan, outcome: &Outcome) -> Sign {
    match outcome {
        Outcome::Answered(reply) if reply.counted() == TOO_MANY => Sign::TooMuch,
        Outcome::Answered(reply) => match plan.statuses.weigh(reply.counted()) {
            Weight::Success => Sign::Well(reply.timings.first_byte),
            Weight::Retry => Sign::Unwell,
            Weight::Gone | Weight::Refuse | Weight::Redirect | Weight::Auth => Sign::Nothing,
        },
        Outcome::Broken { .. } => Sign::Unwell,
        Outcome::Own { .. } => Sign::Nothing,
    }
}

/// None: it is not the time to tell.
async fn attempt(engine: &Engine, plan: &TargetPlan, lease: &Lease, began: Timestamp) -> Option<Outcome> {
    let Content { message, body, form, head } = match content(engine, lease).await {
        Ok(content) => content,
        Err(outcome) => return outcome,
    };
    let revision = match lease.delivery.duty {
        // Each run of a message is told with a body of its own.
        Duty::Callback => lease.delivery.run - 1,
        Duty::Required | Duty::Optional | Duty::Undo(_) | Duty::Replay(_) => lease.delivery.revision,
    };
    let parcel = Parcel {
        id: lease.delivery.id,
        revision,
        attempt: lease.delivery.attempts + 1,
        suspect: lease.delivery.suspect,
        replay: lease.delivery.duty.replay(),
        at: began,
        message,
        body,
        form,
        head,
        keep: if lease.delivery.audience.is_there() { Keep::Whole } else { Keep::Beginning },
    };
    let outcomes = plan.target.deliver(&Call { parcels: vec![parcel] }).await;
    let none = || own(ErrorClass::LocalConfig, Lasting::Lasting, "the target gave no outcome");
    Some(outcomes.into_iter().next().unwrap_or_else(none))
}

/// What is sent.
struct Content {
    message: Arc<Message>,
    body: Bytes,
    form: Form,
    head: Head,
}

/// What a callback tells: the ticket, which has settled. None when a delivery got another run since: that one's end is told instead.
async fn report(engine: &Engine, lease: &Lease) -> Result<Bytes, Option<Outcome>> {
    let unknown = |detail: &str| Some(own(ErrorClass::LocalResources, Lasting::Passing, detail));
    let Lease { delivery, message, .. } = lease;
    match engine.doors.store.ticket(&message.tenant, message.id).await {
        Ok(Found::Here(ticket)) => {
            let own = ticket.deliveries.iter().find(|ray| ray.id == delivery.id);
            let current = own.is_some_and(|own| own.run == delivery.run);
            if current { Ok(engine.doors.report.report(&ticket)) } else { Err(None) }
        }
        Ok(Found::Gone | Found::Unknown) => Err(unknown("the ticket is not there")),
        Err(fault) => Err(unknown(&fault.to_string())),
    }
}

/// An edit as it is, else the message's body in the shape pinned at accept; path and headers in that shape.
async fn content(engine: &Engine, lease: &Lease) -> Result<Content, Option<Outcome>> {
    let told = match lease.delivery.duty {
        Duty::Callback => Some(report(engine, lease).await?),
        Duty::Required | Duty::Optional | Duty::Undo(_) | Duty::Replay(_) => None,
    };
    let original = match &told {
        // Its expressions see what it tells.
        Some(body) => &Arc::new(Message { body: body.clone(), ..(*lease.message).clone() }),
        None => &lease.message,
    };
    let message = match &lease.edit {
        Some(Edit { headers, body }) => {
            Arc::new(Message { headers: headers.clone(), body: body.clone(), ..(*lease.message).clone() })
        }
        None => Arc::clone(original),
    };
    let made = told.is_some() && lease.edit.is_none();
    let form = if made { Form::Shaped } else { Form::Untouched };
    let content = Content { body: message.body.clone(), message, form, head: Head::default() };
    let shaped = in_shape(engine, lease, original, content).await;
    shaped.map_err(|wrong| Some(own(ErrorClass::LocalConfig, wrong.lasting, &wrong.to_string())))
}

/// The same in the shape pinned at accept, if there is one.
async fn in_shape(
    engine: &Engine,
    lease: &Lease,
    message: &Message,
    mut content: Content,
) -> Result<Content, ShapeError> {
    let Some(id) = lease.delivery.shape else { return Ok(content) };
    let edit = lease.edit.as_ref();
    let mould = engine.shape(id).await?;
    let (delivery, target) = (lease.delivery.id, &lease.delivery.target);
    let responses = &engine.responses(message, delivery, mould.reading()).await?;
    content.head = mould.head(&Original { message, edit, delivery, target, responses })?;
    if lease.edit.is_none()
        && let Some(shaped) = mould.body(content.body.clone(), responses).await?
    {
        (content.body, content.form) = (shaped, Form::Shaped);
    }
    Ok(content)
}

fn judge(engine: &Engine, lane: &Lane, plan: &TargetPlan, lease: &Lease, outcome: &Outcome) -> Judgement {
    let (hold, refused) = lane.hold_and_refused(lease.delivery.id);
    let facts = Facts {
        attempts: lease.delivery.attempts + 1,
        deadline: lease.deadline(),
        retry: &plan.retry,
        statuses: &plan.statuses,
        proven: if hold.proven { Proven::Yes } else { Proven::No },
        probes: hold.auth.map_or(0, |auth| auth.step),
        refused,
        audience: lease.delivery.audience,
        told_until: audience::told_until(&lease.delivery, lease.message.received),
        now: engine.doors.clock.now(),
        random: engine.doors.entropy.bits(),
    };
    let judgement = verdict::judge(outcome, &facts);
    let ends = judgement.verdict.standing().is_final();
    match outcome {
        _ if ends && refused == Refused::Before => lane.forget_refused(lease.delivery.id),
        Outcome::Answered(reply) if !ends && plan.statuses.weigh(reply.counted()) == Weight::Auth => {
            lane.remember_refused(lease.delivery.id);
        }
        Outcome::Answered(_) | Outcome::Broken { .. } | Outcome::Own { .. } => {}
    }
    judgement
}

fn record(
    engine: &Engine,
    lane: &Arc<Lane>,
    lease: Lease,
    began: Timestamp,
    outcome: Outcome,
    judged: Judgement,
) -> Done {
    let standing = judged.verdict.standing();
    let first = lease.delivery.attempts == 0 && lease.delivery.run == 1;
    // A replay comes late on purpose.
    let queue = if first && lease.delivery.duty.replay().is_none() {
        began.since(lease.message.received)
    } else {
        Timings::default().queue
    };
    let (timings, result) = match outcome {
        Outcome::Answered(reply) => {
            let capture = audience::kept(reply.capture, lease.delivery.audience, standing);
            let result = AttemptResult::Answered { status: reply.status, class: judged.class, capture };
            (reply.timings, result)
        }
        Outcome::Broken { class, detail, timings, .. } => (timings, AttemptResult::Failed { class, detail }),
        Outcome::Own { class, detail, .. } => {
            let (target, delivery) = (&lane.name, lease.delivery.id);
            engine.tell(&Happened::Stumbled { target, delivery, class, detail: &detail });
            (Timings::default(), AttemptResult::Failed { class, detail })
        }
    };
    let attempt = Attempt {
        number: lease.delivery.attempts + 1,
        run: lease.delivery.run,
        began,
        timings: Timings { queue, ..timings },
        result,
        suspect: lease.delivery.suspect,
        next: if let Standing::Due(at) = standing { Some(at) } else { None },
    };
    if !attempt.is_counted() {
        return Done::new(lane, &lease, Some(Arc::new(attempt)), standing);
    }
    let (message, target) = (&*lease.message, &lane.name);
    engine.tell(&Happened::Attempted {
        message,
        delivery: lease.delivery.id,
        target,
        attempt: &attempt,
        standing,
    });
    Done::new(lane, &lease, Some(Arc::new(attempt)), standing)
}
