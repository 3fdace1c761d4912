//! Dead letters: list, show, edit, redrive, discard.

use super::edit::{self, Wish};
use super::{Admin, json};
use crate::api::body;
use crate::api::problem::{
    DAMAGED, GONE, INVALID_REQUEST, NOT_DEAD, NOT_FOUND, PAYLOAD_TOO_LARGE, Problem, UNDONE,
};
use crate::api::tickets::internal;
use crate::api::view::{AttemptView, Known, Moment, reason};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::response::Response;
use bytes::Bytes;
use contract::delivery::{Death, ErrorClass, Standing};
use contract::message::Headers;
use contract::query::{Change, Cursor, Detail, Filter, Row};
use contract::ticket::Found;
use contract::{DeliveryId, Name, Timestamp, limits};
use engine::redrive::{Redrive, Selection};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json as value};
use std::sync::Arc;

/// The query of a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: Option<Name>,
    route: Option<Name>,
    since: Option<String>,
    error: Option<String>,
    after: Option<DeliveryId>,
    limit: Option<usize>,
}

/// The body of a redrive or a discard: one delivery, or a filter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Order {
    delivery: Option<DeliveryId>,
    filter: Option<Wanted>,
    rate: Option<f64>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
struct Wanted {
    target: Option<Name>,
    route: Option<Name>,
    since: Option<String>,
    error: Option<String>,
}

/// What a redrive or a discard is about.
enum Chosen {
    One(DeliveryId),
    Many(Selection),
}

#[derive(Serialize)]
struct RowView<'a> {
    id: DeliveryId,
    ticket: contract::MessageId,
    route: &'a Name,
    target: &'a Name,
    received: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    run: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_attempt: Option<AttemptView<'a>>,
}

/// `GET /v1/dead`
pub(super) async fn list(
    State(admin): State<Arc<Admin>>,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) = query.map_err(|wrong| unreadable(&wrong))?;
    let filter = Filter {
        target: asked.target,
        route: asked.route,
        since: since(asked.since.as_deref())?,
        error: asked.error,
    };
    known(&admin, &filter).await?;
    let limit = asked.limit.unwrap_or(100).min(limits::PAGE_ITEMS_MAX);
    if limit == 0 {
        let detail = format!("`limit` is 1 to {}", limits::PAGE_ITEMS_MAX);
        return Err(Problem::new(INVALID_REQUEST, detail));
    }
    let store = admin.front.engine.store();
    let page = store.list(&Name::default_tenant(), filter, asked.after.map(Cursor), limit).await;
    let page = page.map_err(|fault| internal(&fault))?;
    let rows: Vec<RowView<'_>> =
        page.rows.iter().map(|row| RowView::new(row, &*admin.front.engine)).collect();
    json(StatusCode::OK, &value!({ "dead": rows, "next": page.next.map(|cursor| cursor.0) }))
}

/// `GET /v1/dead/{delivery}`
pub(super) async fn show(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let detail = look(&admin, parse(&id)?).await?;
    json(StatusCode::OK, &shown(&detail, &*admin.front.engine))
}

/// `PATCH /v1/dead/{delivery}`: another body, other headers, or both. The original is kept.
pub(super) async fn edit(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let delivery = parse(&id)?;
    let (parts, incoming) = request.into_parts();
    let patch = body::read(incoming, limits::BODY_BYTES_MAX, &**admin.front.engine.clock()).await?;
    let detail = look(&admin, delivery).await?;
    dead(&detail)?;
    let most = admin.front.body_max(&detail.row.route);
    let wish = Wish::try_new(&parts.headers, patch)?;
    let (headers, body) = sent_now(&admin, &detail, &wish).await?;
    let edit = wish.edit(&headers, &body)?;
    if edit.body.len() > most.max(body.len()) {
        let detail = format!("the edited body may have {most} bytes, as a message of its route may");
        return Err(Problem::new(PAYLOAD_TOO_LARGE, detail));
    }
    let tenant = Name::default_tenant();
    let changed = admin.front.engine.store().change(Change::Edit { tenant, delivery, edit }).await;
    if changed.map_err(|fault| internal(&fault))?.deliveries.is_empty() {
        return Err(not_dead(delivery));
    }
    json(StatusCode::OK, &shown(&look(&admin, delivery).await?, &*admin.front.engine))
}

