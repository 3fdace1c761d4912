//! Checks of groups: who waits for whom, when a message has succeeded, who undoes.

use super::Check;
use super::route::place_of;
use crate::config::field::{Entries, Field, Written};
use crate::config::raw;
use crate::config::settings::{Primary, Route};
use contract::part::{Duty, Part, Rule};
use contract::{Name, limits};

impl Check<'_> {
    /// The part of each target of a route, when a message has succeeded, and whose answer the caller gets.
    pub(super) fn group(&mut self, to: &[Name], raw: &raw::Route) -> (Vec<Part>, Rule, Option<Primary>) {
        let mut parts = vec![Part::default(); to.len()];
        for item in raw.optional.good().map(|optional| optional.items.as_slice()).unwrap_or_default() {
            if let Some(part) = self.member(to, item.good()).and_then(|index| parts.get_mut(index)) {
                part.duty = Duty::Optional;
            }
        }
        self.after(to, raw, &mut parts);
        let primary = self.primary(to, raw, &mut parts);
        let rule = self.one(&raw.complete).unwrap_or_default();
        let required = parts.iter().filter(|part| part.duty == Duty::Required).count();
        if let Rule::Quorum(count) = rule
            && usize::from(count) > required
        {
            let message = format!("only {required} targets of this route are required");
            self.refuse(
                &raw.complete,
                message,
                Some(format!("a number from 1 to {required}, `all` or `any`")),
            );
        }
        (parts, rule, primary)
    }

    fn after(&mut self, to: &[Name], raw: &raw::Route, parts: &mut [Part]) {
        for (key, befores) in raw.after.good().map(|Entries(entries)| entries.as_slice()).unwrap_or_default()
        {
            let (Some(index), Some(befores)) = (self.member(to, Some(key)), befores.good()) else { continue };
            for item in &befores.items {
                let Some(before) = self.member(to, item.good()) else { continue };
                let Some(place) = place_of(item) else { continue };
                if reaches(parts, before, index) {
                    let (one, other) = (name(to, index), name(to, before));
                    let message = if one == other {
                        format!("`{one}` would wait for itself")
                    } else {
                        format!("`{one}` and `{other}` would wait for each other")
                    };
                    self.error(place, message, Some("remove one of the waits".to_owned()));
                } else if let (Some(part), Ok(before)) = (parts.get_mut(index), u16::try_from(before)) {
                    part.after.push(before);
                }
            }
        }
    }

    /// Undos and the callback are deliveries too.
    pub(super) fn bound_ways(
        &mut self,
        key: &Written<Name>,
        route: &Route,
        targets: &[(Written<Name>, Field<raw::Target>)],
    ) {
        let undone = |(key, target): &&(Written<Name>, Field<raw::Target>)| {
            let name = key.place().and_then(|place| self.tree.key(place));
            let undoes = target.good().is_some_and(|target| target.undo.good().is_some());
            undoes && route.to.iter().any(|target| Some(target.as_str()) == name)
        };
        let ways =
            route.to.len() + targets.iter().filter(undone).count() + usize::from(route.callback.is_some());
        if let (true, Some(place)) =
            (route.to.len() <= limits::FAN_OUT_MAX && ways > limits::FAN_OUT_MAX, key.place())
        {
            let most = limits::FAN_OUT_MAX;
            let message =
                format!("with undos and the callback a message has at most {most} deliveries, here {ways}");
            self.error(place, message, Some("split the targets over two routes".to_owned()));
        }
    }

    /// Where in `to` a name stands.
    pub(super) fn member(&mut self, to: &[Name], written: Option<&Written<Name>>) -> Option<usize> {
        let written = written?;
        let name = self.written(written)?;
        let found = to.iter().position(|target| *target == name);
        if let (None, Some(place)) = (found, written.place()) {
            let message = format!("`{}` is not in `to` of this route", self.shown(place, name.as_str()));
            let all: Vec<&str> = to.iter().map(Name::as_str).collect();
            self.error(place, message, Some(format!("the route sends to: {}", all.join(", "))));
        }
        found
    }

    /// Checks that the targets that undo are there, and undo nothing themselves.
    pub(super) fn undos(&mut self, targets: &[(Written<Name>, Field<raw::Target>)]) {
        let known: Vec<&str> = targets.iter().filter_map(|(key, _)| self.tree.key(key.place()?)).collect();
        for (_, target) in targets {
            let Some(field) = target.good().map(|target| &target.undo) else { continue };
            let Some(undo) = self.target_name(field, Some(&known)) else { continue };
            let is_undo = |key: &Written<Name>| {
                key.place().and_then(|place| self.tree.key(place)) == Some(undo.as_str())
            };
            let chained = targets.iter().find(|(key, _)| is_undo(key)).and_then(|(_, target)| target.good());
            if chained.is_some_and(|target| target.undo.good().is_some()) {
                let message = format!("`{undo}` undoes, and cannot be undone itself");
                self.refuse(field, message, Some("remove its `undo`".to_owned()));
            }
        }
    }
}

fn name(to: &[Name], index: usize) -> &str {
    to.get(index).map(Name::as_str).unwrap_or_default()
}

/// Whether `from` waits for `to`, directly or through others, or is it.
fn reaches(parts: &[Part], from: usize, to: usize) -> bool {
    let (mut open, mut seen) = (vec![from], vec![false; parts.len()]);
    while let Some(next) = open.pop() {
        if next == to {
            return true;
        }
        if let (Some(seen @ false), Some(part)) = (seen.get_mut(next), parts.get(next)) {
            *seen = true;
            open.extend(part.after.iter().map(|before| usize::from(*before)));
        }
    }
    false
}
