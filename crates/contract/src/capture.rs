//! The beginning of an answer's body, as an attempt keeps it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The beginning of an answer's body, bounded by [`crate::limits::CAPTURE_BYTES_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capture {
    /// The answer's `content-type`, if any.
    pub content_type: Option<String>,
    /// The bytes, decompressed.
    pub body: Bytes,
    /// How the capture ended.
    pub end: CaptureEnd,
}

/// How a capture ended. Codes are part of the schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum CaptureEnd {
    /// The whole body.
    #[default]
    Complete = 0,
    /// Longer than the bound; the rest was dropped.
    Truncated = 1,
    /// The body did not come in time.
    TimedOut = 2,
    /// The connection broke, or the body could not be decoded.
    Broken = 3,
}

impl CaptureEnd {
    /// Back from the code that a store kept.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Complete),
            1 => Some(Self::Truncated),
            2 => Some(Self::TimedOut),
            3 => Some(Self::Broken),
            4.. => None,
        }
    }
}
