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
    /// Goes only when the rule is broken and the delivery of this ordinal was delivered. With its own ordinal it undoes nothing, in no run:
    /// its filter said no.
    Undo(u16),
    /// Goes when everything else has ended, and says how.
    Callback,
    /// Was added later by the replay of this id: it is listed with its message, and changes nothing for it.
    Replay(MessageId),
}

/// Who reads the answer to a delivery, beside people who look at its attempts: then it is kept whole, and one that cannot be read is a failure.
///
/// ```
/// use contract::part::{Audience, Caller, Reads};
/// assert!(!Audience::default().is_there());
/// assert!(Audience { others: Reads::Head, caller: Caller::Away }.is_there());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Audience {
    /// What deliveries of the same message that come later read of it.
    pub others: Reads,
    /// Whether the caller gets it.
    pub caller: Caller,
}

/// What is read of an answer. Codes are part of the schema of stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reads {
    /// Nothing.
    #[default]
    Nothing = 0,
    /// Status and headers.
    Head = 1,
    /// The body too, which must be JSON.
    Body = 2,
}

impl Reads {
    /// Back from the code that a store kept.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Nothing),
            1 => Some(Self::Head),
            2 => Some(Self::Body),
            3.. => None,
        }
    }
}

/// Whether the caller gets the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Caller {
    /// It has its ticket.
    #[default]
    Away,
    /// It waits. In this many seconds after accept a failure is its answer, and so the end: it is not tried again. 0: failures are tried again
    /// while it waits.
    Waits {
        /// The seconds.
        seconds: u8,
    },
}

impl Audience {
    /// Whether anybody reads it.
    #[must_use]
    pub fn is_there(self) -> bool {
        self != Self::default()
    }
}

/// A delivery's part in its group, fixed at accept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// What it is to its message.
    pub duty: Duty,
    /// Ordinals of the deliveries that must be delivered first; those that their filter skipped are not waited for.
    pub after: Vec<u16>,
    /// Who reads its answer.
    pub audience: Audience,
}

/// Whom a delivery of a group comes after, directly or through others; an undo comes after what it undoes.
///
/// ```
/// use contract::part::{Duty, Part, before};
/// let after = |after: &[u16]| Part { after: after.to_vec(), ..Part::default() };
/// let parts = [after(&[]), after(&[0]), after(&[1]), Part { duty: Duty::Undo(1), ..Part::default() }];
/// let parts: Vec<&Part> = parts.iter().collect();
/// assert_eq!(before(&parts, 2), [1, 0]);
/// assert_eq!(before(&parts, 3), [1, 0]);
/// ```
#[must_use]
pub fn before(parts: &[&Part], ordinal: u16) -> Vec<u16> {
    let direct = |ordinal: u16| -> Vec<u16> {
        match parts.get(usize::from(ordinal)) {
            Some(Part { duty: Duty::Undo(of), .. }) => vec![*of],
            Some(part) => part.after.clone(),
            None => Vec::new(),
        }
    };
    let (mut open, mut found) = (direct(ordinal), Vec::new());
    while let Some(next) = open.pop() {
        if !found.contains(&next) {
            found.push(next);
            open.extend(direct(next));
        }
    }
    found
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
