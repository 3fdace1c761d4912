//! Dead letters: list, show, edit, discard.

use super::edit::{self, Wish};
use super::selection::{dead, look, not_dead};
use super::{Admin, Peer, json, selection};
use crate::api::body;
use crate::api::problem::{INVALID_REQUEST, PAYLOAD_TOO_LARGE, Problem};
use crate::api::redactions::shown_content;
use crate::api::tickets::internal;
use crate::api::view::{AttemptView, Known, Moment, reason};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::response::Response;
use bytes::Bytes;
use contract::delivery::Standing;
use contract::message::Headers;
use contract::order::{Parked, Parking};
use contract::query::{Change, Cursor, Detail, Edited, Filter, Page, Row};
use contract::{DeliveryId, Name, limits};
use http::StatusCode;
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
    key: Option<Box<str>>,
    after: Option<DeliveryId>,
    limit: Option<usize>,
}

#[derive(Serialize)]
pub(super) struct RowView<'a> {
    id: DeliveryId,
    ticket: contract::MessageId,
    route: &'a Name,
    target: &'a Name,
    received: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parked: Option<ParkedView<'a>>,
    run: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_attempt: Option<AttemptView<'a>>,
}

/// The order key that a dead delivery keeps, and how many wait for it.
#[derive(Serialize)]
pub(super) struct ParkedView<'a> {
    key: &'a str,
    behind: u64,
}

fn edited(edited: &Edited) -> Value {
    value!({ "revision": edited.revision, "at": edited.at.map(Moment), "by": edited.by })
}

impl<'a> ParkedView<'a> {
    pub(super) fn new(parked: &'a Parked) -> Self {
        Self { key: &parked.key.0, behind: parked.behind }
    }
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
        since: selection::since(asked.since.as_deref())?,
        error: asked.error,
        parked: asked.key.map(Parking::Of),
        ..Filter::default()
    };
    let page = page(&admin, filter, asked.after, asked.limit).await?;
    let rows: Vec<RowView<'_>> =
        page.rows.iter().map(|row| RowView::new(row, &*admin.front.engine)).collect();
    json(StatusCode::OK, &value!({ "dead": rows, "next": page.next.map(|cursor| cursor.0) }))
}

/// The dead deliveries that a filter takes, as many as are asked for.
pub(super) async fn page(
    admin: &Admin,
    filter: Filter,
    after: Option<DeliveryId>,
    limit: Option<usize>,
) -> Result<Page, Problem> {
    selection::known(admin, &filter).await?;
    let limit = limit.unwrap_or(100).min(limits::PAGE_ITEMS_MAX);
    if limit == 0 {
        let detail = format!("`limit` is 1 to {}", limits::PAGE_ITEMS_MAX);
        return Err(Problem::new(INVALID_REQUEST, detail));
    }
    let store = admin.front.engine.store();
    let page = store.list(&Name::default_tenant(), filter, after.map(Cursor), limit).await;
    page.map_err(|fault| internal(&fault))
}

/// `GET /v1/dead/{delivery}`
pub(super) async fn show(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let detail = look(&admin, parse(&id)?).await?;
    json(StatusCode::OK, &shown(&admin, &detail))
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
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0.ip());
    let by = Wish::author(&parts.headers, peer)?;
    if edit.body.len() > most.max(body.len()) {
        let detail = format!("the edited body may have {most} bytes, as a message of its route may");
        return Err(Problem::new(PAYLOAD_TOO_LARGE, detail));
    }
    let tenant = Name::default_tenant();
    let changed = admin.front.engine.store().change(Change::Edit { tenant, delivery, edit, by }).await;
    if changed.map_err(|fault| internal(&fault))?.deliveries.is_empty() {
        return Err(not_dead(delivery));
    }
    json(StatusCode::OK, &shown(&admin, &look(&admin, delivery).await?))
}

/// `POST /v1/dead/discard`: ends dead deliveries for good.
pub(super) async fn discard(State(admin): State<Arc<Admin>>, request: Request) -> Result<Response, Problem> {
    let (chosen, order) = selection::order(&admin, request).await?;
    if order.dry_run {
        return json(StatusCode::OK, &value!({ "matches": selection::count(&admin, chosen).await? }));
    }
    let (mut discarded, one) = (0, order.delivery);
    for deliveries in selection::pages(&admin, chosen).await? {
        let done = admin.front.engine.discard(&Name::default_tenant(), deliveries).await;
        discarded += done.map_err(|fault| internal(&fault))?;
    }
    if let (0, Some(delivery)) = (discarded, one) {
        return Err(not_dead(delivery));
    }
    json(StatusCode::OK, &value!({ "discarded": discarded }))
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

/// The delivery, with what nobody is to read covered as the configuration says now.
fn shown(admin: &Admin, detail: &Detail) -> Value {
    let engine = &*admin.front.engine;
    let rules = admin.front.routing.load().redact.of(&detail.row.route, &detail.row.target);
    let content = |headers, body| shown_content(&rules, headers, body);
    let attempts: Vec<AttemptView<'_>> =
        detail.attempts.iter().map(|attempt| AttemptView::new(attempt, &detail.row.target, engine)).collect();
    let edit = detail.edit.as_ref().map(|edit| content(&edit.headers, &edit.body));
    let edits: Vec<Value> = detail.edits.iter().map(edited).collect();
    value!({
        "id": detail.row.id,
        "ticket": detail.row.message,
        "route": detail.row.route,
        "target": detail.row.target,
        "received": Moment(detail.row.received),
        "dead": matches!(detail.row.standing, Standing::Dead(_)),
        "reason": reason(detail.row.standing, None),
        "parked": detail.row.parked.as_ref().map(ParkedView::new),
        "run": detail.row.run,
        "revision": detail.revision,
        "message": content(&detail.message.headers, &detail.message.body),
        "edit": edit,
        "edits": edits,
        "attempts": attempts,
    })
}

impl<'a> RowView<'a> {
    pub(super) fn new(row: &'a Row, known: &dyn Known) -> Self {
        Self {
            id: row.id,
            ticket: row.message,
            route: &row.route,
            target: &row.target,
            received: Moment(row.received),
            reason: reason(row.standing, None),
            parked: row.parked.as_ref().map(ParkedView::new),
            run: row.run,
            last_attempt: row.last.as_ref().map(|attempt| AttemptView::new(attempt, &row.target, known)),
        }
    }
}

/// Without the words of the program's own parts, which come first.
pub(super) fn unreadable(wrong: &QueryRejection) -> Problem {
    let text = wrong.body_text();
    let reason = text.rsplit_once("string: ").map_or(&*text, |(_, reason)| reason);
    Problem::new(INVALID_REQUEST, format!("the query cannot be read: {reason}"))
}

fn parse(id: &str) -> Result<DeliveryId, Problem> {
    id.parse().map_err(|wrong| Problem::new(INVALID_REQUEST, format!("{wrong}")))
}
