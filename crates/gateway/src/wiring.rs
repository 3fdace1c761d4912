//! From a valid configuration to what the engine and the front door need.

use crate::api::dedupe::{By, Dedupe};
use crate::api::front::{Entry, Params, Primary, Routing};
use crate::api::redactions::Redactions;
use crate::api::view::{Nobody, TicketView};
use crate::config::{self, Config, DedupeBy, Failure, Private};
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use connectors::http::settings::{Settings, Timeouts, Tls};
use connectors::http::{Dial, Guard, HttpTarget, Roots, dial};
use contract::Clock;
use contract::delivery::ShapeId;
use contract::expression::Expression;
use contract::mould::Mould;
use contract::part::{Caller, Duty, Part};
use contract::ticket::Ticket;
use engine::plan::{Compile, Plan, Report, RoutePlan, Shape, TargetPlan, Way};
use engine::route::Route;
use expressions::{Blueprint, Program, Runner, Template};
use http::Uri;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Builds plans from configurations, with what all of them share.
pub struct Wiring {
    runner: Runner,
    clock: Arc<dyn Clock>,
    dial: Arc<dyn Dial>,
}

/// A target cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("target {target}: {source}")]
pub struct WiringError {
    target: contract::Name,
    source: connectors::http::Fault,
}

impl Wiring {
    /// With the machine's network.
    #[must_use]
    pub fn new(runner: Runner, clock: Arc<dyn Clock>) -> Self {
        let dial = Arc::new(dial::Tcp::new(Arc::clone(&clock)));
        Self { runner, clock, dial }
    }

    /// What the engine does with this configuration.
    ///
    /// # Errors
    /// [`WiringError`] names the target that cannot be built.
    pub fn plan(&self, config: &Config) -> Result<Plan, WiringError> {
        let routes = config.routes.iter().map(|route| RoutePlan {
            name: route.name.clone(),
            to: ways(route, &config.targets),
            rule: route.rule,
            primary: route.primary.as_ref().map(|primary| primary.ordinal),
            deadline: route.deadline,
            priority: route.priority,
            key: route.key.clone().map(|key| self.runner.expression(key)),
        });
        let targets = config.targets.iter().map(|target| self.target(target)).collect::<Result<_, _>>()?;
        Ok(Plan { routes: routes.collect(), targets })
    }

    fn target(&self, target: &config::Target) -> Result<TargetPlan, WiringError> {
        Ok(TargetPlan {
            name: target.name.clone(),
            retry: target.retry.clone(),
            statuses: target.statuses.clone(),
            concurrency: target.concurrency,
            rate: target.rate,
            breaker: target.breaker,
            disable_after: target.disable_after,
            capture: target.capture,
            order: target.order,
            credentials: credentials(target),
            host: Some(host(&target.url)),
            when: target.when.clone().map(|when| self.runner.expression(when)),
            shape: self.shape(target),
            target: Arc::new(self.http(target)?),
        })
    }

    /// What speaks to the target.
    pub(crate) fn http(&self, target: &config::Target) -> Result<HttpTarget, WiringError> {
        let settings = Settings {
            method: target.method.clone(),
            headers: target.headers.clone(),
            encoding: target.encoding,
            idempotency: target.idempotency.clone(),
            codes: target.codes.clone(),
            auth: target.auth.clone(),
            proxy: target.proxy.clone(),
            keys: target.keys.clone(),
            signature: target.signature.clone(),
            timeouts: Timeouts {
                connect: target.timeouts.connect,
                total: target.timeouts.total,
                idle: target.timeouts.idle,
            },
            tls: Tls {
                roots: target.ca.clone().map_or(Roots::System, Roots::Pem),
                identity: target.identity.clone(),
            },
            connections_max_idle: target.concurrency.most(),
            guard: match &target.private {
                Private::Allow => Guard::AllowAll,
                Private::Deny => Guard::GlobalOnly { allow: Vec::new() },
                Private::Only(networks) => Guard::GlobalOnly { allow: networks.clone() },
            },
            ports: target.ports.clone(),
            redact: target.redact.clone(),
            ..Settings::new(target.url.clone())
        };
        settings.check().map_err(|source| WiringError { target: target.name.clone(), source })?;
        Ok(HttpTarget::new(settings, Arc::clone(&self.clock), Arc::clone(&self.dial)))
    }

    /// What runs an expression.
    pub(crate) fn expression(&self, program: Program) -> Arc<dyn Expression> {
        self.runner.expression(program)
    }

    /// What gives a message its form for the target; none: it goes as it is.
    pub(crate) fn shape(&self, target: &config::Target) -> Option<Shape> {
        let blueprint = target.blueprint();
        (!blueprint.is_empty()).then(|| {
            let text: Arc<str> = blueprint.text().into();
            Shape { id: shape_id(&text), text, mould: self.runner.mould(blueprint) }
        })
    }
}

