//! Redrives: another run for dead deliveries.

use super::selection::{self, Chosen, dead, look};
use super::{Admin, json};
use crate::api::problem::{INVALID_REQUEST, NOT_FOUND, Problem, UNDONE};
use crate::api::tickets::internal;
use crate::api::view::Moment;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use contract::Name;
use engine::redrive::{Manner, OnError, Redrive};
use http::{StatusCode, header};
use serde_json::{Value, json as value};
use std::sync::Arc;

/// `POST /v1/dead/redrive`
pub(super) async fn begin(State(admin): State<Arc<Admin>>, request: Request) -> Result<Response, Problem> {
    let (chosen, order) = selection::order(&admin, request).await?;
    let engine = &admin.front.engine;
    let tenant = Name::default_tenant();
    if order.rate.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
        return Err(Problem::new(INVALID_REQUEST, "`rate` is a number of deliveries per second above 0"));
    }
    let on_error = if order.stop_on_error { OnError::Stop } else { OnError::GoOn };
    let manner = Manner { rate: order.rate, sequence: order.order, on_error };
    match chosen {
        _ if order.dry_run => {
            json(StatusCode::OK, &value!({ "matches": selection::count(&admin, chosen).await? }))
        }
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
            let redrive = engine.redrive(&tenant, filter, manner).await.map_err(|fault| internal(&fault))?;
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

fn progress_view(redrive: &Redrive) -> Value {
    value!({
        "id": redrive.id,
        "began": Moment(redrive.began),
        "order": redrive.sequence,
        "rate": redrive.rate,
        "stop_on_error": redrive.on_error == OnError::Stop,
        "total": redrive.total,
        "revived": redrive.revived,
        "done": redrive.done,
        "stopped": redrive.stopped,
    })
}
