//! Proves that a program ends quickly, by counting what it could do at most to a body of a given size.
//!
//! An abstract run: in place of values, a [`Flow`] says how many there are at most, and how large. Only syntax and filters
//! whose cost is known take part ([`calls`]); one unknown thing, and nothing is proven. So an expression that
//! only takes a body apart and puts it together again is proven, whatever its length; recursion, `reduce`, `range`, regular
//! expressions and products of lists are not, and run in a child process.
//!
//! A size is counted in bytes of the printed value, where control characters count as one; how many values there can be follows
//! from the size, by the density of the body. Work is counted in steps
//! of about a nanosecond.

mod calls;
mod flow;
mod places;
#[cfg(test)]
mod property;

use flow::Flow;
use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Pattern, Term};
use jaq_core::ops::Math;
use jaq_core::path::Part;

/// Sizes of bodies to try, in bytes.
const SIZES: [u32; 4] = [64 * 1024, 16 * 1024, 4 * 1024, 1024];
/// Bytes that a value takes at least, with its comma, as in `[1,1]`.
const DENSE: f64 = 2.0;
/// Bytes that values take on average in most bodies, as they have names and text.
const SPARSE: f64 = 8.0;
/// Work that may be done in a thread that has other work to do.
const WORK_MAX: f64 = 5_000_000.0;
/// Reading and printing one byte.
const READ: f64 = 20.0;
/// Running one term for one value.
const STEP: f64 = 100.0;
/// Copying or comparing one byte of a value that is taken apart.
const COPY: f64 = 16.0;
/// Sorting, per byte: comparisons sort the keys of objects each time.
const SORT: f64 = 256.0;
/// The largest number that arithmetic makes out of small ones, printed.
const NUMBER: f64 = 32.0;
/// How text grows when it is quoted and encoded.
const ENCODED: f64 = 8.0;

/// For which bodies a program is proven to end quickly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Proof {
    /// The largest body of any kind.
    dense_bytes_max: usize,
    /// The largest body with few values for its size.
    sparse_bytes_max: usize,
}

impl Proof {
    /// What is proven for `term`.
    pub(crate) fn of(term: &Term<&str>) -> Self {
        let largest = |density| {
            let proven = SIZES.into_iter().find(|size| flow(term, f64::from(*size), density).is_some());
            proven.map_or(0, |size| size as usize)
        };
        Self { dense_bytes_max: largest(DENSE), sparse_bytes_max: largest(SPARSE) }
    }

    /// Whether there is any body that it is proven for.
    pub(crate) fn exists(self) -> bool {
        self.sparse_bytes_max > 0
    }

    /// Whether it is proven for `body`.
    pub(crate) fn covers(self, body: &[u8]) -> bool {
        // Commas and brackets in strings are counted as well: rather too many than too few.
        let values = || 1 + body.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
        let sparse = || values() as f64 * SPARSE <= body.len() as f64;
        body.len() <= self.dense_bytes_max || (body.len() <= self.sparse_bytes_max && sparse())
    }
}

/// The outputs of `term` for one body of `size` bytes, of which each value has `density`; none if they are unknown or cost too much.
fn flow(term: &Term<&str>, size: f64, density: f64) -> Option<Flow> {
    let mut bound = Bound { work: 0.0, largest: size, density, variables: Vec::new() };
    bound.charge(size * READ)?;
    let body = Flow { count: 1.0, fan: 1.0, total: size, max: size, text: true, nested: true };
    let out = bound.term(term, body)?;
    bound.charge(out.max * READ + bound.largest * ENCODED)?;
    Some(out)
}

struct Bound<'t> {
    work: f64,
    /// The largest value that there was: what an error message may quote.
    largest: f64,
    density: f64,
    variables: Vec<(&'t str, Flow)>,
}

impl<'t> Bound<'t> {
    fn charge(&mut self, work: f64) -> Option<()> {
        self.work += work;
        // Not-a-number, from an infinite count of nothing, is no proof either.
        (self.work <= WORK_MAX).then_some(())
    }

