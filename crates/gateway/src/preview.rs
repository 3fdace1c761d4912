//! What each target of a route would be sent for a message: decided as for a real one, and not sent.

use crate::config::{Config, Route, Target};
use crate::wiring::{Wiring, WiringError};
use bytes::Bytes;
use connectors::http::auth::{Auth, Proof};
use contract::delivery::Suspicion;
use contract::expression::Fault;
use contract::message::Headers;
use contract::mould::{Head, Original, Responses};
use contract::part::Reads;
use contract::target::{Form, Keep, Parcel};
use contract::{Clock, DeliveryId, Entropy, Message, MessageId, Name};
use engine::route::{Wanted, order_key, wanted};
use http::{HeaderMap, Method, Request};
use std::sync::Arc;

/// What a message would come to.
pub struct Preview {
    /// Its order key.
    pub key: Option<String>,
    /// In the order of the route.
    pub targets: Vec<(Name, Fate)>,
}

/// What one target would get.
pub enum Fate {
    /// This request.
    Sent(Sent),
    /// Nothing: its filter, as it is written, says so.
    Skipped {
        /// The filter.
        when: String,
    },
    /// It depends on what these targets answer, which it waits for.
    Unanswered {
        /// Their names.
        needs: Vec<Name>,
    },
    /// Nothing: the delivery would be dead at once.
    Dead {
        /// The key of the configuration and what it did.
        why: String,
    },
}

/// A request, to be shown.
pub struct Sent {
    /// The method.
    pub method: Method,
    /// The URL; what came from outside stands there as in the file.
    pub url: String,
    /// Values that are secret are marked sensitive.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Decides for each target of a route, as accept and the first attempt do, if others answer so.
///
/// # Errors
/// A target cannot be built.
pub async fn preview(
    wiring: &Wiring,
    config: &Config,
    route: &Route,
    message: Message,
    responses: &Responses,
) -> Result<Preview, WiringError> {
    let key = match &route.key {
        Some(key) => order_key(wiring.expression(key.clone()).evaluate(message.body.clone()).await),
        None => Ok(None),
    };
    let message = Arc::new(message);
    let mut targets = Vec::with_capacity(route.to.len());
    for (name, ordinal) in route.to.iter().zip(0u16..) {
        let Some(target) = config.targets.iter().find(|target| target.name == *name) else { continue };
        let fate = match &key {
            Ok(_) => {
                let needs = needs(route, usize::from(ordinal), target, responses);
                let it = Asked { target, id: message.first.at(ordinal), responses, needs };
                fate(wiring, it, &message).await?
            }
            Err(fault) => dead("key", fault),
        };
        targets.push((name.clone(), fate));
    }
    Ok(Preview { key: key.ok().flatten().map(|key| key.0.to_string()), targets })
}

/// A message that nobody keeps.
#[must_use]
pub fn message(
    route: &Name,
    headers: Headers,
    body: Bytes,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Message {
    let now = clock.now();
    Message {
        id: MessageId::new(now, entropy),
        first: DeliveryId::base(now, entropy),
        tenant: Name::default_tenant(),
        route: route.clone(),
        received: now,
        deadline: None,
        headers,
        body,
    }
}

/// Whose answers are read, and are not known.
fn needs(route: &Route, index: usize, target: &Target, known: &Responses) -> Vec<Name> {
    let reading = target.blueprint().reading();
    let before = route.before(index).into_iter().filter_map(|before| route.to.get(before));
    let read = before.filter(|name| reading.of(name.as_str()) != Reads::Nothing);
    read.filter(|name| !known.contains_key(*name)).cloned().collect()
}

/// One target, and what is known for it.
struct Asked<'a> {
    target: &'a Target,
    id: DeliveryId,
    responses: &'a Responses,
    needs: Vec<Name>,
}

async fn fate(wiring: &Wiring, asked: Asked<'_>, message: &Arc<Message>) -> Result<Fate, WiringError> {
    let Asked { target, id, responses, needs } = asked;
    if let Some(when) = &target.when {
        match wanted(wiring.expression(when.clone()).evaluate(message.body.clone()).await) {
            Ok(Wanted::Yes) => {}
            Ok(Wanted::No) => return Ok(Fate::Skipped { when: when.text().to_owned() }),
            Err(fault) => return Ok(dead("when", &fault)),
        }
    }
    if !needs.is_empty() {
        return Ok(Fate::Unanswered { needs });
    }
    let (head, body) = match shaped(wiring, target, message, (id, responses)).await {
        Ok(shaped) => shaped,
        Err(fault) => return Ok(dead("shape", &fault)),
    };
    let url = url(target, &head);
    let form = if body.is_some() { Form::Shaped } else { Form::Untouched };
    let parcel = Parcel {
        id,
        revision: 0,
        attempt: 1,
        suspect: Suspicion::Clear,
        replay: None,
        at: message.received,
        message: Arc::clone(message),
        body: body.unwrap_or_else(|| message.body.clone()),
        form,
        head,
        keep: Keep::default(),
    };
    Ok(match wiring.http(target)?.request(&parcel) {
        Ok(request) => sent(request, url),
        Err(unsent) => Fate::Dead { why: unsent.to_string() },
    })
}

async fn shaped(
    wiring: &Wiring,
    target: &Target,
    message: &Message,
    (delivery, responses): (DeliveryId, &Responses),
) -> Result<(Head, Option<Bytes>), Fault> {
    let Some(shape) = wiring.shape(target) else { return Ok((Head::default(), None)) };
    let original = Original { message, edit: None, delivery, target: &target.name, responses };
    Ok((shape.mould.head(&original)?, shape.mould.body(message.body.clone(), responses).await?))
}

fn sent(request: Request<Bytes>, url: String) -> Fate {
    let (head, body) = request.into_parts();
    Fate::Sent(Sent { method: head.method, url, headers: head.headers, body })
}

/// The URL as it stands in the file, so that `${…}` stays covered, with the path that was made.
fn url(target: &Target, head: &Head) -> String {
    let url = match (&target.path, &head.path) {
        (Some(template), Some(path)) => {
            let base = target.url_shown.strip_suffix(template.text()).unwrap_or_default();
            format!("{base}{path}")
        }
        (_, _) => target.url_shown.clone(),
    };
    match &target.auth {
        Some(Auth { proof: Proof::Query { name, .. }, .. }) => {
            let joint = if url.contains('?') { '&' } else { '?' };
            format!("{url}{joint}{name}=***")
        }
        Some(_) | None => url,
    }
}

fn dead(key: &str, fault: &Fault) -> Fate {
    let why = match (key, fault) {
        // It says itself where it stands.
        ("shape", Fault::Template { .. }) => fault.to_string(),
        ("shape", _) => format!("`body`: {fault}"),
        (key, _) => format!("`{key}`: {fault}"),
    };
    Fate::Dead { why }
}
