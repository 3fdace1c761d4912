//! Puts the engine of one life together: the real one, with the taps, and with a planted bug if there is one.

use crate::clock::WorldClock;
use crate::language::{Compiler, KeyOf, Teller, Wants, shape};
use crate::mutant::Mutant;
use crate::mutant::target::MutantTarget;
use crate::network::{Network, host};
use crate::random::Random;
use crate::recipe::{Generation, Recipe, RouteRecipe, TargetRecipe, WayRecipe};
use crate::tap::store::StoreTap;
use crate::tap::target::{Poison, TargetTap};
use connectors::http::{HttpTarget, Settings as HttpSettings};
use contract::expression::Expression;
use contract::part::Rule;
use contract::store::Store;
use contract::target::Target;
use contract::{Clock, Entropy, Name};
use engine::plan::{Plan, RoutePlan, TargetPlan, Way};
use engine::policy::concurrency::Limit;
use engine::policy::statuses::Statuses;
use engine::policy::{breaker, capture};
use engine::{Doors, Engine, Settings};
use http::Uri;
use std::sync::Arc;
use std::time::Duration;

/// What an engine is made of in one life.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) recipe: Arc<Recipe>,
    pub(crate) network: Arc<Network>,
    /// What the engine gets: the tap, perhaps with a bug before it.
    pub(crate) store: Arc<dyn Store>,
    pub(crate) tap: Arc<StoreTap>,
    pub(crate) entropy: Arc<Random>,
    pub(crate) poison: Poison,
    pub(crate) mutant: Option<Mutant>,
}

impl Stage {
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::<WorldClock>::clone(&self.network.scene.clock)
    }

    fn has(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// A process begins.
    pub(crate) async fn start(&self) -> Result<Arc<Engine>, contract::store::Fault> {
        let doors = Doors {
            clock: self.clock(),
            entropy: Arc::<Random>::clone(&self.entropy) as Arc<dyn Entropy>,
            store: Arc::clone(&self.store),
            compile: Arc::new(Compiler),
            report: Arc::new(Teller),
            listeners: Vec::new(),
        };
        let settings = Settings {
            node: Name::default_tenant(),
            accept_queue: self.recipe.accept_queue,
            memory: self.recipe.memory,
            ..Settings::default()
        };
        Engine::start(doors, settings).await
    }

    /// The configuration as the engine gets it.
    pub(crate) fn plan(&self, generation: &Generation) -> Plan {
        let present = |target: &usize| !generation.dropped.contains(target);
        let routes = self.recipe.routes.iter().enumerate();
        let routes = routes.map(|(number, route)| {
            let primary = self.recipe.primary(number, generation);
            RoutePlan { primary, ..self.route(route, self.recipe.ways(number, generation)) }
        });
        let routes = routes.collect();
        let targets = self.recipe.targets.iter().enumerate();
        let targets = targets.filter(|(number, _)| present(number) || self.has(Mutant::IgnoredDrop));
        let targets =
            targets.filter_map(|(number, target)| self.target(number, target, generation)).collect();
        Plan { routes, targets }
    }

    fn route(&self, route: &RouteRecipe, ways: Vec<WayRecipe>) -> RoutePlan {
        let way = |way: WayRecipe| {
            let target = self.recipe.targets.get(way.target)?.name.clone();
            Some(Way { target, part: way.part })
        };
        let keyed = route.keyed && !self.has(Mutant::IgnoredOrder);
        RoutePlan {
            name: route.name.clone(),
            to: ways.into_iter().filter_map(way).collect(),
            rule: route.quorum.map_or(Rule::All, Rule::Quorum),
            primary: None,
            deadline: route.deadline.filter(|_| !self.has(Mutant::ForgottenDeadline)),
            priority: route.priority,
            key: keyed.then(|| Arc::new(KeyOf) as Arc<dyn Expression>),
        }
    }

    fn target(&self, number: usize, target: &TargetRecipe, generation: &Generation) -> Option<TargetPlan> {
        let filtered = target.filtered && !self.has(Mutant::IgnoredFilter);
        let wants = || Arc::new(Wants(format!("\"{}\"", target.name))) as Arc<dyn Expression>;
        Some(TargetPlan {
            name: target.name.clone(),
            retry: target.policy.clone(),
            statuses: Statuses::default(),
            breaker: self.breaker(target),
            disable_after: None,
            capture: capture::Policy::default(),
            credentials: 0,
            host: None,
            concurrency: Limit::Fixed(target.concurrency + usize::from(self.has(Mutant::ConcurrencyPlusOne))),
            rate: target.rate.filter(|_| !self.has(Mutant::IgnoredRate)),
            order: target.order,
            when: filtered.then(wants),
            shape: generation.shapes.get(number).copied().flatten().map(shape),
            target: self.call(number, target)?,
        })
    }

    fn breaker(&self, target: &TargetRecipe) -> Option<breaker::Policy> {
        let policy = target.breaker.filter(|_| !self.has(Mutant::IgnoredBreaker))?;
        let at_once = Duration::from_millis(1);
        Some(match self.mutant {
            Some(Mutant::NervousBreaker) => breaker::Policy { consecutive: 1, ..policy },
            Some(Mutant::HastyBreaker) => breaker::Policy { open: at_once, open_max: at_once, ..policy },
            Some(_) | None => policy,
        })
    }

    /// The real HTTP target over the simulated network, watched.
    fn call(&self, number: usize, target: &TargetRecipe) -> Option<Arc<dyn Target>> {
        let url: Uri = format!("http://{}/hook", host(number)).parse().ok()?;
        let mut settings = HttpSettings::new(url);
        settings.timeouts.total = target.timeout;
        let dial = Arc::<Network>::clone(&self.network);
        let http: Arc<dyn Target> = Arc::new(HttpTarget::new(settings, self.clock(), dial));
        let tapped: Arc<dyn Target> = Arc::new(TargetTap {
            target: http,
            number,
            oracle: Arc::clone(&self.network.scene.oracle),
            fuse: Arc::clone(&self.network.scene.fuse),
            poison: self.poison,
        });
        Some(match self.mutant {
            Some(mutant) => Arc::new(MutantTarget { target: tapped, mutant }),
            None => tapped,
        })
    }
}
