//! A message in its slice: found by place, by its id or by a delivery's id, with or without its body.

use super::catalog::Names;
use super::pack::{self, Beginning, Beginnings};
use super::slice::{Slice, time};
use super::trouble::{Result, Trouble};
use bytes::Bytes;
use contract::message::Headers;
use contract::part::Rule;
use contract::store::Position;
use contract::{DeliveryId, Message, MessageId, Name, Timestamp};
use rusqlite::OptionalExtension;
use std::sync::Arc;

/// What is known of a message without its body.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) position: Position,
    pub(super) id: MessageId,
    pub(super) first: DeliveryId,
    pub(super) tenant: u32,
    pub(super) route: u32,
    pub(super) received: Timestamp,
    pub(super) rule: Rule,
    pub(super) beginnings: Vec<Beginning>,
}

/// Whether what a message started with can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Soundness {
    Sound,
    Damaged,
}

macro_rules! head {
    () => {
        "row, hi, lo, first_hi, first_lo, tenant, route, received, starts"
    };
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves")]
pub(super) const fn halves(bits: u128) -> (i64, i64) {
    (((bits >> 64) as u64).cast_signed(), (bits as u64).cast_signed())
}

pub(super) fn whole(hi: i64, lo: i64) -> u128 {
    (u128::from(hi.cast_unsigned()) << 64) | u128::from(lo.cast_unsigned())
}

/// Over everything that a delivery depends on.
pub(super) fn checksum(message: &Message, starts: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&message.id.to_bits().to_le_bytes());
    crc.update(&message.first.to_bits().to_le_bytes());
    crc.update(&message.received.as_micros().to_le_bytes());
    crc.update(&message.deadline.map_or(u64::MAX, Timestamp::as_micros).to_le_bytes());
    crc.update(starts);
    crc.update(message.headers.block());
    crc.update(&message.body);
    crc.finalize()
}

impl Slice {
    fn read_head(&self, row: &rusqlite::Row<'_>) -> Result<Head> {
        let head = self.read_labels(row)?;
        let packed = row.get_ref(8)?.as_blob().unwrap_or_default();
        let Beginnings { rule, each } = pack::unpack_beginnings(packed).ok_or(Trouble::Corrupt(head.id))?;
        Ok(Head { rule, beginnings: each, ..head })
    }

    /// The head without what the message started with.
    fn read_labels(&self, row: &rusqlite::Row<'_>) -> Result<Head> {
        Ok(Head {
            position: self.position(row.get(0)?),
            id: MessageId::from_bits(whole(row.get(1)?, row.get(2)?)),
            first: DeliveryId::from_bits(whole(row.get(3)?, row.get(4)?)),
            tenant: row.get(5)?,
            route: row.get(6)?,
            received: time(row.get(7)?),
            rule: Rule::default(),
            beginnings: Vec::new(),
        })
    }

    pub(super) fn head(&self, position: Position) -> Result<Option<Head>> {
        let mut find =
            self.file.prepare_cached(concat!("SELECT ", head!(), " FROM message WHERE row = ?1"))?;
        let mut rows = find.query([self.row_of(position)])?;
        rows.next()?.map(|row| self.read_head(row)).transpose()
    }

    /// What a list shows of a message, whatever it started with; and whether that can be read.
    pub(super) fn head_for_list(&self, position: Position) -> Result<Option<(Head, Soundness)>> {
        match self.head(position) {
            Ok(head) => Ok(head.map(|head| (head, Soundness::Sound))),
            Err(Trouble::Corrupt(_)) => {
                let mut find =
                    self.file.prepare_cached(concat!("SELECT ", head!(), " FROM message WHERE row = ?1"))?;
                let mut rows = find.query([self.row_of(position)])?;
                let head = rows.next()?.map(|row| self.read_labels(row)).transpose()?;
                Ok(head.map(|head| (head, Soundness::Damaged)))
            }
            Err(other) => Err(other),
        }
    }

