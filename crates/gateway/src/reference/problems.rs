//! The page of problem types.

use super::cell;
use crate::api::problem::KINDS;
use std::fmt::Write;

const INTRODUCTION: &str = "\
# Problem types

Every error of both doors is `application/problem+json` (RFC 9457). `type` is `urn:fanlight:problem:` with the word of the
first column and never changes its meaning; `detail` says what happened this time and may change. This page is generated from the program.

| type | status | title | when, and what to do |
|---|---|---|---|
";

pub(super) fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for kind in KINDS {
        let (slug, status, title) = (kind.slug, kind.status.as_u16(), cell(kind.title));
        // Writing to a String cannot fail.
        let _infallible = writeln!(page, "| `{slug}` | {status} | {title} | {} |", cell(kind.help));
    }
    page
}
