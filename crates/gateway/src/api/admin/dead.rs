//! Dead letters: list, show, edit, redrive, discard.

use super::{Admin, json};
use crate::api::body;
use crate::api::problem::{GONE, INVALID_REQUEST, NOT_DEAD, NOT_FOUND, Problem};
use crate::api::tickets::internal;
use crate::api::view::{AttemptView, Moment, reason};
use axum::extract::{Path, Query, Request, State};
use axum::response::Response;
use bytes::Bytes;
use contract::delivery::Standing;
use contract::message::Headers;
use contract::query::{Change, Cursor, Detail, Edit, Filter, Row};
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
#[serde(deny_unknown_fields)]
struct Order {
    delivery: Option<DeliveryId>,
    filter: Option<Wanted>,
    rate: Option<f64>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
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
    query: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) = query.map_err(|wrong| Problem::new(INVALID_REQUEST, wrong.body_text()))?;
    let filter = Filter {
        target: asked.target,
        route: asked.route,
        since: since(asked.since.as_deref())?,
        error: asked.error,
    };
    let limit = asked.limit.unwrap_or(100).clamp(1, limits::PAGE_ITEMS_MAX);
    let store = admin.front.engine.store();
    let page = store.list(&Name::default_tenant(), filter, asked.after.map(Cursor), limit).await;
    let page = page.map_err(|fault| internal(&fault))?;
    let rows: Vec<RowView<'_>> = page.rows.iter().map(RowView::new).collect();
    json(StatusCode::OK, &value!({ "dead": rows, "next": page.next.map(|cursor| cursor.0) }))
}

/// `GET /v1/dead/{delivery}`
pub(super) async fn show(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let detail = look(&admin, parse(&id)?).await?;
    json(StatusCode::OK, &shown(&detail))
}

/// `PATCH /v1/dead/{delivery}`: a merge patch (RFC 7396) for a JSON body, a whole replacement for anything else. The original is kept.
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
    let content_type =
        parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let edit = edited(&detail, content_type, patch)?;
    let tenant = Name::default_tenant();
    let changed = admin.front.engine.store().change(Change::Edit { tenant, delivery, edit }).await;
    if changed.map_err(|fault| internal(&fault))?.deliveries.is_empty() {
        return Err(not_dead(delivery));
    }
    json(StatusCode::OK, &shown(&look(&admin, delivery).await?))
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
                dead(&look(&admin, delivery).await?)?;
                return Err(not_dead(delivery));
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
    let mut discarded = 0;
    for deliveries in pages(&admin, chosen).await? {
        let change = Change::Discard { tenant: Name::default_tenant(), deliveries };
        let changed = admin.front.engine.store().change(change).await.map_err(|fault| internal(&fault))?;
        discarded += changed.deliveries.len();
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
            Ok((Chosen::Many(Selection { target, route, since, error }), order))
        }
        (Some(_), Some(_)) | (None, None) => Err(Problem::new(
            INVALID_REQUEST,
            "give either `delivery` or `filter`; an empty filter takes all",
        )),
    }
}

async fn count(admin: &Admin, chosen: Chosen) -> Result<usize, Problem> {
    Ok(pages(admin, chosen).await?.iter().map(Vec::len).sum())
}

/// The ids of what is chosen and dead, a page at a time.
async fn pages(admin: &Admin, chosen: Chosen) -> Result<Vec<Vec<DeliveryId>>, Problem> {
    let selection = match chosen {
        Chosen::One(delivery) => {
            dead(&look(admin, delivery).await?)?;
            return Ok(vec![vec![delivery]]);
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

/// The next content: of the latest edit, or of the message.
fn edited(detail: &Detail, content_type: &str, patch: Bytes) -> Result<Edit, Problem> {
    let (headers, body) = match &detail.edit {
        Some(edit) => (&edit.headers, &edit.body),
        None => (&detail.message.headers, &detail.message.body),
    };
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let merges = matches!(essence, "application/merge-patch+json" | "application/json");
    let base = merges.then(|| serde_json::from_slice::<Value>(body).ok()).flatten();
    let Some(mut base) = base else {
        let others = headers.iter().filter(|(name, _)| *name != "content-type");
        let own = (!content_type.is_empty()).then_some(("content-type", content_type.as_bytes()));
        return Ok(Edit { headers: Headers::from_pairs(own.into_iter().chain(others)), body: patch });
    };
    let patch: Value = serde_json::from_slice(&patch)
        .map_err(|wrong| Problem::new(INVALID_REQUEST, format!("the merge patch is no JSON: {wrong}")))?;
    merge(&mut base, patch);
    Ok(Edit { headers: headers.clone(), body: base.to_string().into() })
}

/// RFC 7396.
fn merge(base: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *base = patch;
        return;
    };
    if !base.is_object() {
        *base = value!({});
    }
    if let Some(base) = base.as_object_mut() {
        for (key, change) in patch {
            match change {
                Value::Null => drop(base.shift_remove(&key)),
                Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                    merge(base.entry(key).or_insert(Value::Null), change);
                }
            }
        }
    }
}

fn shown(detail: &Detail) -> Value {
    let headers = |headers: &Headers| -> Value {
        headers
            .iter()
            .map(|(name, value)| (name.to_owned(), Value::from(String::from_utf8_lossy(value))))
            .collect()
    };
    let body = |bytes: &Bytes| Value::from(String::from_utf8_lossy(bytes));
    let attempts: Vec<AttemptView<'_>> = detail.attempts.iter().map(AttemptView::new).collect();
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
    fn new(row: &'a Row) -> Self {
        Self {
            id: row.id,
            ticket: row.message,
            route: &row.route,
            target: &row.target,
            received: Moment(row.received),
            reason: reason(row.standing, None),
            run: row.run,
            last_attempt: row.last.as_ref().map(AttemptView::new),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_patch_changes_adds_and_removes() {
        let mut base = value!({"a": 1, "b": {"c": 2, "d": 3}, "e": [1]});
        merge(&mut base, value!({"a": 9, "b": {"c": null}, "e": {"f": 1}, "g": true}));
        assert_eq!(base, value!({"a": 9, "b": {"d": 3}, "e": {"f": 1}, "g": true}));
    }

    #[test]
    fn a_merge_patch_leaves_every_number_as_it_is_spelled() {
        let now = Timestamp::from_micros(1_790_000_000_000_000);
        let (message, first) = (contract::MessageId::from_bits(1), DeliveryId::from_bits(1 << 16));
        let name = |text| Name::try_new(text).unwrap();
        let body = br#"{"id":12345678901234567890123,"price":1.10,"zero":-0.0,"old":1}"#;
        let detail = Detail {
            row: Row {
                id: first,
                message,
                route: name("order"),
                target: name("crm"),
                received: now,
                standing: Standing::Dead(contract::delivery::Death::Refused),
                run: 1,
                last: None,
            },
            message: Arc::new(contract::Message {
                id: message,
                first,
                tenant: Name::default_tenant(),
                route: name("order"),
                received: now,
                deadline: None,
                headers: Headers::default(),
                body: Bytes::from_static(body),
            }),
            attempts: Vec::new(),
            revision: 0,
            edit: None,
        };
        let patch = Bytes::from_static(br#"{"old":null,"new":9007199254740993.10}"#);
        let edit = edited(&detail, "application/json", patch).unwrap();
        let expected = r#"{"id":12345678901234567890123,"price":1.10,"zero":-0.0,"new":9007199254740993.10}"#;
        assert_eq!(edit.body, expected);
    }
}
