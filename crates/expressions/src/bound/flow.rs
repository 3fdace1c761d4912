//! How many values a term puts out at most, and how large they are.

use super::SPARSE;

/// What a term can put out at most, over all the values it is given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    /// Values.
    pub(super) count: f64,
    /// Values for one input.
    pub(super) fan: f64,
    /// Bytes of all values together.
    pub(super) total: f64,
    /// Bytes of the largest value.
    pub(super) max: f64,
    /// Whether there may be strings.
    pub(super) text: bool,
    /// Whether there may be arrays or objects.
    pub(super) nested: bool,
}

impl Flow {
    /// Nothing.
    pub(super) const NONE: Self =
        Self { count: 0.0, fan: 0.0, total: 0.0, max: 0.0, text: false, nested: false };

    /// Seen as outputs of a term that gives each value once.
    pub(super) fn once(self) -> Self {
        Self { fan: 1.0, ..self }
    }

    /// Each value `times` times.
    pub(super) fn repeated(self, times: f64) -> Self {
        Self { count: self.count * times, fan: times, total: self.total * times, ..self }
    }

    /// For each value one of at most `size` bytes; a number or a constant. What is made has its share of bytes, so that
    /// the density of the body holds for what is made of it.
    pub(super) fn each(self, size: f64) -> Self {
        let (count, size) = (self.count, size.max(SPARSE));
        Self { count, fan: 1.0, total: count * size, max: size, text: false, nested: false }
    }

    /// Each value made larger.
    pub(super) fn grown(self, factor: f64, bytes: f64) -> Self {
        let total = self.total * factor + self.count * bytes;
        Self { total, max: self.max * factor + bytes, ..self }
    }

    pub(super) fn kind(self, text: bool, nested: bool) -> Self {
        Self { text, nested, ..self }
    }

    /// Some part of each value, or `null` where it has none.
    pub(super) fn part(self) -> Self {
        self.grown(1.0, SPARSE).kind(true, true)
    }

    /// The outputs of both.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            fan: self.fan + other.fan,
            total: self.total + other.total,
            max: self.max.max(other.max),
            text: self.text || other.text,
            nested: self.nested || other.nested,
        }
    }

    /// Pairs of a value of `self` with each one of `right`, which was run once per value of `self`; both parts in one size.
    pub(super) fn pairs(self, right: Self) -> Self {
        Self {
            count: right.count,
            fan: self.fan * right.fan,
            total: self.total * right.fan + right.total,
            max: self.max + right.max,
            text: self.text || right.text,
            nested: self.nested || right.nested,
        }
    }

    /// One array of all values, for each of the `inputs`.
    pub(super) fn collected(self, inputs: Self) -> Self {
        let total = self.total + self.count + inputs.count * SPARSE;
        let max = total.min(self.fan * (self.max + 1.0) + SPARSE);
        Self { count: inputs.count, fan: 1.0, total, max, text: false, nested: true }
    }
}
