//! The deliveries of one message as a group: when the message has succeeded, and what moves when one of them ends. Pure.
//!
//! ```text
//!  Waiting ── all of `after` delivered ──► Due          an undo: the rule is broken, and the one that it undoes was delivered
//!     │                                                 a callback: everything else has ended
//!     ├────── one of `after` failed ─────► Unmet
//!     └────── not needed any more ───────► Skipped (an undo), Cancelled (a sibling, when there is something to undo)
//! ```

use crate::Timestamp;
use crate::delivery::Standing;
use crate::part::{Duty, Part, Rule};

/// One delivery as it stands.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// Its part.
    pub part: &'a Part,
    /// Where it stands.
    pub standing: Standing,
    /// When it was delivered, if it was and somebody may want to undo it.
    pub delivered: Option<Timestamp>,
}

/// Whether a message has succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nobody knows yet.
    Open,
    /// It has, whatever comes.
    Met,
    /// It cannot any more.
    Broken,
}

/// What becomes of a delivery because of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Move {
    /// It is its turn.
    Start,
    /// It is not needed.
    Skip,
    /// What it waits for failed.
    Fail,
    /// It ends before it is sent; in flight, it is not tried again.
    Cancel,
}

/// Whether a message has succeeded, by its required deliveries.
#[must_use]
pub fn decide(rule: Rule, required: impl IntoIterator<Item = Standing>) -> Decision {
    let (mut all, mut delivered, mut failed) = (0, 0, 0);
    for standing in required.into_iter().filter(|standing| *standing != Standing::Skipped) {
        all += 1;
        delivered += usize::from(standing == Standing::Delivered);
        failed += usize::from(standing.is_final() && standing != Standing::Delivered);
    }
    let needed = match rule {
        Rule::All => all,
        Rule::Quorum(count) => usize::from(count).min(all),
    };
    match () {
        () if delivered >= needed => Decision::Met,
        () if all - failed < needed => Decision::Broken,
        () => Decision::Open,
    }
}