/// `POST /v1/dead/redrive`
pub(super) async fn redrive(State(admin): State<Arc<Admin>>, request: Request) -> Result<Response, Problem> {
    let (chosen, order) = order(&admin, request).await?;
    let engine = &admin.front.engine;
    let tenant = Name::default_tenant();
    if order.rate.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
        return Err(Problem::new(INVALID_REQUEST, "`rate` is a number of deliveries per second above 0"));
    }
    match chosen {
        _ if order.dry_run => json(StatusCode::OK, &value!({ "matches": count(&admin, chosen).await? })),
        Chosen::One(delivery) => {
            if !engine.revive(&tenant, delivery).await.map_err(|fault| internal(&fault))? {
                // It is dead, and stays so.
                dead(&look(&admin, delivery).await?)?;
                let detail = format!(
                    "the message of {delivery} was ended when it failed, and what was delivered of it has been undone: send it anew"
                );
                return Err(Problem::new(UNDONE, detail));
            }
            json(StatusCode::ACCEPTED, &value!({ "revived": 1 }))
        }
        Chosen::Many(filter) => {
            let redrive =
                engine.redrive(&tenant, filter, order.rate).await.map_err(|fault| internal(&fault))?;
            let mut response = json(StatusCode::ACCEPTED, &progress_view(&redrive))?;
            if let Ok(location) = http::HeaderValue::from_str(&format!("/v1/redrives/{}", redrive.id)) {
                response.headers_mut().insert(header::LOCATION, location);
            }
            Ok(response)
        }
    }
}

/// `GET /v1/redrives/{id}`
pub(super) async fn progress(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = id.parse().map_err(|wrong| Problem::new(INVALID_REQUEST, format!("{wrong}")))?;
    let redrive = admin.front.engine.redrive_progress(id).await.map_err(|fault| internal(&fault))?;
    match redrive {
        Some(redrive) => json(StatusCode::OK, &progress_view(&redrive)),
        None => Err(Problem::new(NOT_FOUND, format!("there is no redrive {id}"))),
    }
}

/// `POST /v1/dead/discard`: ends dead deliveries for good.
pub(super) async fn discard(State(admin): State<Arc<Admin>>, request: Request) -> Result<Response, Problem> {
    let (chosen, order) = order(&admin, request).await?;
    if order.dry_run {
        return json(StatusCode::OK, &value!({ "matches": count(&admin, chosen).await? }));
    }
    let (mut discarded, one) = (0, order.delivery);
    for deliveries in pages(&admin, chosen).await? {
        let change = Change::Discard { tenant: Name::default_tenant(), deliveries };
        let changed = admin.front.engine.store().change(change).await.map_err(|fault| internal(&fault))?;
        admin.front.engine.follow(&changed);
        discarded += changed.deliveries.len();
    }
    if let (0, Some(delivery)) = (discarded, one) {
        return Err(not_dead(delivery));
    }
    json(StatusCode::OK, &value!({ "discarded": discarded }))
}

