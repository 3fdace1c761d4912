//! Which dead deliveries an operator means.

use super::Admin;
use crate::api::body;
use crate::api::problem::{DAMAGED, GONE, INVALID_REQUEST, NOT_DEAD, NOT_FOUND, Problem};
use crate::api::tickets::internal;
use axum::extract::Request;
use contract::delivery::{Death, ErrorClass, Standing};
use contract::order::Parking;
use contract::query::{Detail, Filter, Sequence};
use contract::ticket::Found;
use contract::{DeliveryId, Name, Timestamp, limits};
use engine::redrive::Selection;
use serde::Deserialize;

/// The body of a redrive or a discard: one delivery, or a filter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct Order {
    pub(super) delivery: Option<DeliveryId>,
    filter: Option<Wanted>,
    pub(super) rate: Option<f64>,
    /// Which go first.
    #[serde(default)]
    pub(super) order: Sequence,
    #[serde(default)]
    pub(super) stop_on_error: bool,
    #[serde(default)]
    pub(super) dry_run: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
struct Wanted {
    target: Option<Name>,
    route: Option<Name>,
    since: Option<String>,
    error: Option<String>,
    key: Option<Box<str>>,
}

/// What a redrive or a discard is about.
pub(super) enum Chosen {
    One(DeliveryId),
    Many(Selection),
}

pub(super) async fn order(admin: &Admin, request: Request) -> Result<(Chosen, Order), Problem> {
    let body =
        body::read(request.into_body(), limits::BODY_BYTES_DEFAULT, &**admin.front.engine.clock()).await?;
    let mut order: Order = serde_json::from_slice(&body).map_err(|wrong| {
        let form =
            r#"{"delivery": "dlv_…"} or {"filter": {"target": …, "route": …, "since": …, "error": …, "key": …}}"#;
        Problem::new(INVALID_REQUEST, format!("{wrong}; the body is {form}"))
    })?;
    match (order.delivery, order.filter.take()) {
        (Some(delivery), None) => Ok((Chosen::One(delivery), order)),
        (None, Some(wanted)) => {
            let Wanted { target, route, since: after, error, key } = wanted;
            let since = since(after.as_deref())?;
            let selection = Selection { target, route, since, error, parked: key.map(Parking::Of) };
            known(admin, &Filter::from(selection.clone())).await?;
            Ok((Chosen::Many(selection), order))
        }
        (Some(_), Some(_)) | (None, None) => Err(Problem::new(
            INVALID_REQUEST,
            "give either `delivery` or `filter`; an empty filter takes all",
        )),
    }
}

/// A filter by a word that nobody knows matches nothing, which looks as if all were well.
pub(super) async fn known(admin: &Admin, filter: &Filter) -> Result<(), Problem> {
    if let Some(error) = &filter.error {
        let word = Death::ALL.iter().any(|death| death.word() == error)
            || ErrorClass::ALL.iter().any(|class| class.word() == error);
        if !word && !error.parse().is_ok_and(|status: u16| (100..1000).contains(&status)) {
            let detail =
                format!("`error` is a reason, an error class or a status; {error:?} is none of them");
            return Err(Problem::new(INVALID_REQUEST, detail));
        }
    }
    if let Some(route) = &filter.route {
        known_route(admin, route).await?;
    }
    let Some(target) = &filter.target else { return Ok(()) };
    let engine = &admin.front.engine;
    if engine.views().iter().any(|view| view.name == *target) {
        return Ok(());
    }
    let backlog = engine.store().backlog().await.map_err(|fault| internal(&fault))?;
    if backlog.iter().any(|backlog| backlog.target == *target) {
        return Ok(());
    }
    Err(Problem::new(INVALID_REQUEST, format!("there is no target `{target}`; GET /v1/targets lists them")))
}

/// What is dead may be of a route that is not configured any more.
async fn known_route(admin: &Admin, route: &Name) -> Result<(), Problem> {
    if admin.front.routing.load().entries.iter().any(|entry| entry.route.name == *route) {
        return Ok(());
    }
    let filter = Filter { route: Some(route.clone()), ..Filter::default() };
    let page = admin.front.engine.store().list(&Name::default_tenant(), filter, None, 1).await;
    if page.map_err(|fault| internal(&fault))?.rows.is_empty() {
        let detail = format!("there is no route `{route}`, and nothing of one is dead");
        return Err(Problem::new(INVALID_REQUEST, detail));
    }
    Ok(())
}

pub(super) async fn count(admin: &Admin, chosen: Chosen) -> Result<usize, Problem> {
    Ok(pages(admin, chosen).await?.iter().map(Vec::len).sum())
}

/// The ids of what is chosen and dead, a page at a time.
pub(super) async fn pages(admin: &Admin, chosen: Chosen) -> Result<Vec<Vec<DeliveryId>>, Problem> {
    let selection = match chosen {
        Chosen::One(delivery) => {
            return match look(admin, delivery).await {
                Ok(detail) => dead(&detail).map(|()| vec![vec![delivery]]),
                // It cannot be looked at, but given up; the store takes only what is dead.
                Err(problem) if problem.is(DAMAGED) => Ok(vec![vec![delivery]]),
                Err(problem) => Err(problem),
            };
        }
        Chosen::Many(selection) => selection,
    };
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let filter = Filter::from(selection.clone());
        let store = admin.front.engine.store();
        let page = store.list(&Name::default_tenant(), filter, after, limits::PAGE_ITEMS_MAX).await;
        let page = page.map_err(|fault| internal(&fault))?;
        pages.push(page.rows.iter().map(|row| row.id).collect());
        after = page.next;
        if after.is_none() {
            return Ok(pages);
        }
    }
}

/// A moment as RFC 3339.
pub(super) fn since(text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let time: jiff::Timestamp = text.parse().map_err(|_| {
        Problem::new(INVALID_REQUEST, format!("`since` is a time such as 2026-11-23T10:00:00Z, not {text:?}"))
    })?;
    Ok(Some(Timestamp::from_micros(u64::try_from(time.as_microsecond()).unwrap_or(0))))
}

pub(super) async fn look(admin: &Admin, id: DeliveryId) -> Result<Detail, Problem> {
    match admin.front.engine.store().detail(&Name::default_tenant(), id).await {
        Ok(Found::Here(detail)) => Ok(detail),
        Ok(Found::Gone) => Err(Problem::new(GONE, format!("{id} is older than retention"))),
        Ok(Found::Unknown) => Err(Problem::new(NOT_FOUND, format!("there is no delivery {id}"))),
        Err(fault) => Err(internal(&fault)),
    }
}

pub(super) fn dead(detail: &Detail) -> Result<(), Problem> {
    if matches!(detail.row.standing, Standing::Dead(_)) { Ok(()) } else { Err(not_dead(detail.row.id)) }
}

pub(super) fn not_dead(id: DeliveryId) -> Problem {
    Problem::new(NOT_DEAD, format!("{id} is not dead"))
}
