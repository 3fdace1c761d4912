//! Compares the picture with what the store says, and the end with what was promised.

use super::group::{is_broken, required};
use super::{Book, Kept, Oracle, Ray};
use crate::language;
use crate::reach::Feat;
use crate::rule::Rule;
use contract::delivery::{Attempt, ErrorClass, Standing};
use contract::part;
use contract::part::Duty;
use contract::store::{Backlog, Store};
use contract::ticket::{Found, Ticket};
use contract::{MessageId, Name};
use engine::status::{self, State};
use std::collections::BTreeMap;

impl Oracle {
    /// Compares every ticket with the picture.
    pub(crate) async fn compare_all(&self, store: &dyn Store) {
        let ids: Vec<_> = self.book().kept.values().map(|kept| kept.id).collect();
        for id in ids {
            self.compare(store, id).await;
        }
        match store.backlog().await {
            Ok(backlog) => self.book().check_backlog(&backlog),
            Err(fault) => self.book().fail(Rule::Lively, format!("the backlog cannot be read: {fault}")),
        }
        self.book().check_acknowledged();
    }

    /// Compares one ticket with the picture.
    pub(crate) async fn compare(&self, store: &dyn Store, id: MessageId) {
        match store.ticket(&Name::default_tenant(), id).await {
            Ok(Found::Here(ticket)) => self.book().check_ticket(&ticket),
            Ok(Found::Gone | Found::Unknown) => {
                self.book().fail(Rule::Kept, format!("the ticket {id} is not there any more"));
            }
            Err(fault) => self.book().fail(Rule::Lively, format!("{id} cannot be read: {fault}")),
        }
    }
}

impl Book {
    fn check_acknowledged(&mut self) {
        let known = |n: &u64, id: &Option<MessageId>| match id {
            Some(id) => self.kept.values().any(|kept| kept.id == *id),
            None => self.kept.contains_key(n),
        };
        let lost = self.acknowledged.iter().find(|(n, id)| !known(n, id)).map(|(n, _)| *n);
        if let Some(n) = lost {
            self.fail(Rule::Kept, format!("message {n} was acknowledged and is lost"));
        }
    }

    fn check_ticket(&mut self, ticket: &Ticket) {
        let Some((n, kept)) = self.kept.iter().find(|(_, kept)| kept.id == ticket.id) else { return };
        let n = *n;
        let route = self.recipe.routes.get(kept.route).map(|route| &route.name);
        let head = route == Some(&ticket.route)
            && kept.received == ticket.received
            && ticket.rule == kept.quorum.map_or(part::Rule::All, part::Rule::Quorum);
        let whole = kept.rays.len() == ticket.deliveries.len();
        let rays = kept.rays.iter().zip(&ticket.deliveries).enumerate();
        let wrong = rays.into_iter().find(|(ordinal, (ray, shown))| {
            let right = kept.first.at(u16::try_from(*ordinal).unwrap_or(u16::MAX)) == shown.id
                && self.recipe.targets.get(ray.target).is_some_and(|target| target.name == shown.target)
                && ray.part == shown.part
                && self.before(shown.id) == shown.behind;
            !right || !shows(ray, shown)
        });
        let wrong = wrong.map(|(_, (ray, shown))| format!("{n}→t{}: {shown:?} where {ray:?}", ray.target));
        let state = fold(kept);
        let folded = status::fold(ticket);
        let own = kept.rays.iter().filter(|ray| ray.part.duty != Duty::Callback);
        let same =
            folded.state == state && folded.settled == own.into_iter().all(|ray| ray.standing.is_final());
        self.check(Rule::Kept, head && whole, || format!("the ticket of {n} is another one: {ticket:?}"));
        self.check(Rule::Truthful, wrong.is_none(), || wrong.unwrap_or_default());
        self.check(Rule::Truthful, same, || {
            format!("the ticket of {n} is {folded:?}, but should be {state:?}")
        });
    }

    fn check_backlog(&mut self, backlog: &[Backlog]) {
        let mut counts: BTreeMap<usize, (u64, u64, u64)> = BTreeMap::new();
        for (_, _, ray) in self.rays() {
            let (waiting, dead, parked) = counts.entry(ray.target).or_default();
            *parked += u64::from(ray.is_parked());
            match ray.standing {
                Standing::Due(_) => *waiting += 1,
                Standing::Dead(_) => *dead += 1,
                Standing::Leased
                | Standing::Delivered
                | Standing::Cancelled
                | Standing::Expired
                | Standing::Skipped
                | Standing::Waiting
                | Standing::Unmet => {}
            }
        }
        counts.retain(|_, count| *count != (0, 0, 0));
        let said = backlog
            .iter()
            .filter_map(|one| Some((self.target_number(&one.target)?, (one.waiting, one.dead, one.parked))));
        let said: BTreeMap<_, _> = said.filter(|(_, count)| *count != (0, 0, 0)).collect();
        self.check(Rule::Truthful, said == counts, || {
            format!("the backlog is {said:?}, but should be {counts:?}")
        });
    }