async fn order(admin: &Admin, request: Request) -> Result<(Chosen, Order), Problem> {
    let body =
        body::read(request.into_body(), limits::BODY_BYTES_DEFAULT, &**admin.front.engine.clock()).await?;
    let mut order: Order = serde_json::from_slice(&body).map_err(|wrong| {
        let form =
            r#"{"delivery": "dlv_…"} or {"filter": {"target": …, "route": …, "since": …, "error": …}}"#;
        Problem::new(INVALID_REQUEST, format!("{wrong}; the body is {form}"))
    })?;
    match (order.delivery, order.filter.take()) {
        (Some(delivery), None) => Ok((Chosen::One(delivery), order)),
        (None, Some(wanted)) => {
            let Wanted { target, route, since: after, error } = wanted;
            let since = since(after.as_deref())?;
            let selection = Selection { target, route, since, error };
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
async fn known(admin: &Admin, filter: &Filter) -> Result<(), Problem> {
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

async fn count(admin: &Admin, chosen: Chosen) -> Result<usize, Problem> {
    Ok(pages(admin, chosen).await?.iter().map(Vec::len).sum())
}

/// The ids of what is chosen and dead, a page at a time.
async fn pages(admin: &Admin, chosen: Chosen) -> Result<Vec<Vec<DeliveryId>>, Problem> {
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

async fn look(admin: &Admin, id: DeliveryId) -> Result<Detail, Problem> {
    match admin.front.engine.store().detail(&Name::default_tenant(), id).await {
        Ok(Found::Here(detail)) => Ok(detail),
        Ok(Found::Gone) => Err(Problem::new(GONE, format!("{id} is older than retention"))),
        Ok(Found::Unknown) => Err(Problem::new(NOT_FOUND, format!("there is no delivery {id}"))),
        Err(fault) => Err(internal(&fault)),
    }
}

fn dead(detail: &Detail) -> Result<(), Problem> {
    if matches!(detail.row.standing, Standing::Dead(_)) { Ok(()) } else { Err(not_dead(detail.row.id)) }
}

fn not_dead(id: DeliveryId) -> Problem {
    Problem::new(NOT_DEAD, format!("{id} is not dead"))
}

/// What would be sent now: the latest edit, else the message. When only headers change nothing shapes the body later, so it is
/// shaped here.
async fn sent_now(admin: &Admin, detail: &Detail, wish: &Wish) -> Result<(Headers, Bytes), Problem> {
    if let Some(edit) = &detail.edit {
        return Ok((edit.headers.clone(), edit.body.clone()));
    }
    let (headers, body) = (&detail.message.headers, &detail.message.body);
    if !wish.keeps_body() {
        return Ok((headers.clone(), body.clone()));
    }
    let Some(shape) = detail.shape else { return Ok((headers.clone(), body.clone())) };
    let shaped = admin.front.engine.shaped(shape, &detail.message, detail.row.id).await.map_err(|wrong| {
        Problem::new(INVALID_REQUEST, format!("{wrong}; give a body with the headers, it is sent as it is"))
    })?;
    Ok(shaped.map_or_else(|| (headers.clone(), body.clone()), |body| (edit::for_shaped(headers), body)))
}

fn shown(detail: &Detail, known: &dyn Known) -> Value {
    let headers = |headers: &Headers| -> Value {
        headers
            .iter()
            .map(|(name, value)| (name.to_owned(), Value::from(String::from_utf8_lossy(value))))
            .collect()
    };
    let body = |bytes: &Bytes| Value::from(String::from_utf8_lossy(bytes));
    let attempts: Vec<AttemptView<'_>> =
        detail.attempts.iter().map(|attempt| AttemptView::new(attempt, &detail.row.target, known)).collect();
    let edit = detail
        .edit
        .as_ref()
        .map(|edit| value!({ "headers": headers(&edit.headers), "body": body(&edit.body) }));
    value!({
        "id": detail.row.id,
        "ticket": detail.row.message,
        "route": detail.row.route,
        "target": detail.row.target,
        "received": Moment(detail.row.received),
        "dead": matches!(detail.row.standing, Standing::Dead(_)),
        "reason": reason(detail.row.standing, None),
        "run": detail.row.run,
        "revision": detail.revision,
        "message": { "headers": headers(&detail.message.headers), "body": body(&detail.message.body) },
        "edit": edit,
        "attempts": attempts,
    })
}

fn progress_view(redrive: &Redrive) -> Value {
    value!({ "id": redrive.id, "began": Moment(redrive.began), "rate": redrive.rate, "revived": redrive.revived, "done": redrive.done })
}

impl<'a> RowView<'a> {
    fn new(row: &'a Row, known: &dyn Known) -> Self {
        Self {
            id: row.id,
            ticket: row.message,
            route: &row.route,
            target: &row.target,
            received: Moment(row.received),
            reason: reason(row.standing, None),
            run: row.run,
            last_attempt: row.last.as_ref().map(|attempt| AttemptView::new(attempt, &row.target, known)),
        }
    }
}

/// Without the words of the program's own parts, which come first.
fn unreadable(wrong: &QueryRejection) -> Problem {
    let text = wrong.body_text();
    let reason = text.rsplit_once("string: ").map_or(&*text, |(_, reason)| reason);
    Problem::new(INVALID_REQUEST, format!("the query cannot be read: {reason}"))
}

/// A moment as RFC 3339.
fn since(text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let time: jiff::Timestamp = text.parse().map_err(|_| {
        Problem::new(INVALID_REQUEST, format!("`since` is a time such as 2026-11-23T10:00:00Z, not {text:?}"))
    })?;
    Ok(Some(Timestamp::from_micros(u64::try_from(time.as_microsecond()).unwrap_or(0))))
}

fn parse(id: &str) -> Result<DeliveryId, Problem> {
    id.parse().map_err(|wrong| Problem::new(INVALID_REQUEST, format!("{wrong}")))
}
