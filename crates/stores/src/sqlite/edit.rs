//! Edits of a delivery: what is sent instead of its message, and who wrote it.

use super::place::Spot;
use super::slice::{Slice, time};
use super::trouble::{Result, Trouble};
use contract::MessageId;
use contract::message::Headers;
use contract::query::{Edit, Edited};

pub(super) fn edit_checksum(edit: &Edit) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(edit.headers.block());
    crc.update(&edit.body);
    crc.finalize()
}

impl Slice {
    /// The latest edit of a delivery of this message, if its bytes match their checksum.
    pub(super) fn edit(&self, message: MessageId, spot: Spot) -> Result<Option<Edit>> {
        let mut find = self.file.prepare_cached(
            "SELECT crc, headers, body FROM edit WHERE spot = ?1 ORDER BY revision DESC LIMIT 1",
        )?;
        let mut rows = find.query([self.local(spot)])?;
        // Asked for only after an edit: without it, what was never meant would be sent.
        let Some(row) = rows.next()? else { return Err(Trouble::Corrupt(message)) };
        let edit = Edit {
            headers: Headers::from_block(row.get::<_, Vec<u8>>(1)?.into()),
            body: row.get::<_, Vec<u8>>(2)?.into(),
        };
        let sound = edit_checksum(&edit) == row.get::<_, u32>(0)?;
        if sound { Ok(Some(edit)) } else { Err(Trouble::Corrupt(message)) }
    }

    /// Who made each edit of a delivery.
    pub(super) fn edits(&self, spot: Spot) -> Result<Vec<Edited>> {
        let sql = "SELECT revision, at, author FROM edit WHERE spot = ?1 ORDER BY revision";
        let mut find = self.file.prepare_cached(sql)?;
        let read = |row: &rusqlite::Row<'_>| {
            Ok(Edited { revision: row.get(0)?, at: row.get::<_, Option<i64>>(1)?.map(time), by: row.get(2)? })
        };
        let edits: rusqlite::Result<Vec<Edited>> = find.query_map([self.local(spot)], read)?.collect();
        Ok(edits?)
    }

    /// Whether every edit of a delivery is there and matches its checksum.
    pub(super) fn edits_are_sound(&self, spot: Spot, revisions: u32) -> Result<bool> {
        let mut find = self
            .file
            .prepare_cached("SELECT crc, headers, body FROM edit WHERE spot = ?1 ORDER BY revision")?;
        let mut rows = find.query([self.local(spot)])?;
        let mut sound = 0;
        while let Some(row) = rows.next()? {
            let mut crc = crc32fast::Hasher::new();
            for column in [1, 2] {
                crc.update(row.get_ref(column)?.as_blob().unwrap_or_default());
            }
            sound += u32::from(crc.finalize() == row.get::<_, u32>(0)?);
        }
        Ok(sound == revisions)
    }
}
