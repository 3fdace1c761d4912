//! The file that knows the slices, the names, the sessions and the small state.

use super::place::Number;
use super::trouble::{Result, Trouble};
use bytes::Bytes;
use contract::store::{Scope, ScopeKind, Session, Versioned};
use contract::{MessageId, Name, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// One slice as the catalog lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) number: Number,
    pub(super) opened: Timestamp,
    pub(super) closed: Option<Timestamp>,
}

/// Small numbers for names: only the writer adds, and a number never changes its name.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<Name, u32>,
    names: HashMap<u32, Name>,
    lanes: HashMap<(u32, u32), u32>,
    pairs: HashMap<u32, (u32, u32)>,
}

impl Names {
    pub(super) fn number(&self, name: &Name) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    pub(super) fn name(&self, number: u32) -> Option<&Name> {
        self.names.get(&number)
    }

    pub(super) fn lane(&self, tenant: u32, target: u32) -> Option<u32> {
        self.lanes.get(&(tenant, target)).copied()
    }

    /// Tenant and target of a lane.
    pub(super) fn pair(&self, lane: u32) -> Option<(&Name, &Name)> {
        let (tenant, target) = self.pairs.get(&lane)?;
        Some((self.name(*tenant)?, self.name(*target)?))
    }

    pub(super) fn target(&self, lane: u32) -> Result<Name> {
        let unknown = || Trouble::Failed(format!("lane {lane} is not in the catalog"));
        self.pair(lane).map(|(_, target)| target.clone()).ok_or_else(unknown)
    }

    /// How many lanes have a tenant or a target that is no name.
    pub(super) fn lanes_without_names(&self) -> usize {
        self.pairs.keys().filter(|lane| self.pair(**lane).is_none()).count()
    }

    fn add_name(&mut self, number: u32, name: Name) {
        self.numbers.insert(name.clone(), number);
        self.names.insert(number, name);
    }

    fn add_lane(&mut self, lane: u32, tenant: u32, target: u32) {
        self.lanes.insert((tenant, target), lane);
        self.pairs.insert(lane, (tenant, target));
    }
}

/// The writer's hold on the catalog. Every write is a transaction of its own; all are rare.
pub(super) struct Catalog {
    pub(super) file: Connection,
    pub(super) names: Arc<RwLock<Names>>,
}

impl Catalog {
    pub(super) fn new(file: Connection) -> Result<Self> {
        let names = Arc::new(RwLock::new(load_names(&file)?));
        Ok(Self { file, names })
    }

    /// The number of a name, which it gets now if it has none.
    pub(super) fn name(&self, name: &Name) -> Result<u32> {
        if let Some(number) = self.read().number(name) {
            return Ok(number);
        }
        self.file.execute("INSERT INTO name(text) VALUES(?1)", [name.as_str()])?;
        let number = narrow(self.file.last_insert_rowid())?;
        self.write().add_name(number, name.clone());
        Ok(number)
    }

    /// The lane of a tenant's target, which it gets now if it has none.
    pub(super) fn lane(&self, tenant: u32, target: &Name) -> Result<u32> {
        let target = self.name(target)?;
        if let Some(lane) = self.read().lane(tenant, target) {
            return Ok(lane);
        }
        self.file.execute("INSERT INTO lane(tenant, target) VALUES(?1, ?2)", [tenant, target])?;
        let lane = narrow(self.file.last_insert_rowid())?;
        self.write().add_lane(lane, tenant, target);
        Ok(lane)
    }

