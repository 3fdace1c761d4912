//! The statements of the happy path on one slice, compiled and taken from the cache once per group.

use super::slice::Slice;
use super::trouble::Result;
use rusqlite::CachedStatement;

const MESSAGE: &str =
    "INSERT INTO message(row, hi, lo, first_hi, first_lo, tenant, route, received, deadline,
  crc, starts, headers, body) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
const SETTLED: &str =
    "INSERT INTO delivery(spot, lane, state, attempts, kept, attempt) VALUES(?1, ?2, ?3, 1, 1, ?4)";

pub(super) struct Hot<'a> {
    /// A new message.
    pub(super) message: CachedStatement<'a>,
    /// A delivery that was leased at accept, tried once and is done: most of them.
    pub(super) settled: CachedStatement<'a>,
}

impl<'a> Hot<'a> {
    pub(super) fn new(slice: &'a Slice) -> Result<Self> {
        Ok(Self {
            message: slice.file.prepare_cached(MESSAGE)?,
            settled: slice.file.prepare_cached(SETTLED)?,
        })
    }
}
