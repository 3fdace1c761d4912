//! What the memory store holds, and the happy path over it.

use contract::delivery::{Attempt, Death, Delivery, Standing, Suspicion};
use contract::line::{Line, Lines, Turn};
use contract::order::KeyFate;
use contract::part::{Duty, Rule};
use contract::query::{Edit, Edited};
use contract::store::{
    Accept, Accepted, Ask, Claimed, Expired, Fault, Lease, Moved, Position, Scope, Session, Settled,
    Settlement, Start, Versioned,
};
use contract::{DeliveryId, Message, MessageId, Name, Timestamp, limits};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// A delivery's place: its message's position and its ordinal.
pub(super) type Spot = (u64, u16);
pub(super) type Lane = (Name, Name);
pub(super) type Key = (Name, Name, Arc<str>);
type OnceKey = (Name, Name, String, String);

#[derive(Default)]
pub(super) struct State {
    pub(super) messages: BTreeMap<u64, Kept>,
    pub(super) ids: HashMap<MessageId, u64>,
    pub(super) firsts: HashMap<DeliveryId, u64>,
    due: BTreeMap<Lane, BTreeSet<(Timestamp, Spot)>>,
    /// What waits and has a deadline.
    deadlines: BTreeSet<(Timestamp, Spot)>,
    /// The deliveries that hold each order key.
    pub(super) keys: BTreeMap<Key, BTreeSet<Spot>>,
    pub(super) once: HashMap<OnceKey, (u128, u64, Timestamp)>,
    newest: u64,
    sessions: u64,
    pub(super) alive: Option<Session>,
    pub(super) states: BTreeMap<Scope, Versioned>,
    pub(super) gone_until: Option<Timestamp>,
    pub(super) crowded: bool,
    /// What groups moved in the call under way.
    pub(super) moved: Vec<Moved>,
}

pub(super) struct Kept {
    pub(super) message: Arc<Message>,
    pub(super) rule: Rule,
    pub(super) entries: Vec<Entry>,
}

/// One delivery.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) start: Start,
    pub(super) standing: Standing,
    pub(super) key_fate: KeyFate,
    pub(super) attempts: u32,
    pub(super) run: u32,
    pub(super) revision: u32,
    pub(super) orphaned: u32,
    pub(super) suspect: Suspicion,
    pub(super) edit: Option<Edit>,
    pub(super) edits: Vec<Edited>,
    pub(super) history: Vec<Attempt>,
    pub(super) died: Timestamp,
    /// Cancelled while in flight: not tried again.
    pub(super) ending: bool,
}

impl State {
    pub(super) fn open(&mut self, now: Timestamp, wall: Timestamp) -> Session {
        for spot in self.spots(|entry| entry.standing == Standing::Leased) {
            self.alter(spot, wall, |entry| {
                entry.suspect = Suspicion::PossiblyDuplicate;
                entry.orphaned += 1;
                let outdated = entry.is_outdated();
                entry.standing = match entry.orphaned {
                    _ if outdated => Standing::Waiting,
                    _ if entry.ending => Standing::Cancelled,
                    limits::ORPHANED_MAX.. => Standing::Dead(Death::Poison),
                    0..limits::ORPHANED_MAX => Standing::Due(now),
                };
                entry.ending &= !outdated;
            });
            self.regroup(spot.0, wall);
        }
        self.moved.clear();
        self.sessions += 1;
        let session = Session(self.sessions);
        self.alive = Some(session);
        session
    }

    pub(super) fn accept(&mut self, session: Session, batch: &[Accept]) -> Result<Vec<Accepted>, Fault> {
        if batch.iter().any(|item| item.deliveries.len() > limits::FAN_OUT_MAX) {
            let detail = format!("a message may have at most {} deliveries", limits::FAN_OUT_MAX);
            return Err(Fault::Failed { detail });
        }
        Ok(batch.iter().map(|item| self.accept_one(session, item)).collect())
    }

    fn accept_one(&mut self, session: Session, item: &Accept) -> Accepted {
        let message = &item.message;
        let once = item.once.as_ref().map(|once| {
            let key = (message.tenant.clone(), message.route.clone(), once.caller.clone(), once.key.clone());
            (key, once.fingerprint, once.window.min(limits::IDEMPOTENCY_WINDOW))
        });
        if let Some((key, fingerprint, window)) = &once
            && let Some((first, position, at)) = self.once.get(key)
            && *at >= message.received - *window
            && let Some(kept) = self.messages.get(position)
        {
            let own = kept.entries.iter().take_while(|entry| entry.start.part.is_main());
            let targets = own.map(|entry| entry.start.target.clone()).collect();
            let same = Accepted::Same { id: kept.message.id, first: kept.message.first, targets };
            return if first == fingerprint { same } else { Accepted::Conflict };
        }
        if message.deadline.is_some_and(|deadline| deadline <= message.received) {
            return Accepted::NeverSent;
        }
        if self.crowded {
            return Accepted::Full;
        }
        self.newest += 1;
        let position = self.newest;
        if let Some((key, fingerprint, _)) = once {
            self.once.insert(key, (fingerprint, position, message.received));
        }
        self.ids.insert(message.id, position);
        self.firsts.insert(message.first.at(0), position);
        self.messages
            .insert(position, Kept { message: Arc::clone(message), rule: item.rule, entries: Vec::new() });
        let mut demoted = Vec::new();
        for (ordinal, start) in (0..).zip(&item.deliveries) {
            let mut standing = start.standing;
            let behind = self.key_of(&message.tenant, start).is_some_and(|key| self.keys.contains_key(&key));
            if standing == Standing::Leased && (behind || self.alive != Some(session)) {
                standing = Standing::Due(message.received);
                demoted.push(ordinal);
            }
            let entry = Entry::new(start.clone(), standing, message.received);
            if let Some(kept) = self.messages.get_mut(&position) {
                kept.entries.push(entry);
            }
            self.index((position, ordinal));
        }
        Accepted::New { position: Position(position), demoted }
    }

