//! What a shape reads of the answers of other deliveries, and how it is given them.
//!
//! To jq they are the variable `$responses`, which is no more than a part of the input: a program that reads it runs over
//! `[responses, body]`. So limits, proofs and child processes need to know nothing of it.

use crate::json;
use crate::nesting;
use contract::expression::Fault;
use contract::mould::{Reading, Response, Responses};
use contract::part::Reads;
use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::Term;
use jaq_core::path::{Part, Path};
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

/// The variable of jq, and the name in templates.
pub(crate) const VARIABLE: &str = "$responses";
pub(crate) const NAME: &str = "responses";
/// What makes `[responses, body]` a body with a variable.
pub(crate) const BEFORE: &str = ".[0] as $responses|.[1]|(";
/// On a line of its own: the expression may end with a comment.
pub(crate) const BEHIND: &str = "\n)";

/// What a program reads, as far as it can be seen without running it.
pub(crate) fn reading(term: &Term<&str>) -> Reading {
    let mut reading = Reading::default();
    look(term, &mut reading);
    reading
}

fn look(term: &Term<&str>, reading: &mut Reading) {
    let mut known = None;
    if let Term::Path(head, path) = term
        && matches!(**head, Term::Var(VARIABLE))
    {
        known = Some(&**head);
        let mut fields = fields(path);
        match fields.next().flatten() {
            Some(target) => reading.add(Some(target), field(fields.next().flatten())),
            None => reading.add(None, Reads::Body),
        }
    } else if matches!(term, Term::Var(VARIABLE)) {
        reading.add(None, Reads::Body);
    }
    nesting::children(term, &mut |child| {
        if !known.is_some_and(|head| std::ptr::eq(head, child)) {
            look(child, reading);
        }
    });
}

/// The names on a path; none where it is not a name.
fn fields<'p>(Path(parts): &'p Path<Term<&str>>) -> impl Iterator<Item = Option<&'p str>> {
    parts.iter().map(|(part, _)| match part {
        Part::Index(Term::Str(None, text)) => match text.as_slice() {
            [StrPart::Str(name)] => Some(*name),
            _ => None,
        },
        Part::Index(_) | Part::Range(..) => None,
    })
}

/// What is read with this field of a response; none: nobody knows.
pub(crate) fn field(name: Option<&str>) -> Reads {
    match name {
        Some("status" | "headers") => Reads::Head,
        Some(_) | None => Reads::Body,
    }
}

/// The input of a program that reads responses.
pub(crate) fn input(body: &[u8], responses: &Responses) -> Result<Vec<u8>, Fault> {
    // Alone: two values behind each other would be two items of the list.
    json::check(body)?;
    let mut input = b"[{".to_vec();
    for (at, (target, response)) in responses.iter().enumerate() {
        if at > 0 {
            input.push(b',');
        }
        // A name needs no escapes.
        input
            .extend_from_slice(format!(r#""{target}":{{"status":{},"headers":"#, response.status).as_bytes());
        input.extend_from_slice(headers(response).to_string().as_bytes());
        input.extend_from_slice(br#","body":"#);
        input.extend_from_slice(if is_json(&response.body) { &response.body } else { b"null" });
        input.push(b'}');
    }
    input.extend_from_slice(b"},");
    input.extend_from_slice(body);
    input.push(b']');
    Ok(input)
}

/// The same for templates.
pub(crate) fn value(responses: &Responses) -> Json {
    let each = responses.iter().map(|(target, response)| {
        let body: Json = serde_json::from_slice(&response.body).unwrap_or_default();
        let value = json!({ "status": response.status, "headers": headers(response), "body": body });
        (target.to_string(), value)
    });
    each.collect()
}

/// Of several with the same name the first, as for the headers of a message.
fn headers(response: &Response) -> Json {
    let mut headers = serde_json::Map::new();
    for (name, value) in response.headers.iter() {
        headers.entry(name).or_insert_with(|| String::from_utf8_lossy(value).into_owned().into());
    }
    headers.into()
}

/// One whose body is read is; of any other the body is not looked at.
fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<&RawValue>(body).is_ok()
}
