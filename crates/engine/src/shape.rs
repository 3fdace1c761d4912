//! The expression that makes a body, as it was pinned at accept.

use crate::dispatch::lane::Lane;
use crate::engine::Engine;
use bytes::Bytes;
use contract::Name;
use contract::delivery::{ErrorClass, ShapeId};
use contract::expression::{Expression, Fault};
use contract::store::Scope;
use contract::target::{Lasting, Outcome};
use std::sync::Arc;

/// Why it is not known what a target would be sent.
#[derive(Debug, thiserror::Error)]
pub enum ShapeError {
    /// The target left the configuration.
    #[error("the configuration does not have the target {0}, so its `body` is not known")]
    NoTarget(Name),
    /// The target's expression failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Engine {
    /// What a target as configured now would be sent instead of a body; none if that passes untouched.
    ///
    /// # Errors
    /// [`ShapeError`]
    pub async fn shaped_for(
        &self,
        tenant: &Name,
        target: &Name,
        body: Bytes,
    ) -> Result<Option<Bytes>, ShapeError> {
        let is = |lane: &&Arc<Lane>| lane.name == *target && lane.tenant == *tenant;
        let plan = self.lanes().iter().find(is).and_then(|lane| lane.plan());
        let plan = plan.ok_or_else(|| ShapeError::NoTarget(target.clone()))?;
        match &plan.shape {
            Some(shape) => Ok(Some(shape.expression.evaluate(body).await?)),
            None => Ok(None),
        }
    }

    /// The expression of a shape, from the plan or, when that has changed, from the store.
    pub(crate) async fn shape(&self, id: ShapeId) -> Result<Arc<dyn Expression>, Outcome> {
        if let Some(shape) = self.shapes.lock().get(&id) {
            return Ok(Arc::clone(shape));
        }
        let own = |lasting, detail: &str| own(ErrorClass::LocalConfig, lasting, detail);
        let kept = self.doors.store.state(Scope::Shape(id)).await;
        let kept = kept.map_err(|fault| own(Lasting::Passing, &fault.to_string()))?;
        let kept =
            kept.ok_or_else(|| own(Lasting::Lasting, "the shape pinned at accept is not in the store"))?;
        let text = String::from_utf8_lossy(&kept.value);
        let compiled = self.doors.compile.compile(&text);
        let shape = compiled
            .ok_or_else(|| own(Lasting::Lasting, "the shape pinned at accept does not compile any more"))?;
        self.shapes.lock().insert(id, Arc::clone(&shape));
        Ok(shape)
    }
}

/// A fault of this side.
pub(crate) fn own(class: ErrorClass, lasting: Lasting, detail: &str) -> Outcome {
    Outcome::Own { class, lasting, detail: detail.to_owned() }
}
