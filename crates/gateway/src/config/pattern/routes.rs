//! The routing table: which route takes a request, by method and path.

use super::{Params, Pattern, Segment};
use http::Method;
use std::collections::HashMap;
use std::fmt;

/// The methods that a route takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Methods {
    /// Every method.
    Any,
    /// Only these; at least one.
    Only(Vec<Method>),
}

/// All routes, ready for look-ups. Of several patterns that match a path, the most specific one wins.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// Patterns without parameters, by their path: the hot path is one look-up and allocates nothing.
    literal: HashMap<Box<str>, Vec<Entry>>,
    /// All others, the more specific before the less specific.
    open: Vec<(Pattern, Entry)>,
}

#[derive(Clone, Debug)]
struct Entry {
    methods: Methods,
    route: usize,
}

/// The answer to a look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<'r, 'p> {
    /// This route takes it.
    Found {
        /// The route's index, in the order given to [`Routes::new`].
        route: usize,
        /// What its pattern captured.
        params: Params<'r, 'p>,
    },
    /// Only with one of these methods.
    MethodNotAllowed(Vec<Method>),
    /// No route has this path.
    NotFound,
}

/// Two routes that cannot both be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// The index of the earlier route.
    pub first: usize,
    /// The index of the later route.
    pub second: usize,
    /// A path that both would take.
    pub example: String,
    /// How they meet.
    pub overlap: Overlap,
}

/// How the paths of two patterns meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// No path matches both.
    Apart,
    /// Every path matches both or none.
    Same,
    /// Every path of the first matches the second, or the other way round: the narrower one wins.
    Nested,
    /// Some paths match both, and neither is narrower.
    Crossing,
}

impl Methods {
    /// Whether this method is among them.
    #[must_use]
    pub fn contains(&self, method: &Method) -> bool {
        match self {
            Self::Any => true,
            Self::Only(list) => list.contains(method),
        }
    }

    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::Only(left), Self::Only(right)) => left.iter().any(|method| right.contains(method)),
        }
    }
}

impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("ANY"),
            Self::Only(list) => {
                let words: Vec<&str> = list.iter().map(Method::as_str).collect();
                f.write_str(&words.join("|"))
            }
        }
    }
}

impl Routes {
    /// Builds the table. The routes must have no clashes: ask [`Routes::clashes`] first.
    #[must_use]
    pub fn new<'a>(routes: impl IntoIterator<Item = (&'a Methods, &'a Pattern)>) -> Self {
        let mut table = Self::default();
        for (route, (methods, pattern)) in routes.into_iter().enumerate() {
            let entry = Entry { methods: methods.clone(), route };
            match pattern.literal() {
                Some(path) => table.literal.entry(path.into()).or_default().push(entry),
                None => table.open.push((pattern.clone(), entry)),
            }
        }
        // Of two nested patterns the narrower one has the lower rank at the first segment where they differ.
        table.open.sort_by(|(left, _), (right, _)| {
            let ranks = |pattern: &Pattern| pattern.segments.iter().map(Segment::rank).collect::<Vec<_>>();
            ranks(left).cmp(&ranks(right))
        });
        table
    }

    /// Every pair of routes that share a method and of which neither is the more specific one.
    #[must_use]
    pub fn clashes(routes: &[(&Methods, &Pattern)]) -> Vec<Clash> {
        let mut clashes = Vec::new();
        for (second, (methods, pattern)) in routes.iter().enumerate() {
            for (first, (earlier_methods, earlier)) in routes.iter().enumerate().take(second) {
                let overlap = overlap(earlier, pattern);
                let clash = match overlap {
                    Overlap::Same | Overlap::Crossing => earlier_methods.meets(methods),
                    Overlap::Apart | Overlap::Nested => false,
                };
                if clash {
                    clashes.push(Clash { first, second, example: example(earlier, pattern), overlap });
                }
            }
        }
        clashes
    }

    /// The route for a request. The path is as sent, without the query.
    #[must_use]
    pub fn find<'r, 'p>(&'r self, method: &Method, path: &'p str) -> Lookup<'r, 'p> {
        let literal = self.literal.get(path).map(Vec::as_slice).unwrap_or_default();
        if let Some(entry) = literal.iter().find(|entry| entry.methods.contains(method)) {
            return Lookup::Found { route: entry.route, params: Vec::new() };
        }
        for (pattern, entry) in self.open.iter().filter(|(_, entry)| entry.methods.contains(method)) {
            if let Some(params) = pattern.capture(path) {
                return Lookup::Found { route: entry.route, params };
            }
        }
        let open = self.open.iter().filter(|(pattern, _)| pattern.matches(path)).map(|(_, entry)| entry);
        let mut allowed: Vec<Method> = Vec::new();
        for entry in literal.iter().chain(open) {
            match &entry.methods {
                Methods::Any => {}
                Methods::Only(list) => allowed.extend(list.iter().cloned()),
            }
        }
        allowed.sort_by(|left, right| left.as_str().cmp(right.as_str()));
        allowed.dedup();
        if allowed.is_empty() { Lookup::NotFound } else { Lookup::MethodNotAllowed(allowed) }
    }
}

/// How the paths of two patterns meet.
pub(super) fn overlap(left: &Pattern, right: &Pattern) -> Overlap {
    let (mut left_narrower, mut right_narrower) = (false, false);
    let mut index = 0;
    loop {
        match (left.segments.get(index), right.segments.get(index)) {
            (None, None) => break,
            (None, Some(_)) | (Some(_), None) => return Overlap::Apart,
            (Some(Segment::Exact(one)), Some(Segment::Exact(other))) if one == other => {}
            (Some(Segment::Exact(_)), Some(Segment::Exact(_))) => return Overlap::Apart,
            (Some(Segment::Param(_)), Some(Segment::Param(_))) => {}
            (Some(Segment::Rest(_)), Some(Segment::Rest(_))) => break,
            (Some(one), Some(other)) => {
                let (narrow, wide) = if one.rank() < other.rank() { (one, other) } else { (other, one) };
                if matches!(narrow, Segment::Exact(text) if text.is_empty()) {
                    // What a slash at the end leaves is nothing that a parameter or a wildcard would take.
                    return Overlap::Apart;
                }
                left_narrower |= narrow == one;
                right_narrower |= narrow == other;
                if matches!(wide, Segment::Rest(_)) {
                    break;
                }
            }
        }
        index += 1;
    }
    match (left_narrower, right_narrower) {
        (false, false) => Overlap::Same,
        (true, true) => Overlap::Crossing,
        (true, false) | (false, true) => Overlap::Nested,
    }
}

/// A path that two overlapping patterns both match.
fn example(left: &Pattern, right: &Pattern) -> String {
    let longest = left.segments.len().max(right.segments.len());
    let exact = |pattern: &Pattern, index: usize| match pattern.segments.get(index) {
        Some(Segment::Exact(text)) => Some(text.to_string()),
        Some(Segment::Param(_) | Segment::Rest(_)) | None => None,
    };
    (0..longest)
        .map(|index| exact(left, index).or_else(|| exact(right, index)).unwrap_or_else(|| "x".to_owned()))
        .fold(String::new(), |path, segment| path + "/" + &segment)
}
