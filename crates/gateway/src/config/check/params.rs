//! Checks that the path parameters that templates ask for are in the paths of the routes.

use super::Check;
use crate::config::field::{Field, Written};
use crate::config::raw;
use crate::config::settings::{Route, Target};
use contract::Name;

impl Check<'_> {
    /// A message of a route whose path does not have a parameter would be dead at once, unless the template has a default.
    pub(super) fn warn_of_params(
        &mut self,
        raw: &[(Written<Name>, Field<raw::Route>)],
        routes: &[Route],
        targets: &[Target],
    ) {
        let places = raw.iter().filter_map(|(key, _)| key.place());
        for place in places.collect::<Vec<_>>() {
            let name = self.tree.key(place);
            let Some(route) = routes.iter().find(|route| Some(route.name.as_str()) == name) else { continue };
            for target in targets.iter().filter(|target| route.to.contains(&target.name)) {
                let asked = target.path.iter().chain(target.made.iter().map(|(_, template)| template));
                let asked = asked.flat_map(|template| template.params().map(str::to_owned));
                let missing = asked.filter(|asked| route.pattern.names().all(|name| name != asked));
                for missing in missing.collect::<Vec<_>>() {
                    let message = format!(
                        "the target `{}` asks for `params.{missing}`, which the path of this route does not have",
                        target.name
                    );
                    let help = format!("give the path a segment {{{missing}}}, or the template a default");
                    self.warn(place, message, Some(help));
                }
            }
        }
    }
}
