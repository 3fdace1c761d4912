//! `fanlight dead edit`: another body for the next run of a dead delivery.

use super::show;
use crate::cli::client::AdminDoor;
use crate::cli::payload::{self, Payload};
use crate::cli::screen::{HEADING, styled};
use clap::Args;
use contract::DeliveryId;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use std::io::Write;
use std::process::ExitCode;

/// Changes what a dead delivery sends next time; the original is kept.
///
/// JSON is merged into a JSON body (RFC 7396): keys are added or replaced, those with null are removed. Anything else
/// replaces the body as a whole.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fanlight dead edit dlv_01929b3c-5d2e-7000-8000-0123456789ab --data '{\"typo\": null}'")]
pub(super) struct Edit {
    /// The delivery
    id: DeliveryId,
    /// The change: a text, @FILE, or - for standard input
    #[arg(short, long, value_name = "JSON|@FILE|-")]
    data: Payload,
    /// The type of the data [default: what it looks like]; one that is no JSON replaces the whole body
    #[arg(long, value_name = "TYPE")]
    content_type: Option<HeaderValue>,
    #[command(flatten)]
    door: AdminDoor,
    /// Print the delivery as JSON
    #[arg(long)]
    json: bool,
}

impl Edit {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let client = self.door.client();
        let data = self.data.read()?;
        let kind =
            self.content_type.unwrap_or_else(|| HeaderValue::from_static(payload::content_type(&data)));
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind)]);
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
