//! The forms of what is kept and shown: pointers into JSON, shares of answers.

use super::{Form, Misread, Share, text_like};
use connectors::http::redact::Pointer;
use engine::policy::capture;
use serde_json::Value as Json;

impl Form for Pointer {
    const NAME: &'static str = "a JSON pointer";

    fn allowed() -> String {
        "a `/` before each name, such as /card/number, or /items/*/pin for the pin of every item".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        text.parse().map_err(Misread::new)
    }

    fn schema() -> Json {
        text_like("^(/([^~]|~[01])*)$")
    }
}

/// Which answers' bodies are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept(pub capture::Share);

impl Form for Kept {
    const NAME: &'static str = "all, none or a share";

    fn allowed() -> String {
        "all, none, or a share such as 10%".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        match text {
            "all" => Ok(Self(capture::Share(1.0))),
            "none" => Ok(Self(capture::Share(0.0))),
            share => Share::read(share).map(|Share(share)| Self(capture::Share(share))),
        }
    }

    fn schema() -> Json {
        text_like("^(all|none|[0-9]+([.][0-9]+)? ?%)$")
    }
}
