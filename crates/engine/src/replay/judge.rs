//! What a replay does with one message.

use super::progress::{Order, Take};
use crate::plan::TargetPlan;
use crate::route::{Wanted, wanted};
use crate::status::{self, State};
use contract::delivery::Standing;
use contract::expression::Fault;
use contract::history::{Content, Past, Span};
use contract::ticket::{Ray, Ticket};
use contract::{MessageId, Name};

/// What becomes of a message.
#[derive(Debug)]
pub(super) enum Judged<'a> {
    /// It is sent.
    Send(&'a Content),
    /// It has a delivery to the target.
    Present,
    /// It is not meant for the target, or must not be sent any more.
    Skip,
    /// It cannot be sent, for this reason.
    Fail(String),
    /// Nobody can tell now: the filter has no worker.
    Busy,
}

impl Order {
    pub(super) fn span(&self, tenant: &Name) -> Span {
        let Self { route, from, until, .. } = self;
        Span { tenant: tenant.clone(), route: route.clone(), from: *from, until: *until }
    }
}

/// `own` is the replay that asks: what it has added itself it is to find again.
pub(super) async fn judge<'a>(
    order: &Order,
    own: Option<MessageId>,
    plan: &TargetPlan,
    past: &'a Past,
) -> Judged<'a> {
    let Some(content) = &past.content else {
        return Judged::Fail(format!("the bytes of {} are damaged", past.id));
    };
    if order.take == Take::Missing && is_present(&content.ticket, &order.to, own) {
        return Judged::Present;
    }
    if was_taken_back(&content.ticket) {
        return Judged::Skip;
    }
    let Some(when) = &plan.when else { return Judged::Send(content) };
    match wanted(when.evaluate(content.message.body.clone()).await) {
        Ok(Wanted::Yes) => Judged::Send(content),
        Ok(Wanted::No) => Judged::Skip,
        Err(Fault::Busy { .. }) => Judged::Busy,
        Err(fault) => Judged::Fail(format!("`when` of {} for {}: {fault}", order.to, past.id)),
    }
}

/// As [`contract::history::Unless::Present`] says; the store looks again when it adds one.
fn is_present(ticket: &Ticket, to: &Name, own: Option<MessageId>) -> bool {
    let counts = |ray: &Ray| {
        let another = own.is_none() || ray.part.duty.replay() != own;
        ray.target == *to && another && ray.part.duty.brings_message() && ray.standing != Standing::Skipped
    };
    ticket.deliveries.iter().any(counts)
}

/// Whether its caller cancelled it, or what was delivered of it has been undone.
fn was_taken_back(ticket: &Ticket) -> bool {
    match status::fold(ticket).state {
        State::Cancelled | State::Compensating | State::Compensated | State::CompensationFailed => true,
        State::Accepted
        | State::Running
        | State::Succeeded
        | State::PartiallyFailed
        | State::Failed
        | State::Expired => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::delivery::Death;
    use contract::part::{Duty, Part, Rule};
    use contract::{DeliveryId, Timestamp};

    fn ticket(rays: &[(&str, Duty, Standing)]) -> Ticket {
        let ray = |(target, duty, standing): &(&str, Duty, Standing)| Ray {
            id: DeliveryId::from_bits(0),
            target: Name::try_new(target).unwrap(),
            part: Part { duty: *duty, ..Part::default() },
            standing: *standing,
            behind: None,
            run: 1,
            attempts: Vec::new(),
        };
        Ticket {
            id: MessageId::from_bits(0),
            route: Name::try_new("order").unwrap(),
            received: Timestamp::ZERO,
            rule: Rule::All,
            deliveries: rays.iter().map(ray).collect(),
        }
    }

    #[test]
    fn what_brings_the_message_to_the_target_is_present_unless_it_was_skipped() {
        let crm = Name::try_new("crm").unwrap();
        let replay = Duty::Replay(MessageId::from_bits(1));
        for (target, duty, standing, present) in [
            ("crm", Duty::Required, Standing::Delivered, true),
            ("crm", Duty::Optional, Standing::Leased, true),
            ("crm", Duty::Required, Standing::Dead(Death::Refused), true),
            ("crm", replay, Standing::Due(Timestamp::ZERO), true),
            ("crm", Duty::Required, Standing::Skipped, false),
            ("crm", Duty::Callback, Standing::Delivered, false),
            ("crm", Duty::Undo(0), Standing::Waiting, false),
            ("mail", Duty::Required, Standing::Delivered, false),
        ] {
            let ticket = ticket(&[(target, duty, standing)]);
            assert_eq!(is_present(&ticket, &crm, None), present, "{target} {duty:?} {standing:?}");
        }
        let own = ticket(&[("crm", replay, Standing::Delivered)]);
        assert!(!is_present(&own, &crm, replay.replay()), "it is found again");
    }

    #[test]
    fn what_was_cancelled_or_undone_is_not_sent_again() {
        use Standing::{Cancelled, Delivered, Skipped};
        let dead = Standing::Dead(Death::Refused);
        for (rays, taken_back) in [
            (vec![("a", Duty::Required, Delivered)], false),
            (vec![("a", Duty::Required, dead)], false),
            (vec![("a", Duty::Required, Cancelled)], true),
            (vec![("a", Duty::Required, dead), ("b", Duty::Required, Cancelled)], false),
            (
                vec![
                    ("a", Duty::Required, Delivered),
                    ("b", Duty::Required, dead),
                    ("u", Duty::Undo(0), Delivered),
                ],
                true,
            ),
            (vec![("a", Duty::Required, Delivered), ("u", Duty::Undo(0), Skipped)], false),
            (vec![], false),
        ] {
            assert_eq!(was_taken_back(&ticket(&rays)), taken_back, "{rays:?}");
        }
    }
}
