//! Checks of routes: paths that do not clash, targets that exist.

use super::Check;
use crate::config::field::{Field, One, Several, Written};
use crate::config::form::Accept;
use crate::config::media::{ContentTypes, MediaRange};
use crate::config::pattern::{Methods, Overlap, Pattern, Routes};
use crate::config::raw;
use crate::config::settings::{Dedupe, DedupeBy, Route};
use crate::config::suggest::nearest;
use crate::config::tree::{Place, Tree};
use contract::{Name, limits};
use std::collections::HashSet;
use std::time::Duration;

impl Check<'_> {
    /// The routes that can be used. `None` stands for a mapping that could not be read at all.
    pub(super) fn routes(
        &mut self,
        routes: Option<&[(Written<Name>, Field<raw::Route>)]>,
        targets: Option<&[(Written<Name>, Field<raw::Target>)]>,
        body_max: usize,
    ) -> Vec<Route> {
        if routes.is_some_and(<[_]>::is_empty) {
            let help = "for example routes: { signup: { accept: POST /signup, to: [crm] } }";
            self.error(Tree::ROOT, "there is no route: nothing would be accepted", Some(help.to_owned()));
        }
        let known: Option<Vec<&str>> = targets
            .map(|targets| targets.iter().filter_map(|(key, _)| self.tree.key(key.place()?)).collect());
        let mut found = Vec::new();
        for (key, field) in routes.unwrap_or_default() {
            let name = self.written(key);
            let Some(raw) = field.good() else { continue };
            if let Some(route) = self.route(key, name, raw, known.as_deref(), body_max) {
                self.bound_ways(key, &route, targets.unwrap_or_default());
                found.push((key.place(), route));
            }
        }
        self.report_clashes(&found);
        let routes = found.into_iter().map(|(_, route)| route).collect::<Vec<_>>();
        self.warn_unused(targets.unwrap_or_default(), &routes);
        routes
    }

    fn route(
        &mut self,
        key: &Written<Name>,
        name: Option<Name>,
        raw: &raw::Route,
        known: Option<&[&str]>,
        body_max: usize,
    ) -> Option<Route> {
        let accept = self.accept(key, &raw.accept);
        let to = self.to(key, &raw.to, known);
        let (parts, rule, primary) = self.group(&to, raw);
        let callback = self.target_name(&raw.callback, known);
        let body = self.body(&raw.body);
        let deadline = self.deadline(&raw.deadline);
        let priority = self.one(&raw.priority).unwrap_or_default();
        let content_types = self.content_types(&raw.content_types);
        let types = self.several(&raw.types).unwrap_or_default();
        let order = self.one(&raw.key);
        self.warn_unbounded(&raw.key, order.as_ref());
        self.refuse_responses(&raw.key, order.as_ref());
        let dedupe = raw.dedupe.good().map(|dedupe| self.dedupe(dedupe));
        let Accept { methods, pattern } = accept?;
        Some(Route {
            name: name?,
            methods,
            pattern,
            to,
            parts,
            rule,
            primary,
            callback,
            body_max: body.unwrap_or(body_max),
            deadline,
            priority,
            content_types,
            types,
            key: order,
            dedupe: dedupe.flatten(),
        })
    }

    fn accept(&mut self, key: &Written<Name>, field: &One<Accept>) -> Option<Accept> {
        if let (Field::Absent, Some(place)) = (field, key.place()) {
            self.error(place, "`accept` is missing", Some("for example accept: POST /signup".to_owned()));
        }
        let accept = self.one(field)?;
        let reserved = match accept.pattern.first() {
            Some("v1") => true,
            Some("healthz") => accept.pattern.literal().as_deref() == Some("/healthz"),
            Some(_) | None => false,
        };
        if reserved {
            let help = "/healthz and everything under /v1 are Fanlight's own: use another path";
            self.refuse(field, "this path is reserved", Some(help.to_owned()));
        }
        Some(accept)
    }

    fn to(&mut self, key: &Written<Name>, field: &Field<Several<Name>>, known: Option<&[&str]>) -> Vec<Name> {
        let (place, items) = match field {
            Field::Good(Several { place, items }) => (place.or(key.place()), items.as_slice()),
            Field::Bad => return Vec::new(),
            Field::Absent => (key.place(), [].as_slice()),
        };
        if let (true, Some(place)) = (items.is_empty(), place) {
            self.error(place, "the route has no target", Some("for example to: [crm, mailing]".to_owned()));
        }
        if let Some(place) = items.get(limits::FAN_OUT_MAX).and_then(place_of) {
            let message =
                format!("a route has at most {} targets, this one has {}", limits::FAN_OUT_MAX, items.len());
            self.error(place, message, Some("split them over two routes".to_owned()));
        }
        let mut names: Vec<Name> = Vec::new();
        for item in items.iter().take(limits::FAN_OUT_MAX) {
            let (Some(name), Some(place)) = (self.one(item), place_of(item)) else { continue };
            if names.contains(&name) {
                let message = format!("`{}` stands there twice", self.shown(place, name.as_str()));
                self.error(place, message, Some("remove one of them".to_owned()));
            } else {
                self.check_known(place, &name, known);
            }
            names.push(name);
        }
        names
    }

    fn dedupe(&mut self, raw: &raw::Dedupe) -> Option<Dedupe> {
        let (by, window) = (self.one(&raw.by), self.one(&raw.window));
        if let (Some(DedupeBy::Expression(program)), Some(place)) = (&by, place_of(&raw.by)) {
            self.warn_if_unbounded(place, program);
            self.refuse_responses_at(place, program);
        }
        if window.is_some_and(|window| window.is_zero() || window > limits::IDEMPOTENCY_WINDOW) {
            let help = "from 1s to 24h: keys are not remembered for longer";
            self.refuse(&raw.window, "this is out of range", Some(help.to_owned()));
        }
        Some(Dedupe { by: by?, window: window? })
    }

    /// The name of one target that exists.
    pub(super) fn target_name(&mut self, field: &One<Name>, known: Option<&[&str]>) -> Option<Name> {
        let name = self.one(field)?;
        if let Some(place) = place_of(field) {
            self.check_known(place, &name, known);
        }
        Some(name)
    }

    fn check_known(&mut self, place: Place, name: &Name, known: Option<&[&str]>) {
        let Some(known) = known.filter(|known| !known.contains(&name.as_str())) else { return };
        let help = match nearest(name.as_str(), known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "there are no targets: add them under `targets`".to_owned(),
            None => format!("the targets are: {}", known.join(", ")),
        };
        let message = format!("there is no target `{}`", self.shown(place, name.as_str()));
        self.error(place, message, Some(help));
    }

    fn deadline(&mut self, field: &One<Duration>) -> Option<Duration> {
        let deadline = self.one(field)?;
        if deadline.is_zero() {
            let help = "give a duration such as 1h, or remove the key for no deadline";
            self.refuse(field, "no attempt would ever be made", Some(help.to_owned()));
        }
        Some(deadline)
    }

    fn content_types(&mut self, field: &Field<Several<MediaRange>>) -> Option<ContentTypes> {
        let ranges = self.several(field)?;
        if let Some(Several { place: Some(place), items }) = field.good()
            && items.is_empty()
        {
            let help = "name at least one type, or remove the key to take all";
            self.error(*place, "no message would be accepted", Some(help.to_owned()));
        }
        Some(ContentTypes::new(ranges))
    }

    fn report_clashes(&mut self, routes: &[(Option<Place>, Route)]) {
        let requests: Vec<(&Methods, &Pattern)> =
            routes.iter().map(|(_, route)| (&route.methods, &route.pattern)).collect();
        for clash in Routes::clashes(&requests) {
            let (Some((_, first)), Some((Some(place), second))) =
                (routes.get(clash.first), routes.get(clash.second))
            else {
                continue;
            };
            let (message, help) = match clash.overlap {
                Overlap::Same | Overlap::Apart | Overlap::Nested => (
                    format!("the routes `{}` and `{}` take the same requests", first.name, second.name),
                    "give one of them another method or path".to_owned(),
                ),
                Overlap::Crossing => (
                    format!("the routes `{}` and `{}` both take {}", first.name, second.name, clash.example),
                    "neither path is narrower than the other: change one, or give it another method"
                        .to_owned(),
                ),
            };
            self.error(*place, message, Some(help));
        }
    }

    fn warn_unused(&mut self, targets: &[(Written<Name>, Field<raw::Target>)], routes: &[Route]) {
        // A route with an error may be the one that uses it.
        if self.findings.refuse() {
            return;
        }
        let named = routes.iter().flat_map(|route| route.to.iter().chain(&route.callback));
        let undos = targets.iter().filter_map(|(_, target)| target.good()?.undo.good());
        let mut used: HashSet<&str> = named.map(Name::as_str).collect();
        used.extend(undos.filter_map(|undo| Some(self.tree.scalar(undo.place()?)?.text.as_str())));
        for place in targets.iter().filter_map(|(key, _)| key.place()) {
            if let Some(name) = self.tree.key(place).filter(|name| !used.contains(name)) {
                self.warn(place, format!("no route sends to the target `{name}`"), None);
            }
        }
    }
}

pub(super) fn place_of<T>(field: &One<T>) -> Option<Place> {
    field.good().and_then(Written::place)
}
