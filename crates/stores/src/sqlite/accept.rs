//! Keeps new messages.

use super::batch::{Admission, Batch};
use super::code::Code;
use super::head::{Head, checksum, halves};
use super::pack::{self, Beginning, Beginnings, Form};
use super::place::{Number, Spot};
use super::slice::{Row, micros};
use super::trouble::{Result, Trouble};
use contract::delivery::Standing;
use contract::limits;
use contract::line::Priority;
use contract::order::KeyFate;
use contract::store::{Accept, Accepted, Once, Position, Session, Start};
use contract::{Message, Name, Timestamp};
use rusqlite::{OptionalExtension, params};

/// Tenant and route of a message as numbers.
#[derive(Clone, Copy)]
struct Origin {
    tenant: u32,
    route: u32,
}

/// What a key was first used for.
struct First {
    position: Position,
    fingerprint: u128,
}

impl Batch<'_> {
    pub(super) fn accept(&mut self, session: Session, batch: &[Accept]) -> Result<Vec<Accepted>> {
        if batch.iter().any(|item| item.deliveries.len() > limits::FAN_OUT_MAX) {
            let detail = format!("a message may have at most {} deliveries", limits::FAN_OUT_MAX);
            return Err(Trouble::Failed(detail));
        }
        batch.iter().map(|item| self.accept_one(session, item)).collect()
    }

    fn accept_one(&mut self, session: Session, item: &Accept) -> Result<Accepted> {
        let message = item.message.as_ref();
        let Some(origin) = self.origin(message)? else { return Ok(Accepted::Full) };
        if let Some(once) = &item.once
            && let Some(first) = self.first_use(origin, once, message.received)?
        {
            return if first.fingerprint == once.fingerprint {
                self.same(&self.head(first.position)?)
            } else {
                Ok(Accepted::Conflict)
            };
        }
        if message.deadline.is_some_and(|deadline| deadline <= message.received) {
            return Ok(Accepted::NeverSent);
        }
        if self.admission == Admission::Closed {
            return Ok(Accepted::Full);
        }
        let (each, rows, demoted) = self.begin_deliveries(session, item, origin)?;
        let beginnings = Beginnings { rule: item.rule, each };
        let row = self.ledger.next_row(self.files.current);
        self.insert_message(row, message, origin, &beginnings)?;
        let slice = self.slice(self.files.current)?;
        let position = slice.position(row);
        let spot =
            |ordinal| Spot::new(position, ordinal).ok_or(Trouble::Failed("too many deliveries".into()));
        for (ordinal, row) in rows {
            let fault = item.deliveries.get(usize::from(ordinal)).and_then(|start| start.fault.as_deref());
            let packed = fault.map(|attempt| {
                let mut packed = Vec::new();
                pack::pack_attempt(attempt, &mut packed);
                packed
            });
            let kept = u32::from(packed.is_some());
            let row = Row { spot: spot(ordinal)?, attempts: kept, kept, ..row };
            self.insert(slice, &row, packed.as_deref())?;
        }
        for (ordinal, beginning) in (0..).zip(&beginnings.each) {
            if beginning.form == Form::Implied {
                self.ledger.hold(spot(ordinal)?, beginning.lane);
            }
        }
        if let Some(once) = &item.once {
            let mut put = slice.file.prepare_cached(
                "INSERT OR REPLACE INTO once(tenant, route, caller, key, row, fingerprint, at)
                 VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?;
            let fingerprint = once.fingerprint.to_le_bytes();
            let at = micros(message.received);
            put.execute(params![origin.tenant, origin.route, once.caller, once.key, row, fingerprint, at])?;
        }
        Ok(Accepted::New { position, demoted })
    }

    /// None when a name is new and there is no room for it.
    fn origin(&self, message: &Message) -> Result<Option<Origin>> {
        let catalog = &self.files.catalog;
        if self.admission == Admission::Closed {
            let names = catalog.read();
            let both = names.number(&message.tenant).zip(names.number(&message.route));
            return Ok(both.map(|(tenant, route)| Origin { tenant, route }));
        }
        Ok(Some(Origin { tenant: catalog.name(&message.tenant)?, route: catalog.name(&message.route)? }))
    }

    /// How each delivery begins, the rows that say so (their spot is not known yet), and who did not get a lease.
    #[expect(clippy::type_complexity, reason = "three lists that are taken apart at once")]
    fn begin_deliveries(
        &mut self,
        session: Session,
        item: &Accept,
        origin: Origin,
    ) -> Result<(Vec<Beginning>, Vec<(u16, Row)>, Vec<u16>)> {
        let mut beginnings: Vec<Beginning> = Vec::with_capacity(item.deliveries.len());
        let (mut rows, mut demoted): (Vec<(u16, Row)>, Vec<u16>) = (Vec::new(), Vec::new());
        let received = item.message.received;
        // The end of one moves others: that is written where the others are.
        let grouped = item.deliveries.iter().any(|start| start.part.waits());
        for (ordinal, start) in (0..).zip(&item.deliveries) {
            let lane = self.files.catalog.lane(origin.tenant, &start.target)?;
            let mut standing = start.standing;
            let mut blocked = false;
            let holds = holds(start);
            if let Some(key) = start.key.as_ref().filter(|_| !standing.is_final()) {
                let own = rows.iter().any(|(_, row)| row.lane == lane && row.key.as_deref() == Some(&*key.0));
                blocked = own || self.is_held(lane, &key.0)?;
            }
            if standing == Standing::Leased && (blocked || !self.is_alive(session)) {
                standing = Standing::Due(received);
                demoted.push(ordinal);
            }
            let plain = start.key.is_none() && start.priority == Priority::Normal && !grouped;
            let implied = standing == Standing::Leased && plain;
            let form = if implied { Form::Implied } else { Form::Row };
            let (key, part) = (start.key.clone(), start.part.clone());
            beginnings.push(Beginning { lane, shape: start.shape, key, form, part });
            if !implied {
                let (code, death, at) = Code::split(standing, received);
                let code = if code == Code::Due && blocked { Code::Blocked } else { code };
                let key = start.key.as_ref().filter(|_| holds).map(|key| key.0.to_string());
                let rank = (code == Code::Dead).then_some(halves(item.message.first.to_bits()).0);
                let deadline = item.message.deadline.filter(|_| start.part.is_main());
                rows.push((
                    ordinal,
                    Row {
                        death,
                        at,
                        key,
                        rank,
                        deadline,
                        priority: start.priority,
                        ..Row::new(Spot(0), lane, code)
                    },
                ));
            }
        }
        Ok((beginnings, rows, demoted))
    }

    fn insert_message(
        &mut self,
        row: i64,
        message: &Message,
        origin: Origin,
        beginnings: &Beginnings,
    ) -> Result<()> {
        let mut starts = std::mem::take(&mut self.space);
        starts.clear();
        pack::pack_beginnings(beginnings, &mut starts);
        let (hi, lo) = halves(message.id.to_bits());
        let (first_hi, first_lo) = halves(message.first.to_bits());
        let values = params![
            row,
            hi,
            lo,
            first_hi,
            first_lo,
            origin.tenant,
            origin.route,
            micros(message.received),
            message.deadline.map(micros),
            checksum(message, &starts),
            starts,
            message.headers.block().as_ref(),
            message.body.as_ref(),
        ];
        self.hot()?.message.execute(values)?;
        self.space = starts;
        Ok(())
    }

    /// The first use of a key inside the window: in the current slice, or in a closed one whose filter may have it.
    fn first_use(&self, origin: Origin, once: &Once, received: Timestamp) -> Result<Option<First>> {
        let closed = self.seen.iter().rev().filter(|(_, seen)| {
            seen.may_have(&(origin.tenant, origin.route, once.caller.as_str(), once.key.as_str()))
        });
        let oldest = micros(received - once.window.min(limits::IDEMPOTENCY_WINDOW));
        for number in std::iter::once(self.files.current).chain(closed.map(|(number, _)| *number)) {
            let slice = self.slice(number)?;
            let mut find = slice.file.prepare_cached(
                "SELECT row, fingerprint FROM once WHERE tenant = ?1 AND route = ?2 AND caller = ?3 AND key = ?4
                 AND at >= ?5",
            )?;
            let found = find
                .query_row(params![origin.tenant, origin.route, once.caller, once.key, oldest], |row| {
                    let position = slice.position(row.get(0)?);
                    Ok(First { position, fingerprint: u128::from_le_bytes(row.get(1)?) })
                })
                .optional()?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn same(&self, head: &Head) -> Result<Accepted> {
        let names = self.files.catalog.read();
        let own = head.beginnings.iter().take_while(|one| one.part.is_main());
        let targets: Result<Vec<Name>> = own.map(|one| names.target(one.lane)).collect();
        Ok(Accepted::Same { id: head.id, first: head.first, targets: targets? })
    }

    /// Whether a key is held in any slice.
    pub(super) fn is_held(&self, lane: u32, key: &str) -> Result<bool> {
        for number in self.slices_with_keys() {
            let slice = self.slice(number)?;
            let mut find =
                slice.file.prepare_cached("SELECT 1 FROM delivery WHERE lane = ?1 AND key = ?2 LIMIT 1")?;
            if find.exists(params![lane, key])? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The slices that have rows which hold a key, oldest positions first (what was carried is older than the rest
    /// of its key or at least has its own position).
    pub(super) fn slices_with_keys(&self) -> Vec<Number> {
        self.ledger.tallies().iter().filter(|(_, tally)| tally.keyed > 0).map(|(number, _)| *number).collect()
    }
}

/// Whether a delivery that begins so holds its order key.
fn holds(start: &Start) -> bool {
    match start.standing {
        Standing::Dead(_) => start.key_fate == KeyFate::Kept,
        Standing::Leased | Standing::Due(_) | Standing::Waiting => true,
        Standing::Delivered
        | Standing::Cancelled
        | Standing::Expired
        | Standing::Skipped
        | Standing::Unmet => false,
    }
}