/// Every way out of a route: its targets, those that undo them, who is told.
fn ways(route: &config::Route, targets: &[config::Target]) -> Vec<Way> {
    let own = route.to.iter().zip(&route.parts);
    let mut ways: Vec<Way> =
        own.map(|(target, part)| Way { target: target.clone(), part: part.clone() }).collect();
    let alone = |duty| Part { duty, ..Part::default() };
    for (ordinal, name) in (0..).zip(&route.to) {
        let undo = targets.iter().find(|target| target.name == *name).and_then(|target| target.undo.clone());
        ways.extend(undo.map(|target| Way { target, part: alone(Duty::Undo(ordinal)) }));
    }
    ways.extend(route.callback.clone().map(|target| Way { target, part: alone(Duty::Callback) }));
    ways
}

impl Report for Wiring {
    fn report(&self, ticket: &Ticket) -> Bytes {
        let own = ticket.deliveries.iter().filter(|ray| ray.part.duty.is_of_group());
        let ticket = Ticket { deliveries: own.cloned().collect(), ..ticket.clone() };
        // Plain data with string keys: it always has a JSON form.
        serde_json::to_vec(&TicketView::new(&ticket, &Nobody)).unwrap_or_default().into()
    }
}

/// The same in every process of one version, and of so few bits that it says nothing of a secret: it goes to disk.
fn credentials(target: &config::Target) -> u16 {
    let mut hash = DefaultHasher::new();
    for (name, value) in &target.headers {
        (name.as_str(), value.as_bytes()).hash(&mut hash);
    }
    target.auth.hash(&mut hash);
    (hash.finish() & u64::from(u16::MAX)).try_into().unwrap_or_default()
}

/// Host and port, however the URL spells them.
fn host(url: &Uri) -> Arc<str> {
    let standard = if url.scheme_str() == Some("https") { 443 } else { 80 };
    let host = url.host().unwrap_or_default().to_ascii_lowercase();
    format!("{host}:{}", url.port_u16().unwrap_or(standard)).into()
}

impl Compile for Wiring {
    fn compile(&self, text: &str) -> Option<Arc<dyn Mould>> {
        Blueprint::read(text).map(|blueprint| self.runner.mould(blueprint))
    }
}

/// The identity of a shape goes to disk, so it is a hash that never changes: the first 64 bits of SHA-256.
fn shape_id(text: &str) -> ShapeId {
    let hash = digest(&SHA256, text.as_bytes());
    ShapeId(hash.as_ref().iter().take(8).fold(0, |bits, byte| (bits << 8) | u64::from(*byte)))
}

/// Whether a template of the route's targets asks for its path parameters.
fn params(config: &Config, route: &config::Route) -> Params {
    let targets = config.targets.iter().filter(|target| route.to.contains(&target.name));
    let asks = |template: &Template| template.asks("params");
    let asked = targets.into_iter().any(|target| target.blueprint().templates().any(asks));
    if asked { Params::Kept } else { Params::Unneeded }
}

/// What the front door needs to know of a route's primary.
fn primary(route: &config::Route) -> Option<Primary> {
    let primary = route.primary.as_ref()?;
    let seconds = match primary.failure {
        Failure::IsTold => u8::try_from(primary.wait.as_secs()).unwrap_or(u8::MAX),
        Failure::IsTriedAgain => 0,
    };
    let target = route.primary_target()?.clone();
    Some(Primary { target, wait: primary.wait, caller: Caller::Waits { seconds } })
}

impl Wiring {
    /// What the front door does with this configuration; `routes` are the engine's, in the same order.
    #[must_use]
    pub fn routing(&self, config: &Config, routes: Vec<Arc<Route>>) -> Routing {
        let entries = config.routes.iter().zip(routes).map(|(route, engines)| {
            Arc::new(Entry {
                route: engines,
                body_max: route.body_max,
                content_types: route.content_types.clone(),
                dedupe: route.dedupe.clone().map(|dedupe| self.dedupe(dedupe)),
                params: params(config, route),
                primary: primary(route),
            })
        });
        let types = config.routes.iter().enumerate();
        let types =
            types.flat_map(|(index, route)| route.types.iter().map(move |pattern| (pattern.clone(), index)));
        Routing {
            table: config.routing(),
            entries: entries.collect(),
            types: types.collect(),
            body_max: config.limits.body,
            redact: Redactions::new(config),
        }
    }

    fn dedupe(&self, dedupe: config::Dedupe) -> Dedupe {
        let by = match dedupe.by {
            DedupeBy::Content => By::Content,
            DedupeBy::Expression(program) => By::Expression(self.runner.expression(program)),
        };
        Dedupe { by, window: dedupe.window }
    }
}
