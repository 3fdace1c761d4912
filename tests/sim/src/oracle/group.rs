//! What must become of the deliveries of a message because of each other: the rules of groups, written a second time. Pure.

use contract::Timestamp;
use contract::delivery::Standing;
use contract::group::Move;
use contract::part::{Duty, Part};

/// One delivery, as the others see it.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) part: Part,
    pub(super) standing: Standing,
    /// The end of its last attempt.
    pub(super) ended: Option<Timestamp>,
    /// It is in flight for the last time.
    pub(super) doomed: bool,
}

impl Seat {
    fn is_main(&self) -> bool {
        matches!(self.part.duty, Duty::Required | Duty::Optional)
    }

    fn is_undo(&self) -> bool {
        matches!(self.part.duty, Duty::Undo(_))
    }

    fn waits(&self) -> bool {
        self.standing == Standing::Waiting
    }

    /// It has failed for those that wait for it, and for the rule.
    fn is_lost(&self) -> bool {
        matches!(self.standing, Standing::Dead(_) | Standing::Cancelled | Standing::Expired | Standing::Unmet)
    }

    fn turn(&mut self, step: Move) {
        match (step, self.standing) {
            (Move::Start, _) => self.standing = Standing::Due(Timestamp::ZERO),
            (Move::Skip, _) => self.standing = Standing::Skipped,
            (Move::Fail, _) => self.standing = Standing::Unmet,
            (Move::Cancel, Standing::Leased) => self.doomed = true,
            (Move::Cancel, _) => self.standing = Standing::Cancelled,
        }
    }
}

/// Whether it begins with waiting.
pub(super) fn begins_waiting(part: &Part) -> bool {
    !part.after.is_empty() || matches!(part.duty, Duty::Undo(_) | Duty::Callback)
}

/// How many of the required ones, skipped ones apart, are there, delivered, and lost.
pub(super) fn required(seats: &[Seat]) -> (usize, usize, usize) {
    let counts = |seat: &&Seat| seat.part.duty == Duty::Required && seat.standing != Standing::Skipped;
    let required = || seats.iter().filter(counts);
    let delivered = required().filter(|seat| seat.standing == Standing::Delivered).count();
    (required().count(), delivered, required().filter(|seat| seat.is_lost()).count())
}

/// Whether not enough can be delivered any more.
pub(super) fn is_broken(quorum: Option<u16>, seats: &[Seat]) -> bool {
    let (all, _, lost) = required(seats);
    all - lost < quorum.map_or(all, |quorum| usize::from(quorum).min(all))
}

/// Everything that must happen now, step by step.
pub(super) fn follow(quorum: Option<u16>, seats: &mut [Seat]) -> Vec<(u16, Move)> {
    let mut all = Vec::new();
    loop {
        let steps = next(quorum, seats);
        if steps.is_empty() {
            return all;
        }
        for (number, step) in &steps {
            if let Some(seat) = seats.get_mut(usize::from(*number)) {
                seat.turn(*step);
            }
        }
        all.extend(steps);
    }
}

/// What must happen first: mostly one step; siblings are given up all at once.
fn next(quorum: Option<u16>, seats: &[Seat]) -> Vec<(u16, Move)> {
    let all = |like: &dyn Fn(&Seat) -> bool, step: Move| -> Vec<(u16, Move)> {
        (0..).zip(seats).filter(|(_, seat)| like(seat)).map(|(number, _)| (number, step)).collect()
    };
    let seat = |number: &u16| seats.get(usize::from(*number));
    let lost = |number: &u16| seat(number).is_none_or(Seat::is_lost);
    let passed = |number: &u16| {
        seat(number).is_some_and(|seat| matches!(seat.standing, Standing::Delivered | Standing::Skipped))
    };
    let fail = all(&|seat| seat.is_main() && seat.waits() && seat.part.after.iter().any(lost), Move::Fail);
    if !fail.is_empty() {
        return fail;
    }
    let broken = is_broken(quorum, seats);
    let goes_on = |seat: &Seat| seat.is_main() && !seat.standing.is_final();
    if broken && seats.iter().any(|seat| seat.is_undo() && seat.waits()) {
        let give_up = all(&|seat| goes_on(seat) && !seat.doomed, Move::Cancel);
        if !give_up.is_empty() {
            return give_up;
        }
    }
    let ready = |seat: &Seat| seat.is_main() && seat.waits() && seat.part.after.iter().all(passed);
    let start = all(&ready, Move::Start);
    if !start.is_empty() || seats.iter().any(goes_on) {
        return start;
    }
    if let Some(step) = undo(broken, seats) {
        return vec![step];
    }
    if seats.iter().any(|seat| seat.part.duty != Duty::Callback && !seat.standing.is_final()) {
        return Vec::new();
    }
    all(&|seat| seat.part.duty == Duty::Callback && seat.waits(), Move::Start)
}

