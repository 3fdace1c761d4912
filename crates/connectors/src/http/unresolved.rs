//! Why a name has no address: what a resolver said, as far as it matters.

/// Why a name has no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// The answer is that there is none.
    #[error("the host name does not resolve")]
    NoSuchName,
    /// There is no answer.
    #[error("the resolver did not answer: {detail}")]
    NoAnswer {
        /// Its words.
        detail: String,
    },
    /// This process could not ask.
    #[error("the resolver could not be asked: {detail}")]
    NoResources {
        /// What is missing.
        detail: String,
    },
}
