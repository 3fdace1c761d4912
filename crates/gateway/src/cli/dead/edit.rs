//! `fanlight dead edit`: another body or other headers for the next run of a dead delivery.

use super::show;
use crate::api::admin::edit::{BY, REMOVE, SET};
use crate::cli::answers::DeadDetail;
use crate::cli::client::{AdminDoor, Client};
use crate::cli::payload::{self, Payload};
use crate::cli::screen::{HEADING, styled};
use crate::cli::{Misuse, header};
use crate::config::{Environment, Process};
use clap::Args;
use contract::DeliveryId;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use std::io::Write;
use std::process::ExitCode;

/// Changes what a dead delivery sends next time; the original is kept.
///
/// JSON is merged into a JSON body (RFC 7396): keys are added or replaced, those with null are removed. Anything else
/// replaces the body as a whole. Headers are those that are passed on with the message; without --data the body stays.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true).args(["data", "headers", "remove_headers"]))]
#[command(after_help = "Examples:
  fanlight dead edit dlv_01929b3c-5d2e-7000-8000-0123456789ab --data '{\"typo\": null}'
  fanlight dead edit dlv_01929b3c-5d2e-7000-8000-0123456789ab --header 'x-tenant: berlin' --remove-header x-debug")]
pub(super) struct Edit {
    /// The delivery
    id: DeliveryId,
    /// The change: a text, @FILE, or - for standard input
    #[arg(short, long, value_name = "JSON|@FILE|-")]
    data: Option<Payload>,
    /// The type of the data [default: what it looks like]; one that is no JSON replaces the whole body
    #[arg(long, value_name = "TYPE", requires = "data")]
    content_type: Option<HeaderValue>,
    /// Set a header, in place of those with its name; may be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME:VALUE", value_parser = header::parse)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Remove a header; may be given several times
    #[arg(long = "remove-header", value_name = "NAME")]
    remove_headers: Vec<HeaderName>,
    /// Who makes the change, as `dead show` tells later [default: the user's name]
    #[arg(long, value_name = "NAME")]
    by: Option<HeaderValue>,
    #[command(flatten)]
    door: AdminDoor,
    /// Print the delivery as JSON
    #[arg(long)]
    json: bool,
}

/// A letter that was forgotten must not turn an object into text.
#[derive(Debug, thiserror::Error)]
#[error(
    "the body of {id} is JSON and the data is not: correct it, or replace the whole body with --content-type, such as \
     --content-type text/plain"
)]
struct NoJson {
    id: DeliveryId,
}

impl Edit {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let client = self.door.client();
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            headers.append(HeaderName::try_from(format!("{SET}{name}"))?, value);
        }
        for name in self.remove_headers {
            headers.append(REMOVE, name.into());
        }
        if let Some(by) = self.by.or_else(user) {
            headers.insert(BY, by);
        }
        let data = self.data.map(Payload::read).transpose()?;
        if let Some(data) = &data {
            let kind = match self.content_type {
                Some(kind) => kind,
                None => looks_like(&client, self.id, data).await?,
            };
            headers.insert(CONTENT_TYPE, kind);
        }
        let data = data.unwrap_or_default();
        let answer = client.call(Method::PATCH, &format!("/v1/dead/{}", self.id), headers, data).await?;
        let mut out = anstream::stdout();
        if self.json {
            writeln!(out, "{}", answer.text())?;
        } else {
            let next = format!("  fanlight dead redrive {}{}", self.id, client.option());
            write!(out, "{}\n{}\n{next}\n", show::shown(&client.read(&answer)?), styled(HEADING, "Next"))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Whoever is logged in.
fn user() -> Option<HeaderValue> {
    let name = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| Process.variable(name));
    name.filter(|name| !name.is_empty()).and_then(|name| name.try_into().ok())
}

/// The type of the data, unless it would take the place of a JSON body unasked.
async fn looks_like(client: &Client, id: DeliveryId, data: &[u8]) -> anyhow::Result<HeaderValue> {
    let kind = payload::content_type(data);
    if kind != payload::JSON {
        let detail: DeadDetail = client.read(&client.get(&format!("/v1/dead/{id}")).await?)?;
        let body = detail.edit.unwrap_or(detail.message).body;
        // A text may be a number by chance: only what can be merged into is meant.
        if serde_json::from_str(&body).is_ok_and(|body: Value| body.is_object() || body.is_array()) {
            return Err(Misuse::new(NoJson { id }).into());
        }
    }
    Ok(HeaderValue::from_static(kind))
}
