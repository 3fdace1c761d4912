//! Takes a configuration into use.

use crate::engine::Engine;
use crate::plan::Plan;
use crate::route::{Ray, Route};
use contract::Name;
use contract::store::Fault;
use std::sync::Arc;

impl Engine {
    /// Takes a configuration into use; gives its routes in order. Deliveries of targets that it does not have are held.
    ///
    /// # Errors
    /// The store's: then the configuration is not in use.
    pub async fn apply(&self, plan: Plan) -> Result<Vec<Arc<Route>>, Fault> {
        for shape in plan.targets.iter().filter_map(|target| target.shape.as_ref()) {
            self.use_shape(shape.id, &shape.text).await?;
            self.shapes.lock().insert(shape.id, Arc::clone(&shape.mould));
        }
        let tenant = Name::default_tenant();
        let targets: Vec<_> = plan.targets.into_iter().map(Arc::new).collect();
        for lane in self.lanes().iter().filter(|lane| !targets.iter().any(|target| target.name == lane.name))
        {
            lane.set_plan(None);
        }
        for target in &targets {
            self.lane(&tenant, &target.name).set_plan(Some(Arc::clone(target)));
        }
        let routes = plan.routes.into_iter().map(|route| {
            let rays = route.to.iter().filter_map(|name| {
                let target = targets.iter().find(|target| target.name == *name)?;
                Some(Ray {
                    lane: self.lane(&tenant, name),
                    when: target.when.clone(),
                    shape: target.shape.as_ref().map(|shape| shape.id),
                    retry: target.retry.clone(),
                })
            });
            Arc::new(Route {
                name: route.name,
                deadline: route.deadline,
                key: route.key,
                rays: rays.collect(),
                targets: route.to.into(),
            })
        });
        let routes = routes.collect();
        self.wake.wake();
        Ok(routes)
    }
}