    pub(super) fn claim(&mut self, session: Session, ask: &Ask, now: Timestamp) -> Claimed {
        let mut claimed = Claimed { leases: Vec::new(), next_due: Lines::default() };
        let lane = (ask.tenant.clone(), ask.target.clone());
        if self.alive != Some(session) {
            return claimed;
        }
        let mut bytes = 0;
        for (line, items) in &ask.lines {
            let waiting = self.due.get(&lane).into_iter().flatten().take_while(|(at, _)| *at <= now);
            let waiting: Vec<Spot> =
                waiting.map(|(_, spot)| *spot).filter(|spot| self.line(*spot) == Some(*line)).collect();
            let mut left = *items;
            for spot in waiting {
                if left == 0 || (bytes >= ask.bytes && !claimed.leases.is_empty()) {
                    break;
                }
                if !self.is_head(spot) {
                    continue;
                }
                self.alter(spot, now, |entry| entry.standing = Standing::Leased);
                if let Some(lease) = self.lease(spot) {
                    bytes += lease.message.body.len() + lease.edit.as_ref().map_or(0, |edit| edit.body.len());
                    claimed.leases.push(lease);
                    left -= 1;
                }
            }
        }
        for (at, spot) in self.due.get(&lane).into_iter().flatten().filter(|(_, spot)| self.is_head(*spot)) {
            if let Some(line) = self.line(*spot) {
                claimed.next_due.note(line, Some(*at));
            }
        }
        claimed
    }

    fn line(&self, spot: Spot) -> Option<Line> {
        let entry = self.entry(spot)?;
        Some(Line { priority: entry.start.priority, turn: Turn::of(entry.attempts, entry.run) })
    }

    fn lease(&self, spot: Spot) -> Option<Lease> {
        let kept = self.messages.get(&spot.0)?;
        let entry = kept.entries.get(usize::from(spot.1))?;
        let delivery = Delivery {
            id: kept.message.first.at(spot.1),
            target: entry.start.target.clone(),
            shape: entry.start.shape,
            attempts: entry.attempts,
            run: entry.run,
            revision: entry.revision,
            suspect: entry.suspect,
            duty: entry.start.part.duty,
            audience: entry.start.part.audience,
            priority: entry.start.priority,
        };
        let message = Arc::clone(&kept.message);
        Some(Lease { position: Position(spot.0), delivery, message, edit: entry.edit.clone() })
    }

    pub(super) fn settle(&mut self, session: Session, one: &Settlement, wall: Timestamp) -> Settled {
        let spot = (one.position.0, one.delivery.ordinal());
        let leased = self.entry(spot).is_some_and(|entry| entry.standing == Standing::Leased);
        if self.alive != Some(session) || !leased || one.standing == Standing::Leased {
            return Settled::Fenced;
        }
        let held = self.entry(spot).is_some_and(Entry::holds_key);
        let outdated = self.entry(spot).is_some_and(Entry::is_outdated);
        let ends = !outdated
            && self.entry(spot).is_some_and(|entry| entry.ending)
            && matches!(one.standing, Standing::Due(_));
        self.alter(spot, wall, |entry| {
            entry.standing = if ends { Standing::Cancelled } else { one.standing };
            if one.key_fate == KeyFate::Freed {
                entry.key_fate = KeyFate::Freed;
            }
            if let Some(attempt) = &one.attempt {
                entry.record(attempt);
            }
            if outdated {
                (entry.standing, entry.attempts, entry.ending) = (Standing::Waiting, 0, false);
                entry.key_fate = KeyFate::Kept;
            }
        });
        self.regroup(spot.0, wall);
        let freed = held && !self.entry(spot).is_some_and(Entry::holds_key);
        match () {
            () if outdated => Settled::TakenBack,
            () if ends => Settled::Cancelled,
            () if freed => Settled::Freed,
            () if self.entry(spot).is_some_and(Entry::is_parked) => Settled::Parked,
            () => Settled::Recorded,
        }
    }