/// When all that the message is for has ended: one undo at a time, of the latest success.
fn undo(broken: bool, seats: &[Seat]) -> Option<(u16, Move)> {
    let undone = |seat: &Seat| match seat.part.duty {
        Duty::Undo(of) => seats.get(usize::from(of)).filter(|of| of.standing == Standing::Delivered),
        Duty::Required | Duty::Optional | Duty::Callback | Duty::Replay(_) => None,
    };
    let waiting = || (0..).zip(seats).filter(|(_, seat)| seat.is_undo() && seat.waits());
    if let Some((number, _)) = waiting().find(|(_, seat)| !broken || undone(seat).is_none()) {
        return Some((number, Move::Skip));
    }
    if seats.iter().any(|seat| seat.is_undo() && matches!(seat.standing, Standing::Due(_) | Standing::Leased))
    {
        return None;
    }
    let latest = waiting().max_by_key(|(number, seat)| (undone(seat).and_then(|one| one.ended), *number));
    latest.map(|(number, _)| (number, Move::Start))
}

/// What another run of this one brings back: those that have failed because of it, and whoever is told.
pub(super) fn back(seats: &[Seat], revived: u16) -> Vec<u16> {
    let is_callback = |seat: &Seat| seat.part.duty == Duty::Callback;
    if seats.get(usize::from(revived)).is_none_or(is_callback) {
        return Vec::new();
    }
    let mut seats = seats.to_vec();
    let told =
        |(_, seat): &(u16, &Seat)| is_callback(seat) && !seat.waits() && seat.standing != Standing::Skipped;
    let mut back: Vec<u16> = (0..).zip(&seats).filter(told).map(|(number, _)| number).collect();
    let own = |seat: &Seat| matches!(seat.part.duty, Duty::Required | Duty::Optional);
    if seats.get(usize::from(revived)).is_some_and(own) {
        let spared = |seat: &Seat| !own(seat) && !is_callback(seat) && seat.standing == Standing::Skipped;
        back.extend((0..).zip(&seats).filter(|(_, seat)| spared(seat)).map(|(number, _)| number));
    }
    loop {
        let again = |(_, seat): &(u16, &Seat)| {
            let lost = |number: &u16| seats.get(usize::from(*number)).is_none_or(Seat::is_lost);
            seat.standing == Standing::Unmet && !seat.part.after.iter().any(lost)
        };
        let Some((number, _)) = (0..).zip(&seats).find(again) else { return back };
        if let Some(seat) = seats.get_mut(usize::from(number)) {
            seat.standing = Standing::Waiting;
        }
        back.push(number);
    }
}

/// Who was about to tell that this one is dead, which was discarded.
pub(super) fn outdated(seats: &[Seat], discarded: u16) -> Vec<u16> {
    let is_callback = |seat: &Seat| seat.part.duty == Duty::Callback;
    if seats.get(usize::from(discarded)).is_none_or(is_callback) {
        return Vec::new();
    }
    let told = |(_, seat): &(u16, &Seat)| is_callback(seat) && !seat.standing.is_final() && !seat.waits();
    (0..).zip(seats).filter(told).map(|(number, _)| number).collect()
}
