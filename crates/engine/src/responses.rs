//! What other deliveries of a message were answered, for the shapes that read it.

use crate::engine::Engine;
use crate::shape::ShapeError;
use contract::delivery::{AttemptResult, CaptureEnd, Standing};
use contract::mould::{Reading, Response, Responses};
use contract::part::{self, Part, Reads};
use contract::store::Fault;
use contract::target::Lasting;
use contract::ticket::{Found, Ray};
use contract::{DeliveryId, Message};

impl Engine {
    /// What the shape of a delivery reads, out of the store: so every attempt, on every node, is made of the same. Only of those that it
    /// comes after: whatever they were answered was settled before its first attempt.
    pub(crate) async fn responses(
        &self,
        message: &Message,
        delivery: DeliveryId,
        reading: &Reading,
    ) -> Result<Responses, ShapeError> {
        if reading.is_empty() {
            return Ok(Responses::new());
        }
        let ticket = match self.doors.store.ticket(&message.tenant, message.id).await {
            Ok(Found::Here(ticket)) => ticket,
            Ok(Found::Gone | Found::Unknown) => {
                return Err(ShapeError::new(Lasting::Passing, "the ticket is not there"));
            }
            Err(fault @ Fault::Corrupt { .. }) => return Err(ShapeError::new(Lasting::Lasting, fault)),
            Err(fault @ (Fault::Full | Fault::Fatal { .. } | Fault::Closed | Fault::Failed { .. })) => {
                return Err(ShapeError::new(Lasting::Passing, fault));
            }
        };
        let parts: Vec<&Part> = ticket.deliveries.iter().map(|ray| &ray.part).collect();
        let before = part::before(&parts, delivery.ordinal());
        let rays = before.into_iter().filter_map(|ordinal| ticket.deliveries.get(usize::from(ordinal)));
        let read = rays.filter(|ray| {
            ray.standing == Standing::Delivered && reading.of(ray.target.as_str()) != Reads::Nothing
        });
        read.map(|ray| Ok((ray.target.clone(), response(ray)?))).collect()
    }
}

/// What a delivered one was answered.
fn response(ray: &Ray) -> Result<Response, ShapeError> {
    let wrong =
        |what| Err(ShapeError::new(Lasting::Lasting, format!("the answer of `{}` {what}", ray.target)));
    match ray.attempts.last().map(|attempt| &attempt.result) {
        // Only an earlier version can have left such a one.
        _ if !ray.part.audience.is_there() => wrong("was not kept: nobody read it at accept"),
        Some(AttemptResult::Answered { status, capture, .. }) if capture.end == CaptureEnd::Complete => {
            let (headers, body) = (capture.headers.clone(), capture.body.clone());
            Ok(Response { status: *status, headers, body })
        }
        Some(AttemptResult::Answered { .. } | AttemptResult::Failed { .. }) | None => wrong("is not whole"),
    }
}
