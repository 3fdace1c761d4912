//! Runs a program over a body, in this thread, however long it takes.

use crate::json;
use crate::program::Program;
use crate::vocabulary::Data;
use contract::expression::Fault;
use jaq_core::{Ctx, Vars};
use jaq_json::{Val, ValX};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Characters of an error that are kept.
const DETAIL_CHARS_MAX: usize = 300;

/// The first output of `program` for the JSON text `body`.
pub(crate) fn evaluate(program: &Program, body: &[u8], output_bytes_max: usize) -> Result<Vec<u8>, Fault> {
    let input = json::read(body)?;
    // jaq panics where arithmetic or a buffer's size overflows; nothing of it is used afterwards.
    let run = catch_unwind(AssertUnwindSafe(|| first_output(program, input, output_bytes_max)));
    run.unwrap_or_else(|_| Err(Fault::Raised { detail: "a size or a number is too large".to_owned() }))
}

fn first_output(program: &Program, input: Val, output_bytes_max: usize) -> Result<Vec<u8>, Fault> {
    let filter = program.filter();
    let context = Ctx::<Data>::new(&filter.lut, Vars::new([]));
    let first: Option<ValX<'_>> = filter.id.run((context, input)).next();
    match first {
        None => Err(Fault::Empty),
        Some(Ok(value)) => json::write(&value, output_bytes_max),
        Some(Err(exception)) => {
            let raised = exception.get_err().map(jaq_core::Error::into_val);
            let detail =
                raised.map_or_else(|_| "`break` outside of its label".to_owned(), |value| detail(&value));
            Err(Fault::Raised { detail })
        }
    }
}

/// What was raised, as a person reads it: a text without its quotes, anything else as JSON.
fn detail(value: &Val) -> String {
    let full = match value {
        Val::TStr(text) => String::from_utf8_lossy(text).into_owned(),
        Val::Null | Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::Arr(_) | Val::Obj(_) => {
            value.to_string()
        }
    };
    match full.char_indices().nth(DETAIL_CHARS_MAX) {
        Some((end, _)) => full.get(..end).map_or_else(String::new, |start| format!("{start}…")),
        None => full,
    }
}
