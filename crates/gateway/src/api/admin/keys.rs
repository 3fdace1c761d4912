//! Parked order keys: list and resume. To give the parked delivery another run, or to give it up, is a matter of dead letters.

use super::dead::{RowView, page, unreadable};
use super::selection::{self, Chosen};
use super::{Admin, json};
use crate::api::body;
use crate::api::problem::{INVALID_REQUEST, NOT_FOUND, Problem};
use crate::api::tickets::internal;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::response::Response;
use contract::order::Parking;
use contract::query::Filter;
use contract::{DeliveryId, Name, limits};
use engine::redrive::Selection;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json as value;
use std::sync::Arc;

/// The query of a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: Option<Name>,
    after: Option<DeliveryId>,
    limit: Option<usize>,
}

/// Which keys go on: one of a target, or all of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Wish {
    target: Name,
    key: Option<Box<str>>,
}

/// `GET /v1/keys`: the deliveries that keep their key although they are dead, oldest first.
pub(super) async fn list(
    State(admin): State<Arc<Admin>>,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) = query.map_err(|wrong| unreadable(&wrong))?;
    let filter = Filter { target: asked.target, parked: Some(Parking::Any), ..Filter::default() };
    let page = page(&admin, filter, asked.after, asked.limit).await?;
    let rows: Vec<RowView<'_>> =
        page.rows.iter().map(|row| RowView::new(row, &*admin.front.engine)).collect();
    json(StatusCode::OK, &value!({ "keys": rows, "next": page.next.map(|cursor| cursor.0) }))
}

/// `POST /v1/keys/resume`: what waits for the dead one goes on without it; that one stays dead.
pub(super) async fn resume(State(admin): State<Arc<Admin>>, request: Request) -> Result<Response, Problem> {
    let engine = &admin.front.engine;
    let text = body::read(request.into_body(), limits::BODY_BYTES_DEFAULT, &**engine.clock()).await?;
    let Wish { target, key } = serde_json::from_slice(&text).map_err(|wrong| {
        let form = r#"{"target": …, "key": …}, or without `key` for all of the target"#;
        Problem::new(INVALID_REQUEST, format!("{wrong}; the body is {form}"))
    })?;
    let none = key.as_ref().map(|key| format!("the key {key:?} of `{target}` is not parked"));
    let parked = Some(key.map_or(Parking::Any, Parking::Of));
    let selection = Selection { target: Some(target), parked, ..Selection::default() };
    selection::known(&admin, &Filter::from(selection.clone())).await?;
    let mut resumed = 0;
    for deliveries in selection::pages(&admin, Chosen::Many(selection)).await? {
        let done = engine.release(&Name::default_tenant(), deliveries).await;
        resumed += done.map_err(|fault| internal(&fault))?;
    }
    match none {
        Some(detail) if resumed == 0 => Err(Problem::new(NOT_FOUND, detail)),
        Some(_) | None => json(StatusCode::OK, &value!({ "resumed": resumed })),
    }
}