    /// The elements of arrays and the values of objects, seen as outputs for each of the `containers`.
    fn elements(&self, containers: Flow) -> Flow {
        let count = containers.total / self.density + containers.count;
        let fan = containers.max / self.density + 1.0;
        Flow { count, fan, text: true, nested: true, ..containers }
    }

    fn term(&mut self, term: &Term<&'t str>, input: Flow) -> Option<Flow> {
        self.charge(input.count * STEP)?;
        let out = match term {
            Term::Id => input.once(),
            Term::Num(digits) if digits.len() <= 30 => input.each(NUMBER),
            Term::Arr(None) => input.each(2.0).kind(false, true),
            Term::Arr(Some(items)) => {
                let items = self.term(items, input)?;
                self.charge(items.count * COPY)?;
                items.collected(input)
            }
            Term::Obj(entries) => self.object(entries, input)?,
            Term::Str(format, parts) => self.string(*format, parts, input)?,
            Term::Neg(number) => self.term(number, input)?.grown(1.0, NUMBER).kind(false, false),
            Term::BinOp(left, BinaryOp::Pipe(pattern), right) => {
                self.pipe(left, pattern.as_ref(), right, input)?
            }
            Term::BinOp(left, operator, right) => self.operation(left, operator, right, input)?,
            Term::TryCatch(inner, catch) => self.try_catch(inner, catch.as_deref(), input)?,
            Term::IfThenElse(branches, otherwise) => self.branches(branches, otherwise.as_deref(), input)?,
            Term::Call(name, arguments) => self.call(name, arguments, input)?,
            Term::Var(name) => {
                let (_, value) = self.variables.iter().rev().find(|(variable, _)| variable == name)?;
                input.each(value.max).kind(value.text, value.nested)
            }
            Term::Path(head, path) => {
                let mut out = self.term(head, input)?;
                for (part, _) in &path.0 {
                    out = self.part(part, out, input)?;
                }
                out
            }
            Term::Num(_)
            | Term::Recurse
            | Term::Label(..)
            | Term::Break(_)
            | Term::Fold(..)
            | Term::Def(..) => {
                return None;
            }
        };
        self.largest = self.largest.max(out.max);
        Some(out)
    }

    fn pipe(
        &mut self,
        left: &Term<&'t str>,
        pattern: Option<&Pattern<&'t str>>,
        right: &Term<&'t str>,
        input: Flow,
    ) -> Option<Flow> {
        let left = self.term(left, input)?;
        let bound = self.variables.len();
        let over = match pattern {
            None => left,
            Some(pattern) => {
                self.bind(pattern, left)?;
                input.repeated(left.fan)
            }
        };
        let right = self.term(right, over)?;
        self.variables.truncate(bound);
        Some(Flow { fan: (left.fan * right.fan).min(right.count), ..right })
    }

    /// Binds variables to the value or to parts of it; a part is not larger than the whole.
    fn bind(&mut self, pattern: &Pattern<&'t str>, value: Flow) -> Option<()> {
        self.charge(value.count * STEP)?;
        let part = value.part();
        match pattern {
            Pattern::Var(name) => self.variables.push((name, value)),
            Pattern::Arr(patterns) => patterns.iter().try_for_each(|pattern| self.bind(pattern, part))?,
            Pattern::Obj(entries) => entries.iter().try_for_each(|(key, pattern)| {
                places::is_key(key).then(|| self.bind(pattern, part)).flatten()
            })?,
        }
        Some(())
    }

    /// Runs `right` for each output of `left`.
    fn both(&mut self, left: &Term<&'t str>, right: &Term<&'t str>, input: Flow) -> Option<(Flow, Flow)> {
        let left = self.term(left, input)?;
        let right = self.term(right, input.repeated(left.fan))?;
        Some((left, right))
    }

