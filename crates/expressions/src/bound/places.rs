//! The cost of assignments: how much a value grows when parts of it are replaced.

use super::{Bound, COPY, Flow, NUMBER, STEP};
use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Term};
use jaq_core::path::Part;

/// The longest key that an assignment may add, in bytes.
const KEY: usize = 60;

/// Whether this is a literal key or position.
pub(super) fn is_key(term: &Term<&str>) -> bool {
    if let Term::Num(digits) = term {
        return digits.len() <= KEY;
    }
    let Term::Str(None, parts) = term else { return false };
    matches!(parts.as_slice(), [StrPart::Str(key)] if key.len() <= KEY)
}

/// How many keys an assignment to `term` can add, if it names each place at most once: two updates of one place would multiply.
fn keys_to(term: &Term<&str>) -> Option<f64> {
    if let Term::Id = term {
        return Some(1.0);
    }
    if let Term::BinOp(left, BinaryOp::Pipe(None), right) = term {
        return Some(keys_to(left)? + keys_to(right)?);
    }
    let Term::Path(head, path) = term else { return None };
    let simple = path.0.iter().all(|(part, _)| match part {
        Part::Index(index) => is_key(index),
        Part::Range(from, to) => from.is_none() && to.is_none(),
    });
    Some(keys_to(head)? + path.0.len() as f64).filter(|_| simple)
}

impl<'t> Bound<'t> {
    /// The places in `input` that `term` names, and the bytes that their keys can add to each.
    fn places(&mut self, term: &Term<&'t str>, input: Flow) -> Option<(Flow, f64)> {
        let keys = keys_to(term)?;
        let places = self.term(term, input)?;
        self.charge((input.total * COPY + places.count * STEP) * keys)?;
        Some((places, keys * (KEY + 4) as f64))
    }

    /// `place = value`, `place += value`, `place //= value`, for each value.
    pub(super) fn assign(
        &mut self,
        place: &Term<&'t str>,
        value: &Term<&'t str>,
        input: Flow,
    ) -> Option<Flow> {
        let value = self.term(value, input)?;
        let over = input.repeated(value.fan);
        let (places, keys) = self.places(place, over)?;
        let added = value.max + keys + NUMBER;
        let bytes = places.fan * added;
        self.charge(places.count * added * COPY)?;
        let out = Flow { fan: value.fan, ..over.grown(1.0, bytes) };
        Some(out.kind(input.text || value.text, true))
    }

    /// `place |= value`: arrays take all outputs.
    pub(super) fn update(
        &mut self,
        place: &Term<&'t str>,
        value: &Term<&'t str>,
        input: Flow,
    ) -> Option<Flow> {
        let (places, keys) = self.places(place, input)?;
        let value = self.term(value, places)?;
        let added = value.total + value.count + places.count * keys;
        self.charge(added * COPY)?;
        let out = Flow { total: input.total + added, max: input.max + added, ..input.once() };
        Some(out.kind(input.text || value.text, true))
    }

    /// `del(places)`, where several places may be named.
    pub(super) fn delete(&mut self, places: &Term<&'t str>, input: Flow) -> Option<Flow> {
        if let Term::BinOp(left, BinaryOp::Comma, right) = places {
            self.delete(left, input)?;
            return self.delete(right, input);
        }
        self.places(places, input)?;
        Some(input.once())
    }
}
