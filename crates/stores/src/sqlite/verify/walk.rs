//! A slice in bites: a few messages with all that belongs to them, read at one moment, so that no read transaction is long.

use super::bite::{Bite, Place};
use super::gap::beyond;
use super::message::Reading;
use super::{Damage, Finding};
use crate::sqlite::catalog::Names;
use crate::sqlite::load;
use crate::sqlite::slice::Slice;
use crate::sqlite::trouble::{Result, Trouble};
use rusqlite::{OptionalExtension, params};

/// Messages of one bite.
const BITE_MESSAGES: u64 = 256;
/// Bytes of one bite; one message more may be in it.
const BITE_BYTES: u64 = 1 << 20;
/// Idempotency keys of one bite.
const BITE_KEYS: i64 = 1024;

/// A slice to look through.
pub(in crate::sqlite) struct Walk<'a> {
    pub(in crate::sqlite) slice: &'a Slice,
    pub(in crate::sqlite) names: &'a Names,
    /// It takes no more messages: then every delivery has a row.
    pub(in crate::sqlite) closed: bool,
}

impl Walk<'_> {
    /// Looks at the next few messages, or keys.
    ///
    /// # Errors
    /// Only what is no damage.
    pub(in crate::sqlite) fn bite(&self, place: Place) -> Result<Bite> {
        let mut bite = Bite::default();
        let looked = self.slice.at_one_moment(|| match &place {
            Place::Row(from) => self.messages(*from, &mut bite),
            Place::Key(tenant, route, caller, key) => {
                self.keys((*tenant, *route, caller.as_str(), key.as_str()), &mut bite)
            }
        });
        match looked {
            Ok(()) => {}
            // What a page that cannot be read has cut off ends here; it is named.
            Err(Trouble::Damaged(detail)) => {
                bite.findings
                    .push(Finding::of_file(&self.slice.number.file_name(), Damage::Pages { detail }));
                bite.next = None;
            }
            Err(other) => return Err(other),
        }
        Ok(bite)
    }

    fn messages(&self, from: i64, bite: &mut Bite) -> Result<()> {
        let mark = if self.closed { i64::MAX } else { load::mark(self.slice)? };
        let mut reading = Reading { slice: self.slice, names: self.names, mark, bite };
        let mut from = from;
        loop {
            if reading.bite.messages >= BITE_MESSAGES || reading.bite.bytes >= BITE_BYTES {
                reading.bite.next = Some(Place::Row(from));
                return Ok(());
            }
            match self.next_row(from) {
                Ok(Some(row)) => {
                    reading.message(from, row)?;
                    from = row.saturating_add(1);
                }
                Ok(None) => {
                    reading.rest(from)?;
                    reading.bite.next = Some(Place::Key(0, 0, String::new(), String::new()));
                    return Ok(());
                }
                Err(Trouble::Damaged(_)) => {
                    let next = beyond(from, |at| self.next_row(at).map(|_| ()))?;
                    let to = next.map(|next| next - 1);
                    reading.note(None, None, Damage::Unreadable { from, to });
                    match next {
                        Some(next) => from = next,
                        None => return Ok(()),
                    }
                }
                Err(other) => return Err(other),
            }
        }
    }

    fn next_row(&self, from: i64) -> Result<Option<i64>> {
        let find = "SELECT row FROM message WHERE row >= ?1 ORDER BY row LIMIT 1";
        Ok(self.slice.file.prepare_cached(find)?.query_row([from], |row| row.get(0)).optional()?)
    }

    fn keys(&self, after: (u32, u32, &str, &str), bite: &mut Bite) -> Result<()> {
        let mut find = self.slice.file.prepare_cached(
            "SELECT tenant, route, caller, key, EXISTS (SELECT 1 FROM message WHERE message.row = once.row) FROM once
             WHERE (tenant, route, caller, key) > (?1, ?2, ?3, ?4) ORDER BY tenant, route, caller, key LIMIT ?5",
        )?;
        let (tenant, route, caller, key) = after;
        let mut rows = find.query(params![tenant, route, caller, key, BITE_KEYS])?;
        let mut seen = 0;
        while let Some(row) = rows.next()? {
            seen += 1;
            let (caller, key): (String, String) = (row.get(2)?, row.get(3)?);
            bite.bytes += (caller.len() + key.len()) as u64;
            bite.next = Some(Place::Key(row.get(0)?, row.get(1)?, caller, key));
            if !row.get::<_, bool>(4)? {
                bite.findings.push(Finding::of_file(&self.slice.number.file_name(), Damage::Key));
            }
        }
        if seen < BITE_KEYS {
            bite.next = None;
        }
        Ok(())
    }
}