    fn operation(
        &mut self,
        left: &Term<&'t str>,
        operator: &BinaryOp<&'t str>,
        right: &Term<&'t str>,
        input: Flow,
    ) -> Option<Flow> {
        match operator {
            BinaryOp::Comma | BinaryOp::Alt => Some(self.term(left, input)?.and(self.term(right, input)?)),
            BinaryOp::Or | BinaryOp::And => {
                let (left, right) = self.both(left, right, input)?;
                Some(Flow { fan: left.fan * right.fan + left.fan, ..left.and(right).each(5.0) })
            }
            BinaryOp::Cmp(_) => {
                let (left, right) = self.both(left, right, input)?;
                let pairs = left.pairs(right);
                let both_nested = left.nested && right.nested;
                let bytes =
                    if both_nested { pairs.total * COPY } else { pairs.count * left.max.min(right.max) };
                self.charge(bytes)?;
                Some(Flow { fan: pairs.fan, ..pairs.each(5.0) })
            }
            BinaryOp::Math(Math::Mul) => self.product(left, right, input),
            BinaryOp::Math(operator) => {
                let (left, right) = self.both(left, right, input)?;
                self.arithmetic(left, *operator, right)
            }
            BinaryOp::Assign | BinaryOp::UpdateAlt | BinaryOp::UpdateMath(Math::Add) => {
                self.assign(left, right, input)
            }
            BinaryOp::Update => self.update(left, right, input),
            BinaryOp::UpdateMath(Math::Sub | Math::Mul | Math::Div | Math::Rem) | BinaryOp::Pipe(_) => None,
        }
    }

    fn arithmetic(&mut self, left: Flow, operator: Math, right: Flow) -> Option<Flow> {
        let pairs = left.pairs(right).grown(1.0, NUMBER);
        match operator {
            Math::Add => {
                self.charge(pairs.total * if pairs.nested { COPY } else { 1.0 })?;
                Some(pairs)
            }
            Math::Sub => {
                let lists = left.nested && right.nested;
                self.charge(pairs.total * if lists { SORT } else { 1.0 })?;
                Some(pairs.kind(false, lists))
            }
            Math::Div if left.text && right.text => {
                self.charge(pairs.total * COPY * 4.0)?;
                Some(pairs.grown(ENCODED, 2.0).kind(false, true))
            }
            // Of large whole numbers, which have up to 1000 digits, the remainder is the most expensive.
            Math::Div | Math::Rem => {
                self.charge(pairs.count * STEP + pairs.total)?;
                Some(pairs.kind(false, false))
            }
            Math::Mul => None,
        }
    }

    /// `"x" * 1000000` repeats a string, so one side must be a small constant, or no side a string.
    fn product(&mut self, left: &Term<&'t str>, right: &Term<&'t str>, input: Flow) -> Option<Flow> {
        let times = constant(left).or_else(|| constant(right));
        let (left, right) = self.both(left, right, input)?;
        let pairs = left.pairs(right).grown(1.0, NUMBER);
        if let Some(times) = times {
            let out = pairs.grown(times.max(1.0), 0.0);
            self.charge(out.total * COPY)?;
            return Some(out.kind(left.text || right.text, false));
        }
        let numbers = !left.text && !right.text && !left.nested && !right.nested;
        self.charge(pairs.count * left.max * right.max)?;
        numbers.then_some(pairs)
    }

    fn object(&mut self, entries: &[(Term<&'t str>, Option<Term<&'t str>>)], input: Flow) -> Option<Flow> {
        let mut object = input.each(2.0);
        for (key, value) in entries {
            let over = input.repeated(object.fan);
            let (key, value) = match (key, value) {
                (variable @ Term::Var(name), None) => {
                    (over.each(name.len() as f64), self.term(variable, over)?)
                }
                (key, None) => {
                    let key = self.term(key, over)?;
                    // The value is looked up by each key, for each key.
                    (key, over.repeated(key.fan).repeated(key.fan).part())
                }
                (key, Some(value)) => self.both(key, value, over)?,
            };
            let entry = key.pairs(value).grown(1.0, 4.0);
            // The sum of entries is built from the last to the first, so that each is copied again by all before it.
            self.charge(entry.count * entries.len() as f64 * STEP + key.total * COPY)?;
            object = object.pairs(entry);
        }
        Some(object.kind(false, true))
    }

