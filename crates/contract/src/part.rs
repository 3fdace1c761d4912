//! What a delivery is to its message: its duty, whom it waits for, and when the message has succeeded.

use crate::MessageId;

/// When a message has succeeded: over its required deliveries, without the skipped ones.
///
/// ```
/// use contract::part::Rule;
/// assert_eq!(Rule::default(), Rule::All);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Every one is delivered.
    #[default]
    All,
    /// At least so many are delivered, or all if there are fewer.
    Quorum(u16),
}

/// What a delivery is to its message. Codes are part of the schema of stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Duty {
    /// The message has not succeeded without it, as its rule says.
    #[default]
    Required,
    /// Nice to have: it never makes its message fail.
    Optional,
    /// Goes only when the rule is broken and the delivery of this ordinal was delivered.
    Undo(u16),
    /// Goes when everything else has ended, and says how.
    Callback,
    /// Was added later by the replay of this id: it is listed with its message, and changes nothing for it.
    Replay(MessageId),
}

/// A delivery's part in its group, fixed at accept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// What it is to its message.
    pub duty: Duty,
    /// Ordinals of the deliveries that must be delivered first; those that their filter skipped are not waited for.
    pub after: Vec<u16>,
}

impl Part {
    /// Whether it begins with waiting.
    #[must_use]
    pub fn waits(&self) -> bool {
        match self.duty {
            Duty::Required | Duty::Optional => !self.after.is_empty(),
            Duty::Replay(_) => false,
            Duty::Undo(_) | Duty::Callback => true,
        }
    }

    /// Whether the message wants it for itself.
    #[must_use]
    pub const fn is_main(&self) -> bool {
        self.duty.is_main()
    }
}

impl Duty {
    /// Whether the message wants it for itself: it is no undo, no callback and no replay. Only then the message's deadline is its own too:
    /// undoing, telling and replaying are never too late.
    #[must_use]
    pub const fn is_main(self) -> bool {
        match self {
            Self::Required | Self::Optional => true,
            Self::Undo(_) | Self::Callback | Self::Replay(_) => false,
        }
    }

    /// The replay that added it.
    #[must_use]
    pub const fn replay(self) -> Option<MessageId> {
        match self {
            Self::Replay(of) => Some(of),
            Self::Required | Self::Optional | Self::Undo(_) | Self::Callback => None,
        }
    }

    /// Whether it brings its target the message: an undo and a callback bring something else.
    #[must_use]
    pub const fn brings_message(self) -> bool {
        match self {
            Self::Required | Self::Optional | Self::Replay(_) => true,
            Self::Undo(_) | Self::Callback => false,
        }
    }

    /// Whether it has a say in what becomes of its message: a callback only tells of that, and a replay comes after it.
    #[must_use]
    pub const fn is_of_group(self) -> bool {
        match self {
            Self::Required | Self::Optional | Self::Undo(_) => true,
            Self::Callback | Self::Replay(_) => false,
        }
    }
}
