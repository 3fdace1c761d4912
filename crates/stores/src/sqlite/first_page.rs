//! A damaged first page is replaced by that of an empty file: the tables are made in one order, so their roots are on the same pages.
//!
//! The list of free pages is lost by it, so such a file is mended at once.

use super::files::Files;
use super::naming::{MENDING, beside};
use super::opening::PAGE_BYTES;
use super::place::Number;
use super::removal::{keep_evidence, remove};
use super::trouble::Result;
use rusqlite::wal::CheckpointMode;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Where a file's header says how many pages it has.
const PAGE_COUNT: std::ops::Range<usize> = 28..32;

impl Files {
    /// Puts a copy with a new first page in the place of a slice's file, which is kept as evidence.
    pub(super) fn lend_first_page(&self, number: Number) -> Result<()> {
        let path = number.path(&self.folder);
        let draft = beside(&path, MENDING);
        let (mut page, empty_pages) = self.first_page(number, &draft)?;
        std::fs::copy(&path, &draft)?;
        let file = File::options().write(true).open(&draft)?;
        let size = page.len().max(1) as u64;
        // Of a file that was cut off, the roots may be missing too: SQLite opens none whose tables begin behind its end.
        let pages = file.metadata()?.len().div_ceil(size).max(empty_pages);
        file.set_len(pages * size)?;
        if let Some(count) = page.get_mut(PAGE_COUNT) {
            count.copy_from_slice(&u32::try_from(pages).unwrap_or(u32::MAX).to_be_bytes());
        }
        file.write_all_at(&page, 0)?;
        file.sync_all()?;
        keep_evidence(&path)?;
        // From then on the file opens: a start after a crash must know that it has to be mended.
        File::create(number.lent(&self.folder))?.sync_all()?;
        self.sync_folder()?;
        std::fs::rename(&draft, &path)?;
        self.sync_folder()
    }

    /// The first page of an empty slice, and how many pages that has.
    fn first_page(&self, number: Number, draft: &std::path::Path) -> Result<(Vec<u8>, u64)> {
        remove(draft)?;
        let empty = super::slice::Slice::to_write(number, self.open_draft(draft)?)?;
        empty.checkpoint(CheckpointMode::TRUNCATE)?;
        drop(empty);
        let mut page = std::fs::read(draft)?;
        let pages = page.len() as u64 / u64::from(PAGE_BYTES);
        page.truncate(PAGE_BYTES as usize);
        remove(draft)?;
        Ok((page, pages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::admit::hold;
    use crate::sqlite::opening::Sync;
    use contract::Timestamp;

    #[test]
    fn a_crash_between_lending_and_mending_does_not_forget_that_a_page_was_lent() {
        let folder = tempfile::tempdir().unwrap();
        let open =
            || Files::open(folder.path(), hold(folder.path()).unwrap(), Sync::Off, Timestamp::ZERO).unwrap();
        let mut files = open();
        files.slices.clear();
        files.lend_first_page(Number(1)).unwrap();
        drop(files);
        let mut files = open();
        assert!(files.broken.contains(&Number(1)));
        files.mend(Number(1), Timestamp::ZERO, std::time::Duration::ZERO, &|_, _, _| true).unwrap();
        drop(files);
        assert!(open().broken.is_empty());
    }
}
