//! The filters whose cost is known.

use super::{Bound, COPY, ENCODED, Flow, NUMBER, SORT, SPARSE, STEP};
use jaq_core::load::parse::Term;

/// What an entry adds to a value: `{"key":…,"value":…},`, and its position, if it has no name.
const ENTRY: f64 = 48.0;

/// Whether this filter makes a text of any value, growing it at most by [`ENCODED`].
pub(super) fn is_encoding(name: &str) -> bool {
    matches!(name, "tostring" | "tojson" | "@text" | "@json" | "@html" | "@uri" | "@base64")
}

impl<'t> Bound<'t> {
    pub(super) fn call(&mut self, name: &str, arguments: &[Term<&'t str>], input: Flow) -> Option<Flow> {
        self.charge(input.count * STEP * 4.0)?;
        match arguments {
            [] => self.plain(name, input),
            [argument] => {
                self.with_filter(name, argument, input).or_else(|| self.with_value(name, argument, input))
            }
            [outputs, condition] if matches!(name, "any" | "all") => {
                let outputs = self.term(outputs, input)?;
                self.term(condition, outputs)?;
                Some(input.each(5.0))
            }
            _ => None,
        }
    }

    fn plain(&mut self, name: &str, input: Flow) -> Option<Flow> {
        let elements = self.elements(input);
        match name {
            "empty" | "error" => Some(Flow::NONE),
            "true" | "false" | "null" | "not" | "isboolean" | "isnumber" | "isstring" | "isarray"
            | "isobject" => Some(input.each(5.0)),
            "type" => Some(input.each(7.0).kind(true, false)),
            "length" | "utf8bytelength" => {
                self.charge(input.total)?;
                // The length of a number is its absolute value.
                Some(input.once().grown(1.0, NUMBER).kind(false, false))
            }
            "floor" | "round" | "ceil" => Some(input.once().grown(1.0, 330.0).kind(false, false)),
            "nulls" | "booleans" | "numbers" => Some(input.once().kind(false, false)),
            "strings" => Some(input.once().kind(true, false)),
            "arrays" | "objects" | "iterables" => Some(input.once().kind(false, true)),
            "values" | "scalars" => Some(input.once()),
            "first" | "last" => Some(input.once().part()),
            "min" | "max" => {
                self.charge(input.total * SORT)?;
                Some(input.once().part())
            }
            "reverse" | "sort" | "unique" => {
                self.charge(input.total * SORT)?;
                Some(input.once().kind(false, true))
            }
            "keys" | "keys_unsorted" => {
                self.charge(input.total * SORT)?;
                // Positions in an array are longer than its elements may be.
                Some(input.once().grown(ENCODED, 2.0).kind(false, true))
            }
            "to_entries" => self.entries(input),
            "from_entries" => self.collect_entries(input),
            "add" => self.sum(elements, input),
            "any" | "all" => {
                self.charge(elements.count * STEP * 8.0)?;
                Some(input.each(5.0))
            }
            "ascii_downcase" | "ascii_upcase" | "trim" | "ltrim" | "rtrim" => {
                self.charge(input.total)?;
                Some(input.once().kind(true, false))
            }
            name if is_encoding(name) => {
                self.charge(input.total * COPY)?;
                Some(input.once().grown(ENCODED, 2.0).kind(true, false))
            }
            _ => None,
        }
    }

    /// Filters that run their argument over the input or over its elements.
    fn with_filter(&mut self, name: &str, argument: &Term<&'t str>, input: Flow) -> Option<Flow> {
        let elements = self.elements(input);
        match name {
            "select" => {
                let condition = self.term(argument, input)?;
                Some(input.repeated(condition.fan))
            }
            "first" | "last" => {
                let out = self.term(argument, input)?;
                Some(Flow { count: input.count, fan: 1.0, ..out })
            }
            "isempty" => self.term(argument, input).map(|_| input.each(5.0)),
            "error" => self.term(argument, input).map(|_| Flow::NONE),
            "map" => {
                self.charge(elements.count * COPY)?;
                let out = self.term(argument, elements)?;
                Some(Flow { fan: elements.fan * out.fan, ..out }.collected(input))
            }
            "map_values" => {
                self.charge(elements.count * STEP + input.total * COPY)?;
                let out = self.term(argument, elements)?;
                let added = out.total + out.count;
                let out = Flow { total: input.total + added, max: input.max + added, ..input.once() };
                Some(out.kind(false, true))
            }
            "with_entries" => {
                let entries = self.entries(input)?;
                let entries = self.elements(entries);
                let out = self.term(argument, entries)?;
                self.collect_entries(Flow { fan: entries.fan * out.fan, ..out }.collected(input))
            }
            "any" | "all" => {
                self.term(argument, elements)?;
                self.charge(elements.count * STEP * 8.0)?;
                Some(input.each(5.0))
            }
            "add" => {
                let out = self.term(argument, input)?;
                self.sum(out, input)
            }
            "sort_by" | "group_by" | "unique_by" | "min_by" | "max_by" => {
                let keys = self.term(argument, elements)?;
                self.charge((input.total + keys.total) * SORT + keys.count * STEP)?;
                // Each group has brackets of its own.
                Some(input.once().grown(2.0, SPARSE).kind(true, true))
            }
            "del" => self.delete(argument, input),
            _ => None,
        }
    }

    /// Filters that take the values of their argument.
    fn with_value(&mut self, name: &str, argument: &Term<&'t str>, input: Flow) -> Option<Flow> {
        if !matches!(
            name,
            "has" | "contains" | "startswith" | "endswith" | "ltrimstr" | "rtrimstr" | "split" | "join"
        ) {
            return None;
        }
        let value = self.term(argument, input)?;
        let over = input.repeated(value.fan);
        self.charge(over.count * STEP + over.total + value.total)?;
        match name {
            "contains" => {
                // Each element may be compared with each other one, at every level.
                self.charge(over.total * value.max * if value.nested { COPY } else { 1.0 })?;
                Some(Flow { fan: value.fan, ..over.each(5.0) })
            }
            "has" | "startswith" | "endswith" => Some(Flow { fan: value.fan, ..over.each(5.0) }),
            "split" => {
                self.charge(over.total * COPY * 4.0)?;
                Some(over.grown(ENCODED, 2.0).kind(false, true))
            }
            "join" => {
                let elements = self.elements(over);
                let out = elements.grown(ENCODED, value.max + 2.0);
                self.charge(elements.count * STEP * 10.0)?;
                let joined = self.sum(out, over)?;
                Some(Flow { fan: value.fan, ..joined }.kind(true, false))
            }
            _ => Some(over),
        }
    }

    /// The sum of `items`, from left to right, for each input.
    fn sum(&mut self, items: Flow, input: Flow) -> Option<Flow> {
        let total = items.total + items.count * NUMBER;
        let max = total.min(items.fan * (items.max + NUMBER));
        self.charge(items.count * STEP * 6.0 + total * COPY)?;
        Some(Flow {
            count: input.count,
            fan: 1.0,
            total: total + input.count * 4.0,
            max: max + 4.0,
            text: true,
            nested: true,
        })
    }

    fn entries(&mut self, input: Flow) -> Option<Flow> {
        let elements = self.elements(input);
        self.charge(elements.count * STEP * 8.0 + input.total * COPY)?;
        let total = input.total + elements.count * ENTRY;
        let max = input.max + elements.fan * ENTRY;
        Some(Flow { total, max, ..input.once() }.kind(false, true))
    }

    fn collect_entries(&mut self, input: Flow) -> Option<Flow> {
        let elements = self.elements(input);
        self.charge(elements.count * STEP * 16.0 + input.total * COPY)?;
        Some(input.once().kind(false, true))
    }
}
