//! An answer, as an attempt keeps it: the beginning of its body, or all of it where somebody reads it.

use crate::limits;
use crate::message::Headers;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The beginning of an answer's body, bounded by [`limits::CAPTURE_BYTES_MAX`]; where somebody reads the answer
/// ([`Audience`](crate::part::Audience)), all of it, bounded by [`limits::ANSWER_BYTES_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capture {
    /// The answer's `content-type`, if any.
    pub content_type: Option<String>,
    /// The answer's own headers, where somebody reads them.
    pub headers: Headers,
    /// The bytes, decompressed.
    pub body: Bytes,
    /// How the capture ended.
    pub end: CaptureEnd,
}

impl Capture {
    /// As much of it as is kept where nobody reads it.
    #[must_use]
    pub fn beginning(mut self) -> Self {
        self.headers = Headers::default();
        if self.body.len() > limits::CAPTURE_BYTES_MAX {
            // Copied: what is left would hold all of it in memory.
            self.body =
                Bytes::copy_from_slice(self.body.get(..limits::CAPTURE_BYTES_MAX).unwrap_or_default());
            self.end = CaptureEnd::Truncated;
        }
        self
    }
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
