//! Checks of who reads whose answer: only those that come later can.

use super::Check;
use crate::config::field::{Field, One, Written};
use crate::config::raw;
use crate::config::settings::{Route, Target};
use crate::config::tree::Place;
use contract::Name;
use contract::part::Reads;
use expressions::Program;

impl Check<'_> {
    /// Notes in each part who reads its answer; reports who reads one that cannot be there.
    pub(super) fn readers(
        &mut self,
        raw: &[(Written<Name>, Field<raw::Route>)],
        routes: &mut [Route],
        targets: &[Target],
    ) {
        let places: Vec<Place> = raw.iter().filter_map(|(key, _)| key.place()).collect();
        for place in places {
            let name = self.tree.key(place);
            let Some(route) = routes.iter_mut().find(|route| Some(route.name.as_str()) == name) else {
                continue;
            };
            let find = |name: &Name| targets.iter().find(|target| target.name == *name);
            for index in 0..route.to.len() {
                let Some(target) = route.to.get(index).and_then(find) else { continue };
                let before = route.before(index);
                self.reads(place, route, target, &before, None);
                if let Some(undo) = target.undo.as_ref().and_then(find) {
                    let before = [before.as_slice(), &[index]].concat();
                    self.reads(place, route, undo, &before, Some(&target.name));
                }
            }
            if let Some(callback) = route.callback.as_ref().and_then(find) {
                self.reads(place, route, callback, &[], None);
            }
        }
    }

    /// What a target reads of those that were delivered before it.
    fn reads(
        &mut self,
        place: Place,
        route: &mut Route,
        target: &Target,
        before: &[usize],
        undoes: Option<&Name>,
    ) {
        let reading = target.blueprint().reading();
        for index in before.iter().copied() {
            let (Some(name), Some(part)) = (route.to.get(index), route.parts.get_mut(index)) else {
                continue;
            };
            part.audience.others = part.audience.others.max(reading.of(name.as_str()));
        }
        let is_before = |name: &str| {
            before.iter().filter_map(|index| route.to.get(*index)).any(|one| one.as_str() == name)
        };
        let reader = &target.name;
        let primary = route.primary_target();
        let help = |read: &str| match undoes {
            Some(undone) => {
                format!("it undoes `{undone}`: it can read that one, and those that wait before it")
            }
            None if route.callback.as_ref() == Some(reader) => "a callback gets the ticket only".to_owned(),
            None if primary == Some(reader) => {
                "the primary target goes first: nobody has answered yet".to_owned()
            }
            None => format!("add after: {{ {reader}: {read} }}"),
        };
        for read in reading.named().filter(|name| !is_before(name)) {
            let known = route.to.iter().any(|one| one.as_str() == read);
            let (message, help) = if known {
                (
                    format!(
                        "`{reader}` reads the answer of `{read}`, and does not wait for it in this route"
                    ),
                    help(read),
                )
            } else {
                let all: Vec<&str> = route.to.iter().map(Name::as_str).collect();
                let help = format!("the route sends to: {}", all.join(", "));
                (format!("`{reader}` reads the answer of `{read}`, which is not in `to` of this route"), help)
            };
            self.error(place, message, Some(help));
        }
        if before.is_empty() && reading.of("") != Reads::Nothing {
            let message = format!("`{reader}` reads answers, and waits for nobody in this route");
            self.error(place, message, Some(help("NAME")));
        }
    }

    /// At accept nobody has answered yet.
    pub(super) fn refuse_responses(&mut self, field: &One<Program>, program: Option<&Program>) {
        if let (Some(place), Some(program)) = (field.good().and_then(Written::place), program) {
            self.refuse_responses_at(place, program);
        }
    }

    pub(super) fn refuse_responses_at(&mut self, place: Place, program: &Program) {
        if !program.reading().is_empty() {
            let help =
                "`$responses` is there in `body`, and `responses` in the templates of `url` and `headers`";
            self.error(place, "this is decided at accept: nobody has answered yet", Some(help.to_owned()));
        }
    }
}
