//! The expression that makes a body, as it was pinned at accept.

use crate::engine::Engine;
use contract::delivery::{ErrorClass, ShapeId};
use contract::expression::Expression;
use contract::store::Scope;
use contract::target::{Lasting, Outcome};
use std::sync::Arc;

impl Engine {
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