    fn string(
        &mut self,
        format: Option<&str>,
        parts: &[StrPart<&'t str, Term<&'t str>>],
        input: Flow,
    ) -> Option<Flow> {
        let encodes = format.is_none_or(calls::is_encoding);
        let mut string = encodes.then(|| input.each(2.0))?;
        for part in parts {
            let over = input.repeated(string.fan);
            let part = match part {
                StrPart::Str(text) => over.each(text.len() as f64),
                StrPart::Char(_) => over.each(4.0),
                StrPart::Term(term) => self.term(term, over)?.grown(ENCODED, 2.0),
            };
            self.charge(part.total * COPY)?;
            string = string.pairs(part);
            self.charge(string.count * STEP + string.total)?;
        }
        Some(string.kind(true, false))
    }

    fn try_catch(
        &mut self,
        inner: &Term<&'t str>,
        catch: Option<&Term<&'t str>>,
        input: Flow,
    ) -> Option<Flow> {
        let out = self.term(inner, input)?;
        let Some(catch) = catch else { return Some(out) };
        // One error per input at most; it may quote two values.
        let error = input.each(self.largest * ENCODED * 2.0 + 256.0).kind(true, true);
        self.charge(error.total)?;
        Some(out.and(self.term(catch, error)?))
    }

    fn branches(
        &mut self,
        branches: &[(Term<&'t str>, Term<&'t str>)],
        otherwise: Option<&Term<&'t str>>,
        input: Flow,
    ) -> Option<Flow> {
        let (mut rest, mut fan, mut out) = (input, 1.0, Flow::NONE);
        for (condition, then) in branches {
            let condition = self.term(condition, rest)?;
            rest = rest.repeated(condition.fan);
            fan *= condition.fan;
            let then = self.term(then, rest)?;
            out = out.and(Flow { fan: fan * then.fan, ..then });
        }
        let last = otherwise.map_or(Some(rest.once()), |otherwise| self.term(otherwise, rest))?;
        Some(out.and(Flow { fan: fan * last.fan, ..last }))
    }

    /// One part of a path, applied to `head`; indices see the input of the whole path.
    fn part(&mut self, part: &Part<Term<&'t str>>, head: Flow, input: Flow) -> Option<Flow> {
        self.charge(head.count * STEP)?;
        match part {
            Part::Index(index) if places::is_key(index) => Some(head.part()),
            Part::Index(index) => {
                let index = self.term(index, input)?;
                let out = Flow { fan: head.fan * index.fan, ..head.repeated(index.fan) };
                // An array as index is searched for, and gives positions.
                self.charge(out.total * COPY + index.max * if index.nested { out.total } else { out.count })?;
                Some(out.grown(ENCODED, SPARSE).kind(true, true))
            }
            Part::Range(None, None) => {
                let elements = self.elements(head);
                self.charge(elements.count * COPY)?;
                Some(Flow { fan: (head.fan * elements.fan).min(elements.count), ..elements })
            }
            Part::Range(from, to) => {
                let mut fan = 1.0;
                for bound in from.iter().chain(to) {
                    fan *= self.term(bound, input)?.fan;
                }
                let out = Flow { fan: head.fan * fan, ..head.repeated(fan) };
                self.charge(out.total * COPY)?;
                Some(out)
            }
        }
    }
}

/// A literal number that is not large.
fn constant(term: &Term<&str>) -> Option<f64> {
    let Term::Num(digits) = term else { return None };
    digits.parse().ok().filter(|value| *value <= 1000.0)
}