    /// The id and the order in lists of a message whose other bytes may be damaged; none when it is gone.
    pub(super) fn labels(&self, position: Position) -> Result<Option<(MessageId, i64)>> {
        let mut find = self.file.prepare_cached("SELECT hi, lo, first_hi FROM message WHERE row = ?1")?;
        let labels = |row: &rusqlite::Row<'_>| Ok((whole(row.get(0)?, row.get(1)?), row.get(2)?));
        let found = find.query_row([self.row_of(position)], labels).optional()?;
        Ok(found.map(|(id, rank)| (MessageId::from_bits(id), rank)))
    }

    /// The id of a message's first delivery.
    pub(super) fn first_id(&self, position: Position) -> Result<Option<DeliveryId>> {
        let mut find = self.file.prepare_cached("SELECT first_hi, first_lo FROM message WHERE row = ?1")?;
        let bits = |row: &rusqlite::Row<'_>| Ok(whole(row.get(0)?, row.get(1)?));
        let found = find.query_row([self.row_of(position)], bits).optional()?;
        Ok(found.map(DeliveryId::from_bits))
    }

    pub(super) fn deadline(&self, position: Position) -> Result<Option<Timestamp>> {
        let mut find = self.file.prepare_cached("SELECT deadline FROM message WHERE row = ?1")?;
        let found = find.query_row([self.row_of(position)], |row| row.get::<_, Option<i64>>(0)).optional()?;
        Ok(found.flatten().map(time))
    }

    pub(super) fn head_by_id(&self, id: MessageId) -> Result<Option<Head>> {
        let mut find = self.file.prepare_cached(concat!(
            "SELECT ",
            head!(),
            " FROM message WHERE hi = ?1 AND lo = ?2"
        ))?;
        let (hi, lo) = halves(id.to_bits());
        let mut rows = find.query([hi, lo])?;
        rows.next()?.map(|row| self.read_head(row)).transpose()
    }

    /// The message whose delivery this is: both ids were made in the same millisecond.
    pub(super) fn head_by_delivery(&self, id: DeliveryId) -> Result<Option<Head>> {
        let mut find = self.file.prepare_cached(concat!(
            "SELECT ",
            head!(),
            " FROM message WHERE hi BETWEEN ?1 AND ?2 AND first_hi = ?3 AND first_lo = ?4"
        ))?;
        let (hi, lo) = halves(id.at(0).to_bits());
        let moment = hi & !0xffff;
        let mut rows = find.query([moment, moment | 0xffff, hi, lo])?;
        let found = rows.next()?.map(|row| self.read_head(row)).transpose()?;
        Ok(found.filter(|head| usize::from(id.ordinal()) < head.beginnings.len()))
    }

    /// The whole message, if its bytes match their checksum.
    pub(super) fn message(&self, head: &Head, names: &Names) -> Result<Arc<Message>> {
        let mut find = self
            .file
            .prepare_cached("SELECT deadline, crc, starts, headers, body FROM message WHERE row = ?1")?;
        let mut rows = find.query([self.row_of(head.position)])?;
        let Some(row) = rows.next()? else { return Err(Trouble::Corrupt(head.id)) };
        let bytes =
            |at| row.get_ref(at).map(|value| Bytes::copy_from_slice(value.as_blob().unwrap_or_default()));
        let message = Message {
            id: head.id,
            first: head.first,
            tenant: named(names, head.tenant)?,
            route: named(names, head.route)?,
            received: head.received,
            deadline: row.get::<_, Option<i64>>(0)?.map(time),
            headers: Headers::from_block(bytes(3)?),
            body: bytes(4)?,
        };
        let starts = row.get_ref(2)?.as_blob().unwrap_or_default();
        let sound = checksum(&message, starts) == row.get::<_, u32>(1)?;
        if sound { Ok(Arc::new(message)) } else { Err(Trouble::Corrupt(head.id)) }
    }
}

pub(super) fn named(names: &Names, number: u32) -> Result<Name> {
    let unknown = || Trouble::Failed(format!("name {number} is not in the catalog"));
    names.name(number).cloned().ok_or_else(unknown)
}
