//! Which of jq's filters exist here, and why some do not.

use jaq_core::data::JustLut;
use jaq_core::load::parse::Def;
use jaq_core::native::Fun;
use jaq_json::Val;

/// What filters work on: values, and nothing from outside.
pub(crate) type Data = JustLut<Val>;

const TIME: &str = "every attempt of a delivery must send the same bytes, and the time differs";
const ZONE: &str =
    "every attempt of a delivery must send the same bytes, and the machine's time zone may differ";
const SURROUNDINGS: &str = "an expression sees the message and nothing of the machine";
const INPUT: &str = "an expression has one input, `.`";
const EFFECT: &str = "an expression only computes a value";

/// Filters of jq that an expression may not use. Their definitions in jq need not be listed apart: they have the same names.
const FORBIDDEN: &[(&str, &str)] = &[
    ("now", TIME),
    ("localtime", ZONE),
    ("strflocaltime", ZONE),
    ("env", SURROUNDINGS),
    ("$ENV", SURROUNDINGS),
    ("input_filename", SURROUNDINGS),
    ("get_search_list", SURROUNDINGS),
    ("input", INPUT),
    ("inputs", INPUT),
    ("input_line_number", INPUT),
    ("debug", EFFECT),
    ("debug_empty", EFFECT),
    ("stderr", EFFECT),
    ("stderr_empty", EFFECT),
    ("halt", EFFECT),
    ("halt_error", EFFECT),
];

/// Why there is no `name`, if that is on purpose.
pub(crate) fn forbidden(name: &str) -> Option<&'static str> {
    FORBIDDEN.iter().find(|(forbidden, _)| *forbidden == name).map(|(_, why)| *why)
}

/// The filters that are written in jq.
pub(crate) fn definitions() -> impl Iterator<Item = Def<&'static str>> {
    let all = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    all.filter(|definition| forbidden(definition.name).is_none())
}

/// The filters that are written in Rust.
pub(crate) fn natives() -> impl Iterator<Item = Fun<Data>> {
    let all = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    all.filter(|(name, _, _)| forbidden(name).is_none())
}
