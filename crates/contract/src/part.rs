//! What a delivery is to its message: its duty, whom it waits for, and when the message has succeeded.

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
    /// Whether the message wants it for itself: it is neither an undo nor a callback. Only then the message's deadline is its own too:
    /// undoing and telling are never too late.
    #[must_use]
    pub const fn is_main(self) -> bool {
        match self {
            Self::Required | Self::Optional => true,
            Self::Undo(_) | Self::Callback => false,
        }
    }
}
