//! Makes one attempt of a delivery: shapes the message, calls the target, judges what happened.

use crate::dispatch::lane::{self, Lane};
use crate::done::Done;
use crate::engine::Engine;
use crate::happened::Happened;
use crate::plan::TargetPlan;
use crate::policy::statuses::Weight;
use crate::shape::{ShapeError, own};
use crate::verdict::{self, Facts, Judgement, Proven, Refused};
use bytes::Bytes;
use contract::delivery::{Attempt, AttemptResult, ErrorClass, Standing, Timings};
use contract::mould::{Head, Original};
use contract::query::Edit;
use contract::store::Lease;
use contract::target::{Call, Form, Lasting, Outcome, Parcel};
use contract::{Message, Timestamp};
use std::sync::Arc;

/// Sends a courier on its way.
pub(crate) fn start(engine: &Arc<Engine>, lane: &Arc<Lane>, lease: Lease) {
    engine.couriers.spawn(courier(Arc::clone(engine), Arc::clone(lane), lease));
}

/// Gives a lease to its lane: it starts now or waits there.
pub(crate) fn offer(engine: &Arc<Engine>, lane: &Arc<Lane>, lease: Lease) {
    let deadline = lease.message.deadline;
    match lane.offer(lease, engine.doors.clock.now()) {
        Some(lease) => start(engine, lane, lease),
        None => engine.deadlines.note(deadline),
    }
}

/// Carries deliveries of one lane, one after the other, until none may go.
async fn courier(engine: Arc<Engine>, lane: Arc<Lane>, mut lease: Lease) {
    loop {
        let bytes = lane::weight(&lease);
        let done = carry(&engine, &lane, lease).await;
        engine.settle(done).await;
        let next = lane.next(bytes, engine.doors.clock.now());
        if next.hungry {
            engine.wake.wake();
        }
        match next.lease {
            Some(next) => lease = next,
            None => return,
        }
    }
}

async fn carry(engine: &Arc<Engine>, lane: &Arc<Lane>, lease: Lease) -> Done {
    let began = engine.doors.clock.now();
    let Some(plan) = lane.plan() else {
        // The target left the configuration while this was on its way: back to the disk, to be held there.
        return Done::new(lane, &lease, None, Standing::Due(began));
    };
    if lease.message.deadline.is_some_and(|deadline| began > deadline) {
        return Done::new(lane, &lease, None, Standing::Expired);
    }
    let outcome = attempt(engine, &plan, &lease, began).await;
    let judgement = judge(engine, lane, &plan, &lease, &outcome);
    engine.apply_effect(lane, judgement.effect);
    record(engine, lane, lease, began, outcome, judgement)
}

async fn attempt(engine: &Engine, plan: &TargetPlan, lease: &Lease, began: Timestamp) -> Outcome {
    let content = match content(engine, lease).await {
        Ok(content) => content,
        Err(wrong) => return own(ErrorClass::LocalConfig, wrong.lasting, &wrong.to_string()),
    };
    let Content { message, body, form, head } = content;
    let parcel = Parcel {
        id: lease.delivery.id,
        revision: lease.delivery.revision,
        attempt: lease.delivery.attempts + 1,
        suspect: lease.delivery.suspect,
        at: began,
        message,
        body,
        form,
        head,
    };
    let outcomes = plan.target.deliver(&Call { parcels: vec![parcel] }).await;
    outcomes
        .into_iter()
        .next()
        .unwrap_or_else(|| own(ErrorClass::LocalConfig, Lasting::Lasting, "the target gave no outcome"))
}

/// What is sent.
struct Content {
    message: Arc<Message>,
    body: Bytes,
    form: Form,
    head: Head,
}

/// An edit as it is, else the message's body in the shape pinned at accept; path and headers in that shape.
async fn content(engine: &Engine, lease: &Lease) -> Result<Content, ShapeError> {
    let message = match &lease.edit {
        Some(Edit { headers, body }) => {
            Arc::new(Message { headers: headers.clone(), body: body.clone(), ..(*lease.message).clone() })
        }
        None => Arc::clone(&lease.message),
    };
    let (mut body, mut form, mut head) = (message.body.clone(), Form::Untouched, Head::default());
    if let Some(id) = lease.delivery.shape {
        let original = Original {
            message: &lease.message,
            edit: lease.edit.as_ref(),
            delivery: lease.delivery.id,
            target: &lease.delivery.target,
        };
        head = engine.headed(id, &original).await?;
        if lease.edit.is_none()
            && let Some(shaped) = engine.shaped(id, body.clone()).await?
        {
            (body, form) = (shaped, Form::Shaped);
        }
    }
    Ok(Content { message, body, form, head })
}

fn judge(engine: &Engine, lane: &Lane, plan: &TargetPlan, lease: &Lease, outcome: &Outcome) -> Judgement {
    let (hold, refused) = lane.hold_and_refused(lease.delivery.id);
    let facts = Facts {
        attempts: lease.delivery.attempts + 1,
        deadline: lease.message.deadline,
        retry: &plan.retry,
        statuses: &plan.statuses,
        proven: if hold.proven { Proven::Yes } else { Proven::No },
        probes: hold.auth.map_or(0, |auth| auth.step),
        refused,
        now: engine.doors.clock.now(),
        random: engine.doors.entropy.bits(),
    };
    let judgement = verdict::judge(outcome, &facts);
    let ends = judgement.verdict.standing().is_final();
    match outcome {
        _ if ends && refused == Refused::Before => lane.forget_refused(lease.delivery.id),
        Outcome::Answered(reply) if !ends && plan.statuses.weigh(reply.status) == Weight::Auth => {
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
    let queue = if lease.delivery.attempts == 0 && lease.delivery.run == 1 {
        began.since(lease.message.received)
    } else {
        Timings::default().queue
    };
    let (timings, result) = match outcome {
        Outcome::Answered(reply) => {
            let result =
                AttemptResult::Answered { status: reply.status, class: judged.class, capture: reply.capture };
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