    /// What has not ended, and why that may be.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        let open = self.rays().filter(|(_, _, ray)| !ray.standing.is_final());
        open.map(|(id, _, ray)| format!("{} is {:?}", self.word(id), ray.standing)).collect()
    }

    /// Whether all that has not ended is leased.
    pub(crate) fn only_leased_are_left(&self) -> bool {
        let mut open = self.rays().filter(|(_, _, ray)| !ray.standing.is_final()).peekable();
        open.peek().is_some() && open.all(|(_, _, ray)| ray.standing == Standing::Leased)
    }

    /// Whether a message that kills its sender is still on its way.
    pub(crate) fn has_unfinished_poison(&self) -> bool {
        let deadly =
            |n: &u64| self.letters.get(n).is_some_and(|letter| language::has(&letter.body, language::POISON));
        self.kept.iter().any(|(n, kept)| deadly(n) && kept.rays.iter().any(|ray| !ray.standing.is_final()))
    }

    /// Nothing is leased any more.
    pub(crate) fn check_nothing_leased(&mut self) {
        let leased =
            self.rays().find(|(_, _, ray)| ray.standing == Standing::Leased).map(|(id, ..)| self.word(id));
        if let Some(word) = leased {
            self.fail(Rule::Arrives, format!("{word} is still leased after a stop in good order"));
        }
    }

    /// Whether a delivery of this kind waits for this target.
    pub(crate) fn note_waiting(&mut self, target: usize, feat: Feat) {
        let waits = |ray: &Ray| ray.target == target && matches!(ray.standing, Standing::Due(_));
        if self.rays().any(|(_, _, ray)| waits(ray)) {
            self.reached.note(feat);
        }
    }

    /// Whether a request is on the wire.
    pub(crate) fn is_sending(&self) -> bool {
        self.lanes.iter().any(|lane| !lane.in_flight.is_empty())
    }
}

fn shows(ray: &Ray, shown: &contract::ticket::Ray) -> bool {
    let own = |attempt: &&Attempt| {
        attempt.next.is_some() && attempt.result.class().is_some_and(ErrorClass::is_local)
    };
    let counted = || shown.attempts.iter().filter(|attempt| !own(attempt));
    let attempts = counted().filter(|attempt| attempt.run == ray.run).count();
    let number = |attempt: &Attempt| (attempt.run, attempt.number);
    let numbered = counted().map(number).is_sorted_by(|a, b| a < b)
        && shown.attempts.iter().filter(own).map(number).is_sorted_by(|a, b| a < b)
        && shown.attempts.iter().map(number).is_sorted();
    ray.standing == shown.standing
        && ray.run == shown.run
        && ray.recorded == shown.attempts.len()
        && usize::try_from(ray.attempts) == Ok(attempts)
        && numbered
}

/// The ticket's word, written a second time from the decisions.
fn fold(kept: &Kept) -> State {
    let seats = kept.seats();
    if is_broken(kept.quorum, &seats)
        && let Some(state) = undone(kept)
    {
        return state;
    }
    let shown = || {
        kept.rays.iter().filter(|ray| ray.part.duty != Duty::Callback && ray.standing != Standing::Skipped)
    };
    if shown().any(|ray| !ray.standing.is_final()) {
        let untouched = shown().all(|ray| ray.recorded == 0 && !ray.standing.is_final());
        return if untouched { State::Accepted } else { State::Running };
    }
    let required_in =
        |standing| shown().filter(|ray| ray.part.duty == Duty::Required && ray.standing == standing).count();
    let (all, delivered, _) = required(&seats);
    if !is_broken(kept.quorum, &seats) {
        State::Succeeded
    } else if delivered + required_in(Standing::Cancelled) == all {
        State::Cancelled
    } else if delivered + required_in(Standing::Expired) == all {
        State::Expired
    } else if delivered > 0 {
        State::PartiallyFailed
    } else {
        State::Failed
    }
}

/// How far undoing is, if anything is to be undone.
fn undone(kept: &Kept) -> Option<State> {
    let undos = || kept.rays.iter().filter(|ray| matches!(ray.part.duty, Duty::Undo(_)));
    let wanted = || undos().filter(|ray| ray.standing != Standing::Skipped);
    wanted().next()?;
    Some(if undos().any(|ray| !ray.standing.is_final()) {
        State::Compensating
    } else if wanted().all(|ray| ray.standing == Standing::Delivered) {
        State::Compensated
    } else {
        State::CompensationFailed
    })
}
