//! The people who sign up.

use crate::cli::answers::{Receipt, Ticket};
use crate::cli::client::Client;
use crate::cli::ticket;
use contract::Clock;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{HeaderName, Method};
use serde_json::json;
use std::time::Duration;

/// How many they are.
pub(super) const SIGNUPS: u32 = 50;
/// The time between two of them.
const PACE: Duration = Duration::from_millis(30);

/// Each signs up; gives their tickets when all are settled.
pub(super) async fn play(client: &Client, clock: &dyn Clock) -> anyhow::Result<Vec<Ticket>> {
    let mut ids = Vec::new();
    for number in 1..=SIGNUPS {
        ids.push(sign_up(client, number).await?);
        clock.sleep(PACE).await;
    }
    let mut tickets = Vec::new();
    for id in ids {
        tickets.push(ticket::follow(client, &format!("/v1/tickets/{id}"), |_, _| Ok(())).await?);
    }
    Ok(tickets)
}

async fn sign_up(client: &Client, number: u32) -> anyhow::Result<String> {
    let body = json!({ "email": format!("person-{number}@example.com"), "consent": true });
    let key = HeaderValue::from_str(&format!("\"sign-up-{number}\""))?;
    let headers = HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (HeaderName::from_static("idempotency-key"), key),
    ]);
    let answer = client.call(Method::POST, "/signup", headers, body.to_string().into()).await?;
    let receipt: Receipt = client.read(&answer)?;
    Ok(receipt.id)
}
