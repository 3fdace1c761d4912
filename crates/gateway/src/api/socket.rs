//! A ticket over a WebSocket: the frames are those of its event stream.

use super::front::Front;
use super::problem::{INVALID_REQUEST, Problem};
use super::server::Seat;
use super::tickets::{SILENCE_MAX, changes, look, parse};
use axum::Extension;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use contract::MessageId;
use futures_util::stream::StreamExt;
use std::pin::pin;
use std::sync::Arc;

/// Bytes of what a client may say. Nothing of it is read but that it closes.
const HEARD_BYTES_MAX: usize = 4 * 1024;

/// `GET /v1/tickets/{id}/ws`
pub(super) async fn follow(
    State(front): State<Arc<Front>>,
    Path(id): Path<String>,
    seat: Option<Extension<Seat>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    let upgrade = upgrade.map_err(|wrong| {
        Problem::new(INVALID_REQUEST, format!("this path takes the handshake of a WebSocket: {wrong}"))
    })?;
    look(&front, id).await?;
    let upgrade = upgrade.max_message_size(HEARD_BYTES_MAX).max_frame_size(HEARD_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| async move {
        tell(front, id, socket).await;
        drop(seat);
    }))
}

/// Sends each change, until the ticket is settled, the client goes or takes nothing any more, or the process stops.
async fn tell(front: Arc<Front>, id: MessageId, mut socket: WebSocket) {
    let clock = Arc::clone(front.engine.clock());
    let mut changes = pin!(changes(Arc::clone(&front), id));
    loop {
        let message = tokio::select! {
            biased;
            change = changes.next() => change.map_or(Message::Close(None), |ticket| Message::Text(ticket.into())),
            heard = socket.recv() => match heard {
                Some(Ok(Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
            () = clock.sleep(SILENCE_MAX) => Message::Ping(Bytes::new()),
        };
        let is_last = matches!(message, Message::Close(_));
        let sent = tokio::select! {
            biased;
            sent = socket.send(message) => sent.is_ok(),
            () = clock.sleep(SILENCE_MAX) => false,
            () = front.stopped(), if !is_last => false,
        };
        if is_last || !sent {
            return;
        }
    }
}