/// What moves now, by ordinal. Asked for whenever a delivery of the group has ended; a second call after the moves gives nothing.
#[must_use]
pub fn moves(rule: Rule, members: &[Member<'_>]) -> Vec<(u16, Move)> {
    let mut group = Group { rule, members: members.to_vec(), moves: Vec::new() };
    group.follow();
    group.compensate();
    group.call_back();
    group.moves
}

/// Whether a delivery may get another run. In a group that is undone when it fails, not when undoing has begun, and not when what ended
/// because of the failure keeps the message from succeeding: it would be half done for ever.
#[must_use]
pub fn may_rerun(rule: Rule, members: &[Member<'_>], ordinal: u16) -> bool {
    let undos = || members.iter().filter(|member| matches!(member.part.duty, Duty::Undo(_)));
    let is_main = members.get(usize::from(ordinal)).is_some_and(|member| member.part.is_main());
    if !is_main || undos().next().is_none() {
        return true;
    }
    let begun = undos().any(|undo| !matches!(undo.standing, Standing::Waiting | Standing::Skipped));
    // What is dead, or failed because of that, may get another run too.
    let open = |member: &Member<'_>| match member.standing {
        Standing::Dead(_) | Standing::Unmet => Standing::Waiting,
        other @ (Standing::Leased
        | Standing::Due(_)
        | Standing::Delivered
        | Standing::Cancelled
        | Standing::Expired
        | Standing::Skipped
        | Standing::Waiting) => other,
    };
    let required = members.iter().filter(|member| member.part.duty == Duty::Required);
    !begun && decide(rule, required.map(open)) != Decision::Broken
}

/// What another run of a delivery that had failed brings back: callbacks tell again, what failed only because of it waits again, and so do
/// undos that were not needed. A
/// callback that is about to tell of the run before is brought back too; another run of a callback itself, or of a replay, is no news.
#[must_use]
pub fn reopened(members: &[Member<'_>], revived: u16) -> Vec<u16> {
    let mut back: Vec<u16> = Vec::new();
    if members.get(usize::from(revived)).is_none_or(|member| !member.part.duty.is_of_group()) {
        return back;
    }
    let is_main = members.get(usize::from(revived)).is_some_and(|member| member.part.is_main());
    loop {
        let is_back = |(ordinal, member): &(u16, &Member<'_>)| match member.part.duty {
            _ if back.contains(ordinal) => false,
            // One that is skipped has a filter that said no.
            Duty::Callback => !matches!(member.standing, Standing::Waiting | Standing::Skipped),
            Duty::Required | Duty::Optional if member.standing == Standing::Unmet => {
                member.part.after.iter().all(|one| back.contains(one) || !has_failed(members, *one))
            }
            // If it fails again, what it delivers meanwhile is to be undone.
            Duty::Undo(_) => is_main && member.standing == Standing::Skipped,
            Duty::Required | Duty::Optional | Duty::Replay(_) => false,
        };
        let more: Vec<u16> = (0..).zip(members).filter(is_back).map(|(ordinal, _)| ordinal).collect();
        if more.is_empty() {
            return back;
        }
        back.extend(more);
    }
}

/// What a discard makes outdated: callbacks that are about to tell that the delivery is dead. Those that have told are left alone.
#[must_use]
pub fn outdated(members: &[Member<'_>], discarded: u16) -> Vec<u16> {
    if members.get(usize::from(discarded)).is_none_or(|member| !member.part.duty.is_of_group()) {
        return Vec::new();
    }
    let telling = |member: &Member<'_>| matches!(member.standing, Standing::Due(_) | Standing::Leased);
    let back = (0..).zip(members).filter(|(_, one)| one.part.duty == Duty::Callback && telling(one));
    back.map(|(ordinal, _)| ordinal).collect()
}

/// One that is not there is never delivered.
fn has_failed(members: &[Member<'_>], ordinal: u16) -> bool {
    let standing = members.get(usize::from(ordinal)).map_or(Standing::Unmet, |member| member.standing);
    standing.is_final() && !is_met(standing)
}

/// Whether what waits for it need not wait: a filter's no is not waited for.
const fn is_met(standing: Standing) -> bool {
    matches!(standing, Standing::Delivered | Standing::Skipped)
}

/// A group while it moves: the standings are those after the moves so far.
struct Group<'a> {
    rule: Rule,
    members: Vec<Member<'a>>,
    moves: Vec<(u16, Move)>,
}

impl Group<'_> {
    /// Starts or fails what waits for others. A failure may fail more.
    fn follow(&mut self) {
        let mut failed = true;
        while std::mem::take(&mut failed) {
            for ordinal in self.waiting(Part::is_main) {
                let Some(member) = self.members.get(usize::from(ordinal)) else { continue };
                let after = &member.part.after;
                if after.iter().any(|one| has_failed(&self.members, *one)) {
                    failed = true;
                    self.make(ordinal, Move::Fail);
                } else if after.iter().all(|one| self.has_met(*one)) {
                    self.make(ordinal, Move::Start);
                }
            }
        }
    }

    /// When the rule is broken: ends the siblings, then undoes what was delivered, the latest first, one after the other.
    fn compensate(&mut self) {
        let undos = self.waiting(|part| matches!(part.duty, Duty::Undo(_)));
        if undos.is_empty() {
            return;
        }
        let required = self.members.iter().filter(|member| member.part.duty == Duty::Required);
        let broken = decide(self.rule, required.map(|member| member.standing)) == Decision::Broken;
        if broken {
            for (ordinal, member) in (0..).zip(self.members.clone()) {
                if member.part.is_main() && !member.standing.is_final() {
                    self.make(ordinal, Move::Cancel);
                }
            }
        }
        if self.any(|member| member.part.is_main() && !member.standing.is_final()) {
            return;
        }
        let mut wanted = Vec::new();
        for ordinal in undos {
            match self.undoes(ordinal) {
                Some(undone) if broken && undone.standing == Standing::Delivered => {
                    wanted.push((undone.delivered, ordinal));
                }
                Some(_) | None => self.make(ordinal, Move::Skip),
            }
        }
        let under_way = |member: &Member<'_>| {
            let started = !member.standing.is_final() && member.standing != Standing::Waiting;
            matches!(member.part.duty, Duty::Undo(_)) && started
        };
        if let Some((_, ordinal)) = wanted.into_iter().max()
            && !self.any(under_way)
        {
            self.make(ordinal, Move::Start);
        }
    }

    fn call_back(&mut self) {
        if !self.any(|member| member.part.duty.is_of_group() && !member.standing.is_final()) {
            for ordinal in self.waiting(|part| part.duty == Duty::Callback) {
                self.make(ordinal, Move::Start);
            }
        }
    }

    fn make(&mut self, ordinal: u16, step: Move) {
        let Some(member) = self.members.get_mut(usize::from(ordinal)) else { return };
        member.standing = match step {
            Move::Start => Standing::Due(Timestamp::ZERO),
            Move::Skip => Standing::Skipped,
            Move::Fail => Standing::Unmet,
            // What is in flight is awaited.
            Move::Cancel if member.standing == Standing::Leased => Standing::Leased,
            Move::Cancel => Standing::Cancelled,
        };
        // A sibling that was just started is cancelled instead.
        self.moves.retain(|(moved, _)| *moved != ordinal);
        self.moves.push((ordinal, step));
    }

    fn waiting(&self, like: impl Fn(&Part) -> bool) -> Vec<u16> {
        let waits = |member: &Member<'_>| member.standing == Standing::Waiting && like(member.part);
        (0..).zip(&self.members).filter(|(_, member)| waits(member)).map(|(ordinal, _)| ordinal).collect()
    }

    fn has_met(&self, ordinal: u16) -> bool {
        self.members.get(usize::from(ordinal)).is_some_and(|member| is_met(member.standing))
    }

    fn undoes(&self, ordinal: u16) -> Option<Member<'_>> {
        match self.members.get(usize::from(ordinal))?.part.duty {
            Duty::Undo(of) => self.members.get(usize::from(of)).copied(),
            Duty::Required | Duty::Optional | Duty::Callback | Duty::Replay(_) => None,
        }
    }

    fn any(&self, like: impl Fn(&Member<'_>) -> bool) -> bool {
        self.members.iter().any(like)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Death;
    use Duty::{Callback, Optional, Required, Undo};
    use Move::{Cancel, Fail, Skip, Start};
    use Standing::{Cancelled, Delivered, Due, Leased, Skipped, Unmet, Waiting};

    const DEAD: Standing = Standing::Dead(Death::Refused);
    const LATER: Standing = Due(Timestamp::NEVER);

    fn moved(rule: Rule, group: &[(Duty, &[u16], Standing)]) -> Vec<(u16, Move)> {
        let parts: Vec<Part> = group
            .iter()
            .map(|(duty, after, _)| Part { duty: *duty, after: after.to_vec(), ..Part::default() })
            .collect();
        let members: Vec<Member<'_>> = (1..)
            .zip(group.iter().zip(&parts))
            .map(|(second, ((.., standing), part))| Member {
                part,
                standing: *standing,
                delivered: (*standing == Delivered).then_some(Timestamp::from_micros(second)),
            })
            .collect();
        moves(rule, &members)
    }

    #[test]
    fn the_rule_decides_over_what_is_required_and_not_skipped() {
        let cases: [(Rule, &[Standing], Decision); 11] = [
            (Rule::All, &[], Decision::Met),
            (Rule::All, &[Skipped, Delivered], Decision::Met),
            (Rule::All, &[Leased, Delivered], Decision::Open),
            (Rule::All, &[Leased, DEAD], Decision::Broken),
            (Rule::All, &[Unmet, Delivered], Decision::Broken),
            (Rule::Quorum(1), &[DEAD, Waiting], Decision::Open),
            (Rule::Quorum(1), &[LATER, Delivered, DEAD], Decision::Met),
            (Rule::Quorum(1), &[DEAD, DEAD], Decision::Broken),
            (Rule::Quorum(2), &[Delivered, DEAD, DEAD], Decision::Broken),
            (Rule::Quorum(2), &[Delivered, Skipped], Decision::Met),
            (Rule::Quorum(1), &[Skipped], Decision::Met),
        ];
        for (rule, standings, decision) in cases {
            assert_eq!(decide(rule, standings.iter().copied()), decision, "{rule:?} {standings:?}");
        }
    }

    #[test]
    fn a_replay_holds_up_nobody_and_brings_nothing_back() {
        let replay = Duty::Replay(crate::MessageId::from_bits(1));
        let group = [(Required, &[][..], Delivered), (Callback, &[], Waiting), (replay, &[], LATER)];
        assert_eq!(moved(Rule::All, &group), [(1, Start)]);
        let parts = [Required, Callback, replay].map(|duty| Part { duty, ..Part::default() });
        let member = |part, standing| Member { part, standing, delivered: None };
        let [own, callback, replay] = &parts;
        let members = [member(own, Delivered), member(callback, LATER), member(replay, DEAD)];
        assert_eq!((reopened(&members, 2), outdated(&members, 2)), (vec![], vec![]));
        assert!(may_rerun(Rule::All, &members, 2));
    }

    #[test]
    fn what_waits_for_others_starts_or_fails_with_them() {
        let chain = |first, second| {
            moved(Rule::All, &[(Required, &[], first), (Required, &[0], second), (Optional, &[1], Waiting)])
        };
        assert_eq!(chain(LATER, Waiting), []);
        assert_eq!(chain(Delivered, Waiting), [(1, Start)]);
        assert_eq!(chain(Skipped, Waiting), [(1, Start)], "a filter's no is not waited for");
        assert_eq!(chain(DEAD, Waiting), [(1, Fail), (2, Fail)], "a failure fails what waits for it in turn");
        assert_eq!(chain(Delivered, LATER), []);
        let both = [(Required, &[][..], Delivered), (Required, &[], LATER), (Required, &[0, 1], Waiting)];
        assert_eq!(moved(Rule::All, &both), []);
    }

    #[test]
    fn a_broken_rule_is_compensated_from_the_latest_success_back() {
        let saga = |standings: [Standing; 6]| {
            let parts: [(Duty, &[u16]); 6] = [
                (Required, &[]),
                (Required, &[]),
                (Required, &[]),
                (Undo(0), &[]),
                (Undo(1), &[]),
                (Callback, &[]),
            ];
            let group: Vec<_> = parts
                .into_iter()
                .zip(standings)
                .map(|((duty, after), standing)| (duty, after, standing))
                .collect();
            moved(Rule::All, &group)
        };
        let (done, waits) = (Delivered, Waiting);
        assert_eq!(saga([done, done, LATER, waits, waits, waits]), []);
        assert_eq!(saga([done, LATER, DEAD, waits, waits, waits]), [(1, Cancel), (4, Skip), (3, Start)]);
        assert_eq!(
            saga([done, Leased, DEAD, waits, waits, waits]),
            [(1, Cancel)],
            "what is in flight is awaited"
        );
        assert_eq!(saga([done, done, DEAD, waits, waits, waits]), [(4, Start)]);
        assert_eq!(saga([done, done, DEAD, waits, LATER, waits]), [], "one after the other");
        assert_eq!(saga([done, done, DEAD, waits, done, waits]), [(3, Start)]);
        assert_eq!(
            saga([done, done, DEAD, waits, DEAD, waits]),
            [(3, Start)],
            "an undo that died holds up no other"
        );
        assert_eq!(saga([done, done, DEAD, done, done, waits]), [(5, Start)]);
        assert_eq!(saga([done, done, done, waits, waits, waits]), [(3, Skip), (4, Skip), (5, Start)]);
        assert_eq!(saga([DEAD, Cancelled, DEAD, waits, waits, waits]), [(3, Skip), (4, Skip), (5, Start)]);
    }

    #[test]
    fn without_an_undo_nothing_is_cancelled() {
        assert_eq!(moved(Rule::All, &[(Required, &[], DEAD), (Required, &[], LATER)]), []);
        let optional = [(Required, &[][..], Delivered), (Optional, &[], DEAD), (Undo(0), &[], Waiting)];
        assert_eq!(moved(Rule::All, &optional), [(2, Skip)], "what is optional breaks no rule");
    }

    #[test]
    fn another_run_brings_back_what_failed_because_of_it() {
        let parts = [
            Part::default(),
            Part { after: vec![0], ..Part::default() },
            Part { duty: Callback, ..Part::default() },
        ];
        let members: Vec<_> = parts
            .iter()
            .zip([LATER, Unmet, Delivered])
            .map(|(part, standing)| Member { part, standing, delivered: None })
            .collect();
        assert_eq!(reopened(&members, 0), [1, 2]);
        assert_eq!(reopened(&members, 2), [], "a callback that goes again is no news");
        assert_eq!(outdated(&members, 0), [], "it has told");
        for standing in [Leased, LATER] {
            let telling = [members[0], members[1], Member { standing, ..members[2] }];
            assert_eq!(reopened(&telling, 0), [1, 2], "what it would tell is not so any more");
            assert_eq!((outdated(&telling, 0), outdated(&telling, 2)), (vec![2], vec![]));
        }
        let left_out = [members[0], members[1], Member { standing: Skipped, ..members[2] }];
        assert_eq!(reopened(&left_out, 0), [1], "its filter does not want it");
        let still_dead = [Member { standing: DEAD, ..members[0] }, members[1], members[2]];
        assert_eq!(reopened(&still_dead, 1), [2], "what it waits for has still failed");
    }

    #[test]
    fn what_would_stay_half_done_gets_no_other_run() {
        let duties = [Required, Required, Undo(0)];
        let parts = duties.map(|duty| Part { duty, ..Part::default() });
        let may = |standings: [Standing; 3]| {
            let each = parts.iter().zip(standings);
            let members: Vec<_> =
                each.map(|(part, standing)| Member { part, standing, delivered: None }).collect();
            (may_rerun(Rule::All, &members, 0), reopened(&members, 0))
        };
        assert_eq!(may([DEAD, Delivered, Skipped]), (true, vec![2]), "the undo waits again");
        assert!(may([DEAD, DEAD, Skipped]).0, "the other one may get another run too");
        assert!(!may([DEAD, Cancelled, Skipped]).0, "what was cancelled with it never comes");
        assert!(!may([DEAD, Delivered, LATER]).0, "undoing has begun");
    }

    proptest::proptest! {
        #[test]
        fn moves_are_made_once_and_everything_ends(
            duties in proptest::collection::vec(0u8..6, 1..7),
            ends in proptest::collection::vec(0u8..4, 7),
            quorum in 0u16..4,
        ) {
            check_to_the_end(&duties, &ends, quorum);
        }
    }

    /// Plays a group to its end: each delivery that starts ends as the numbers say.
    fn check_to_the_end(duties: &[u8], ends: &[u8], quorum: u16) {
        let rule = if quorum == 0 { Rule::All } else { Rule::Quorum(quorum) };
        let count = u16::try_from(duties.len()).unwrap();
        let part = |(ordinal, duty): (u16, &u8)| match duty {
            0 => Part::default(),
            1 => Part { duty: Optional, ..Part::default() },
            // Only what the message wants for itself is waited for.
            2 => Part {
                duty: Required,
                after: (0..)
                    .zip(duties)
                    .take(usize::from(ordinal))
                    .filter(|(_, duty)| **duty < 3)
                    .map(|(one, _)| one)
                    .collect(),
                ..Part::default()
            },
            3 => Part { duty: Callback, ..Part::default() },
            _ => Part { duty: Undo(u16::from(*duty) % count), ..Part::default() },
        };
        let parts: Vec<Part> = (0..).zip(duties).map(part).collect();
        let mut standings: Vec<Standing> =
            parts.iter().map(|part| if part.waits() { Waiting } else { LATER }).collect();
        for round in 0..64u64 {
            let members = |standings: &[Standing]| -> Vec<(usize, Standing)> {
                standings.iter().copied().enumerate().collect()
            };
            let now = members(&standings);
            let group: Vec<Member<'_>> = now
                .iter()
                .zip(&parts)
                .map(|((_, standing), part)| Member {
                    part,
                    standing: *standing,
                    delivered: Some(Timestamp::from_micros(round)),
                })
                .collect();
            let made = moves(rule, &group);
            for (ordinal, step) in made {
                let standing = &mut standings[usize::from(ordinal)];
                assert!(!standing.is_final(), "{step:?} of what has ended");
                *standing = match step {
                    Start => LATER,
                    Skip => Skipped,
                    Fail => Unmet,
                    Cancel => Cancelled,
                };
            }
            let group: Vec<Member<'_>> = standings
                .iter()
                .zip(&parts)
                .map(|(standing, part)| Member {
                    part,
                    standing: *standing,
                    delivered: Some(Timestamp::ZERO),
                })
                .collect();
            assert_eq!(moves(rule, &group), [], "the same again");
            let Some(next) = standings.iter().position(|standing| *standing == LATER) else { break };
            standings[next] = match ends[next] {
                0 | 1 => Delivered,
                2 => DEAD,
                _ => Standing::Expired,
            };
        }
        // An undo that undoes an undo or a callback has nothing to undo.
        assert!(standings.iter().all(|standing| standing.is_final()), "{parts:?} {standings:?}");
    }
}
