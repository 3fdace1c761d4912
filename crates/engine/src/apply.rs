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
        let (tenant, now) = (Name::default_tenant(), self.doors.clock.now());
        let targets: Vec<_> = plan.targets.into_iter().map(Arc::new).collect();
        for lane in self.lanes().iter().filter(|lane| !targets.iter().any(|target| target.name == lane.name))
        {
            lane.set_plan(None);
        }
        for target in &targets {
            let lane = self.lane(&tenant, &target.name);
            if target.breaker.is_none() && lane.hold().breaker.is_some() {
                self.hold(&lane, |hold| hold.breaker = None);
            }
            // They may have changed while no process ran.
            if lane.hold().refuses_others_than(target.credentials) {
                self.hold(&lane, |hold| hold.look_now(now));
            }
            lane.set_plan(Some(Arc::clone(target)));
        }
        let routes = plan.routes.into_iter().map(|route| {
            let own = route.to.iter().filter(|way| way.part.is_main());
            let own = own.map(|way| way.target.clone()).collect();
            let waits = route.to.iter().any(|way| way.part.waits());
            let rays = route.to.into_iter().filter_map(|way| {
                let target = targets.iter().find(|target| target.name == way.target)?;
                Some(Ray {
                    lane: self.lane(&tenant, &way.target),
                    part: way.part,
                    when: target.when.clone(),
                    shape: target.shape.as_ref().map(|shape| shape.id),
                    retry: target.retry.clone(),
                    order: target.order,
                })
            });
            Arc::new(Route {
                name: route.name,
                deadline: route.deadline,
                priority: route.priority,
                key: route.key,
                rule: route.rule,
                waits,
                primary: route.primary,
                rays: rays.collect(),
                targets: own,
            })
        });
        let routes: Vec<Arc<Route>> = routes.collect();
        self.remember(&routes);
        if let Err(fault) = self.release_unwanted().await {
            tracing::warn!(%fault, "parked order keys could not be looked at; it is tried again");
        }
        self.wake.wake();
        Ok(routes)
    }

    /// Keeps in mind by which routes somebody may still work.
    fn remember(&self, routes: &[Arc<Route>]) {
        let mut known = self.routes.lock();
        known.retain(|route| route.strong_count() > 0);
        known.extend(routes.iter().map(Arc::downgrade));
    }
}
