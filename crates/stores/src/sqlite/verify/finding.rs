//! One thing that is wrong with a store: where, what, and what to do.

use contract::{DeliveryId, MessageId};
use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The name of the file in the store's folder.
    pub file: String,
    /// Whose data, where that is known.
    pub message: Option<MessageId>,
    /// Which delivery's, where that is known.
    pub delivery: Option<DeliveryId>,
    /// What.
    pub damage: Damage,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The catalog lists the file and it is not there.
    Missing,
    /// The file has no tables: all that was in it is gone.
    Empty,
    /// The file has messages and the catalog does not list it.
    Unlisted,
    /// SQLite cannot read a page, or a page contradicts others.
    Pages {
        /// In SQLite's words.
        detail: String,
    },
    /// Messages cannot be read at all; not even their ids are known.
    Unreadable {
        /// The row of the first.
        from: i64,
        /// The row of the last; none: to the end of the file.
        to: Option<i64>,
    },
    /// The bytes of a message do not match their checksum.
    Message,
    /// What a message started with does not unpack.
    Beginnings,
    /// A name or a lane is not in the catalog.
    Name,
    /// A delivery has values that do not exist or that contradict its message.
    Delivery,
    /// A delivery must have a row and has none.
    NoRow,
    /// A delivery whose message is not there.
    NoMessage,
    /// An index does not lead to the row that it must lead to.
    Index,
    /// An attempt does not unpack.
    Attempt,
    /// There are more or fewer attempts than the delivery counts.
    Attempts,
    /// The bytes of an edit do not match their checksum, or an edit is not there.
    Edit,
    /// An idempotency key leads to a message that is not there.
    Key,
    /// A name of the catalog is none.
    Catalog,
}

impl Damage {
    /// A word for scripts.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Empty => "empty",
            Self::Unlisted => "unlisted",
            Self::Pages { .. } => "pages",
            Self::Unreadable { .. } => "unreadable",
            Self::Message => "message",
            Self::Beginnings => "beginnings",
            Self::Name => "name",
            Self::Delivery => "delivery",
            Self::NoRow => "no_row",
            Self::NoMessage => "no_message",
            Self::Index => "index",
            Self::Attempt => "attempt",
            Self::Attempts => "attempts",
            Self::Edit => "edit",
            Self::Key => "key",
            Self::Catalog => "catalog",
        }
    }

    /// Whether a new file with what can be read would be without it.
    pub(in crate::sqlite) const fn is_of_pages(&self) -> bool {
        matches!(self, Self::Pages { .. } | Self::Unreadable { .. } | Self::Delivery | Self::Index)
    }

    /// What to do about it.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Missing | Self::Empty | Self::Unlisted => {
                "restore all files of one moment from a copy of the folder"
            }
            Self::Catalog | Self::Name => {
                "stop the gateway and restore the folder from a copy, or report this with the file"
            }
            Self::Pages { .. } | Self::Unreadable { .. } | Self::Delivery | Self::NoRow | Self::Index => {
                "look at the disk; restore the folder from a copy, or send again from the source what was accepted then"
            }
            Self::Message | Self::Beginnings | Self::Edit => {
                "look at the disk; send the message again from its source with a new Idempotency-Key"
            }
            Self::NoMessage | Self::Key | Self::Attempt | Self::Attempts => {
                "look at the disk; nothing is delivered wrongly because of this"
            }
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the file is listed in catalog.db and is not there",
            Self::Empty => "the file is empty: what was in it is gone",
            Self::Unlisted => "the file has messages and catalog.db does not list it",
            Self::Pages { detail } => return write!(f, "damaged pages: {detail}"),
            Self::Unreadable { from, to: Some(to) } => {
                return write!(f, "the messages in rows {from} to {to} cannot be read");
            }
            Self::Unreadable { from, to: None } => {
                return write!(f, "the messages from row {from} on cannot be read");
            }
            Self::Message => "the message does not match its checksum",
            Self::Beginnings => "what the message started with cannot be read",
            Self::Name => "a name or target of it is not in catalog.db",
            Self::Delivery => "the state of the delivery makes no sense",
            Self::NoRow => "the state of the delivery is not there",
            Self::NoMessage => "a delivery is there and its message is not",
            Self::Index => "an index does not lead to it",
            Self::Attempt => "an attempt cannot be read",
            Self::Attempts => "the number of its attempts is not what was counted",
            Self::Edit => "an edit of it is damaged or not there",
            Self::Key => "an idempotency key leads to a message that is not there",
            Self::Catalog => "a name in it is none",
        })
    }
}

impl Finding {
    pub(super) fn of_file(file: &str, damage: Damage) -> Self {
        Self { file: file.to_owned(), message: None, delivery: None, damage }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(message) = self.message {
            write!(f, ", message {message}")?;
        }
        if let Some(delivery) = self.delivery {
            write!(f, ", delivery {delivery}")?;
        }
        write!(f, ": {}", self.damage)
    }
}