    pub(super) fn read(&self) -> std::sync::RwLockReadGuard<'_, Names> {
        self.names.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Names> {
        self.names.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn open_session(&self, node: &Name, now: Timestamp) -> Result<Session> {
        let opened = now.as_micros().cast_signed();
        self.file
            .execute("INSERT INTO session(node, opened) VALUES(?1, ?2)", params![node.as_str(), opened])?;
        let session = self.file.last_insert_rowid();
        // Only the last one can live: the folder is locked.
        self.file.execute("DELETE FROM session WHERE id < ?1", [session])?;
        Ok(Session(session.cast_unsigned()))
    }

    /// Closes the slice that took messages so far, and lists the new one.
    pub(super) fn begin_slice(&self, number: Number, now: Timestamp) -> Result<()> {
        let now = now.as_micros().cast_signed();
        let change = self.file.unchecked_transaction()?;
        change.execute("UPDATE slice SET closed = ?1 WHERE closed IS NULL", [now])?;
        change.execute("INSERT INTO slice(number, opened) VALUES(?1, ?2)", params![number.0, now])?;
        Ok(change.commit()?)
    }

    /// Before its file is removed, so that a file without a message's newest standing is never taken for a slice.
    pub(super) fn drop_slice(&self, number: Number) -> Result<()> {
        self.file.execute("UPDATE slice SET dropped = 1 WHERE number = ?1", [number.0])?;
        Ok(())
    }

    /// After its file was removed.
    pub(super) fn forget_slice(&self, number: Number) -> Result<()> {
        self.file.execute("DELETE FROM slice WHERE number = ?1 AND dropped = 1", [number.0])?;
        Ok(())
    }

    /// Slices whose file a crash may have left.
    pub(super) fn dropped(&self) -> Result<Vec<Number>> {
        let mut listed = self.file.prepare("SELECT number FROM slice WHERE dropped = 1")?;
        let numbers: rusqlite::Result<Vec<Number>> =
            listed.query_map([], |row| row.get(0).map(Number))?.collect();
        Ok(numbers?)
    }

    /// Ids made until then may have been forgotten.
    pub(super) fn forget_until(&self, made: Timestamp) -> Result<()> {
        let put = "INSERT INTO fact(name, number) VALUES('gone', ?1)
            ON CONFLICT(name) DO UPDATE SET number = max(number, excluded.number)";
        self.file.execute(put, [made.as_micros().cast_signed()])?;
        Ok(())
    }

    /// Since when a damaged file has been kept that goes with no slice: from now on, if that was not written yet.
    pub(super) fn evidence_since(&self, now: Timestamp) -> Result<Timestamp> {
        let put = "INSERT OR IGNORE INTO fact(name, number) VALUES('evidence', ?1)";
        self.file.execute(put, [now.as_micros().cast_signed()])?;
        Ok(fact(&self.file, "evidence")?.unwrap_or(now))
    }

    /// After that file was removed.
    pub(super) fn forget_evidence(&self) -> Result<()> {
        self.file.execute("DELETE FROM fact WHERE name = 'evidence'", [])?;
        Ok(())
    }

    pub(super) fn put_state(&self, scope: &Scope, expected: u64, value: &Bytes) -> Result<bool> {
        let (kind, subject) = address(scope);
        let expected = expected.cast_signed();
        let written = if expected == 0 {
            let put = "INSERT OR IGNORE INTO state(kind, subject, version, value) VALUES(?1, ?2, 1, ?3)";
            self.file.execute(put, params![kind, subject, value.as_ref()])?
        } else {
            let put = "UPDATE state SET version = version + 1, value = ?4 WHERE kind = ?1 AND subject = ?2 AND version = ?3";
            self.file.execute(put, params![kind, subject, expected, value.as_ref()])?
        };
        Ok(written == 1)
    }

    pub(super) fn forget_state(&self, scope: &Scope, expected: u64) -> Result<bool> {
        let (kind, subject) = address(scope);
        let forget = "DELETE FROM state WHERE kind = ?1 AND subject = ?2 AND version = ?3";
        Ok(self.file.execute(forget, params![kind, subject, expected.cast_signed()])? == 1)
    }
}

fn narrow(id: i64) -> Result<u32> {
    u32::try_from(id).map_err(|_| Trouble::Failed(format!("the catalog has no more numbers (at {id})")))
}

/// The slices that are not dropped, oldest first.
pub(super) fn slices(file: &Connection) -> Result<Vec<Listed>> {
    let mut listed =
        file.prepare("SELECT number, opened, closed FROM slice WHERE dropped = 0 ORDER BY number")?;
    let mut rows = listed.query([])?;
    let mut slices = Vec::new();
    while let Some(row) = rows.next()? {
        let time = |micros: i64| Timestamp::from_micros(micros.cast_unsigned());
        slices.push(Listed {
            number: Number(row.get(0)?),
            opened: time(row.get(1)?),
            closed: row.get::<_, Option<i64>>(2)?.map(time),
        });
    }
    Ok(slices)
}

pub(super) fn load_names(file: &Connection) -> Result<Names> {
    let mut names = Names::default();
    let mut listed = file.prepare("SELECT id, text FROM name")?;
    let mut rows = listed.query([])?;
    while let Some(row) = rows.next()? {
        let text: String = row.get(1)?;
        let name = Name::try_new(&text).map_err(|error| Trouble::Fatal(error.to_string()))?;
        names.add_name(row.get(0)?, name);
    }
    let mut listed = file.prepare("SELECT id, tenant, target FROM lane")?;
    let mut rows = listed.query([])?;
    while let Some(row) = rows.next()? {
        names.add_lane(row.get(0)?, row.get(1)?, row.get(2)?);
    }
    Ok(names)
}

/// Until when ids may have been forgotten.
pub(super) fn gone_until(file: &Connection) -> Result<Option<Timestamp>> {
    fact(file, "gone")
}

fn fact(file: &Connection, name: &str) -> Result<Option<Timestamp>> {
    let find = "SELECT number FROM fact WHERE name = ?1";
    let found: Option<i64> = file.query_row(find, [name], |row| row.get(0)).optional()?;
    Ok(found.map(|micros| Timestamp::from_micros(micros.cast_unsigned())))
}

pub(super) fn state(file: &Connection, scope: &Scope) -> Result<Option<Versioned>> {
    let (kind, subject) = address(scope);
    let find = "SELECT version, value FROM state WHERE kind = ?1 AND subject = ?2";
    let found = file.query_row(find, params![kind, subject], |row| versioned(row, 0)).optional()?;
    Ok(found)
}

pub(super) fn states(file: &Connection, kind: ScopeKind) -> Result<Vec<(Scope, Versioned)>> {
    let mut listed =
        file.prepare("SELECT version, value, subject FROM state WHERE kind = ?1 ORDER BY subject")?;
    let mut rows = listed.query([kind_code(kind)])?;
    let mut states = Vec::new();
    while let Some(row) = rows.next()? {
        let subject: String = row.get(2)?;
        let unknown = || Trouble::Failed(format!("state of {subject:?} is not of this version"));
        states.push((scope(kind, &subject).ok_or_else(unknown)?, versioned(row, 0)?));
    }
    states.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(states)
}

fn versioned(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Versioned> {
    let version: i64 = row.get(at)?;
    let value: Vec<u8> = row.get(at + 1)?;
    Ok(Versioned { version: version.cast_unsigned(), value: value.into() })
}

const fn kind_code(kind: ScopeKind) -> i64 {
    match kind {
        ScopeKind::Target => 1,
        ScopeKind::Shape => 2,
        ScopeKind::Redrive => 3,
        ScopeKind::Replay => 4,
    }
}

/// A scope's kind and its text; names have no slash.
fn address(scope: &Scope) -> (i64, String) {
    match scope {
        Scope::Target(tenant, target) => (kind_code(ScopeKind::Target), format!("{tenant}/{target}")),
        Scope::Shape(shape) => (kind_code(ScopeKind::Shape), format!("{:016x}", shape.0)),
        Scope::Redrive(id) => (kind_code(ScopeKind::Redrive), id.to_string()),
        Scope::Replay(id) => (kind_code(ScopeKind::Replay), id.to_string()),
    }
}

fn scope(kind: ScopeKind, subject: &str) -> Option<Scope> {
    Some(match kind {
        ScopeKind::Target => {
            let (tenant, target) = subject.split_once('/')?;
            Scope::Target(Name::try_new(tenant).ok()?, Name::try_new(target).ok()?)
        }
        ScopeKind::Shape => Scope::Shape(contract::delivery::ShapeId(u64::from_str_radix(subject, 16).ok()?)),
        ScopeKind::Redrive => Scope::Redrive(subject.parse::<MessageId>().ok()?),
        ScopeKind::Replay => Scope::Replay(subject.parse::<MessageId>().ok()?),
    })
}
