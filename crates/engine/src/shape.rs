//! What makes body, path and headers of a message, as it was pinned at accept.

use crate::engine::Engine;
use bytes::Bytes;
use contract::delivery::{ErrorClass, ShapeId};
use contract::expression;
use contract::mould::Mould;
use contract::store::{Fault, Scope};
use contract::target::{Lasting, Outcome};
use contract::{DeliveryId, Message, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// How often the row of a shape that is configured says that it is in use.
pub(crate) const MARK_EVERY: Duration = Duration::from_secs(3600);
/// No expression begins with this byte: what does has the time of its last use in the next eight, then its text. What does not is of the
/// first version, all text.
const WITH_TIME: u8 = 1;

/// A shape as the store has it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// When it was last in use, as far as its row knows.
    pub(crate) used: Option<Timestamp>,
    pub(crate) text: String,
}

impl Kept {
    pub(crate) fn read(value: &[u8]) -> Self {
        let (used, text) = match value.split_first_chunk::<9>() {
            Some(([WITH_TIME, used @ ..], text)) => {
                (Some(Timestamp::from_micros(u64::from_le_bytes(*used))), text)
            }
            Some(_) | None => (None, value),
        };
        Self { used, text: String::from_utf8_lossy(text).into_owned() }
    }

    fn write(used: Timestamp, text: &str) -> Bytes {
        let used = used.as_micros().to_le_bytes();
        [&[WITH_TIME], used.as_slice(), text.as_bytes()].concat().into()
    }
}

/// Why it is not known what a target would be sent.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct ShapeError {
    /// Whether a repeat may help.
    pub lasting: Lasting,
    detail: String,
}

impl ShapeError {
    pub(crate) fn new(lasting: Lasting, detail: impl ToString) -> Self {
        Self { lasting, detail: detail.to_string() }
    }
}

impl From<expression::Fault> for ShapeError {
    fn from(fault: expression::Fault) -> Self {
        let lasting = match fault {
            expression::Fault::Busy { .. } => Lasting::Passing,
            expression::Fault::NotJson { .. }
            | expression::Fault::Raised { .. }
            | expression::Fault::Empty
            | expression::Fault::Template { .. }
            | expression::Fault::Exceeded { .. } => Lasting::Lasting,
        };
        Self::new(lasting, fault)
    }
}

impl Engine {
    /// The body of a message in the shape that one of its deliveries was given at accept; none: the shape leaves it as it is.
    ///
    /// # Errors
    /// [`ShapeError`]
    pub async fn shaped(
        &self,
        id: ShapeId,
        message: &Message,
        delivery: DeliveryId,
    ) -> Result<Option<Bytes>, ShapeError> {
        let mould = self.shape(id).await?;
        let responses = self.responses(message, delivery, mould.reading()).await?;
        Ok(mould.body(message.body.clone(), &responses).await?)
    }

    /// Keeps the text of a shape, and that it is in use now.
    pub(crate) async fn use_shape(&self, id: ShapeId, text: &str) -> Result<(), Fault> {
        loop {
            let now = self.doors.clock.now();
            let kept = self.doors.store.state(Scope::Shape(id)).await?;
            let used = kept.as_ref().and_then(|kept| Kept::read(&kept.value).used);
            if used.is_some_and(|used| now.since(used) < MARK_EVERY) {
                return Ok(());
            }
            let version = kept.map_or(0, |kept| kept.version);
            if self.doors.store.put_state(Scope::Shape(id), version, Kept::write(now, text)).await? {
                return Ok(());
            }
        }
    }

    /// The mould of a shape, from the plan or, when that has changed, from the store.
    pub(crate) async fn shape(&self, id: ShapeId) -> Result<Arc<dyn Mould>, ShapeError> {
        if let Some(shape) = self.shapes.lock().get(&id) {
            return Ok(Arc::clone(shape));
        }
        let kept = self.doors.store.state(Scope::Shape(id)).await;
        let kept = kept.map_err(|fault| ShapeError::new(Lasting::Passing, fault))?;
        let lost = |detail| ShapeError::new(Lasting::Lasting, detail);
        let kept = kept.ok_or_else(|| lost("the shape pinned at accept is not in the store"))?;
        let compiled = self.doors.compile.compile(&Kept::read(&kept.value).text);
        let shape = compiled.ok_or_else(|| lost("the shape pinned at accept does not compile any more"))?;
        self.shapes.lock().insert(id, Arc::clone(&shape));
        Ok(shape)
    }
}

/// A fault of this side.
pub(crate) fn own(class: ErrorClass, lasting: Lasting, detail: &str) -> Outcome {
    Outcome::Own { class, lasting, detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_read_as_it_was_written_and_as_the_first_version_wrote_it() {
        let used = Timestamp::from_micros(1_790_000_000_000_000);
        for text in ["", ".", "{email: .email, name: \"ü\"}"] {
            let kept = |used| Kept { used, text: text.to_owned() };
            assert_eq!(Kept::read(&Kept::write(used, text)), kept(Some(used)));
            assert_eq!(Kept::read(text.as_bytes()), kept(None));
        }
    }
}
