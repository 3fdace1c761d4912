//! The forms of jq expressions.

use super::{Form, Misread};
use crate::config::settings::DedupeBy;
use expressions::Program;
use serde_json::{Value as Json, json};

impl Form for Program {
    const NAME: &'static str = "a jq expression";

    fn allowed() -> String {
        "jq, such as `.consent == true` or `{email: .email}`".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        Self::compile(text).map_err(|error| {
            let part = error.offset.map(|start| start..start + 1);
            Misread { part, ..Misread::new(error) }
        })
    }

    fn schema() -> Json {
        json!({ "type": ["string", "number", "boolean"] })
    }
}

impl Form for DedupeBy {
    const NAME: &'static str = "`content` or a jq expression";

    fn allowed() -> String {
        "`content`, or jq such as `.order.id`".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        if text == "content" { Ok(Self::Content) } else { Program::read(text).map(Self::Expression) }
    }

    fn schema() -> Json {
        Program::schema()
    }
}