    pub(super) fn expire(&mut self, now: Timestamp, wall: Timestamp) -> Expired {
        let late = self.deadlines.iter().take_while(|(deadline, _)| *deadline < now);
        let late: Vec<Spot> = late.take(limits::EXPIRE_ITEMS_MAX).map(|(_, spot)| *spot).collect();
        let mut expired = Expired::default();
        for spot in late {
            // The end of an earlier one of its group may have ended it.
            if self.entry(spot).is_none_or(|entry| entry.standing.is_final()) {
                continue;
            }
            self.alter(spot, wall, |entry| entry.standing = Standing::Expired);
            expired.moved.extend(self.told(spot));
            self.regroup(spot.0, wall);
        }
        expired.moved.append(&mut self.take_moved());
        expired.next = self.deadlines.first().map(|(deadline, _)| *deadline);
        expired
    }

    /// A delivery whose standing was changed by the store, as it is told.
    pub(super) fn told(&self, spot: Spot) -> Option<Moved> {
        let message = &self.messages.get(&spot.0)?.message;
        Some(Moved {
            tenant: message.tenant.clone(),
            target: self.entry(spot)?.start.target.clone(),
            position: Position(spot.0),
            message: message.id,
            received: message.received,
            delivery: message.first.at(spot.1),
            standing: self.entry(spot)?.standing,
        })
    }

    pub(super) fn entry(&self, spot: Spot) -> Option<&Entry> {
        self.messages.get(&spot.0)?.entries.get(usize::from(spot.1))
    }

    /// The places of all deliveries that are like this.
    pub(super) fn spots(&self, like: impl Fn(&Entry) -> bool) -> Vec<Spot> {
        let of = |(position, kept): (&u64, &Kept)| {
            let position = *position;
            let found: Vec<Spot> = (0..)
                .zip(&kept.entries)
                .filter(|(_, entry)| like(entry))
                .map(|(ordinal, _)| (position, ordinal))
                .collect();
            found
        };
        self.messages.iter().flat_map(of).collect()
    }

    /// Changes a delivery and keeps the indexes right.
    pub(super) fn alter(&mut self, spot: Spot, wall: Timestamp, change: impl FnOnce(&mut Entry)) {
        self.unindex(spot);
        if let Some(entry) =
            self.messages.get_mut(&spot.0).and_then(|kept| kept.entries.get_mut(usize::from(spot.1)))
        {
            change(entry);
            entry.died = wall;
        }
        self.index(spot);
    }

    pub(super) fn index(&mut self, spot: Spot) {
        let Some((tenant, entry)) = self.with_tenant(spot) else { return };
        let lane = (tenant.clone(), entry.start.target.clone());
        let key = self.key_of(&tenant, &entry.start).filter(|_| entry.holds_key());
        if let Standing::Due(at) = entry.standing {
            self.due.entry(lane).or_default().insert((at, spot));
            let own = self.deadline(spot).filter(|_| entry.start.part.is_main());
            self.deadlines.extend(own.map(|deadline| (deadline, spot)));
        }
        if let Some(key) = key {
            self.keys.entry(key).or_default().insert(spot);
        }
    }

    fn unindex(&mut self, spot: Spot) {
        let Some((tenant, entry)) = self.with_tenant(spot) else { return };
        let lane = (tenant.clone(), entry.start.target.clone());
        if let (Standing::Due(at), Some(due)) = (entry.standing, self.due.get_mut(&lane)) {
            due.remove(&(at, spot));
        }
        if let Some(deadline) = self.deadline(spot) {
            self.deadlines.remove(&(deadline, spot));
        }
        if let Some(key) = self.key_of(&tenant, &entry.start)
            && let Some(spots) = self.keys.get_mut(&key)
        {
            spots.remove(&spot);
            if spots.is_empty() {
                self.keys.remove(&key);
            }
        }
    }

    fn deadline(&self, spot: Spot) -> Option<Timestamp> {
        self.messages.get(&spot.0)?.message.deadline
    }

    pub(super) fn with_tenant(&self, spot: Spot) -> Option<(Name, Entry)> {
        Some((self.messages.get(&spot.0)?.message.tenant.clone(), self.entry(spot)?.clone()))
    }
}

impl Entry {
    /// A callback in flight that tells of a run before this one.
    fn is_outdated(&self) -> bool {
        self.ending && self.start.part.duty == Duty::Callback
    }

    fn record(&mut self, attempt: &Attempt) {
        if attempt.is_counted() {
            self.attempts += 1;
            self.orphaned = 0;
        } else {
            self.history.pop_if(|last| attempt.replaces(last));
        }
        self.history.push(attempt.clone());
    }

    pub(super) fn new(start: Start, standing: Standing, received: Timestamp) -> Self {
        let history: Vec<Attempt> = start.fault.as_deref().cloned().into_iter().collect();
        let dead = matches!(standing, Standing::Dead(_));
        Self {
            key_fate: if dead { start.key_fate } else { KeyFate::Kept },
            start,
            standing,
            attempts: u32::from(!history.is_empty()),
            run: 1,
            revision: 0,
            orphaned: 0,
            suspect: Suspicion::Clear,
            edit: None,
            edits: Vec::new(),
            history,
            died: received,
            ending: false,
        }
    }
}
