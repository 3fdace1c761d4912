//! Puts what references stand for in their place, and drops keys that stand twice in one mapping.

use super::{Place, Scalar, Tree, Value};
use crate::config::environment::Environment;
use crate::config::findings::Findings;
use crate::config::interpolate::expand;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

impl Tree {
    /// Replaces `${…}` in every value and reports keys that stand twice in one mapping.
    pub(crate) fn resolve(&mut self, env: &dyn Environment, findings: &mut Findings) {
        for index in 0..self.nodes.len() {
            let Ok(place) = u32::try_from(index).map(Place) else { return };
            match self.value(place) {
                Value::Scalar(_) => self.replace_references(place, env, findings),
                Value::Map(_) => self.drop_repeated_keys(place, findings),
                Value::Null | Value::Key(_) | Value::List(_) | Value::Broken => {}
            }
        }
    }

    fn replace_references(&mut self, place: Place, env: &dyn Environment, findings: &mut Findings) {
        let Some(scalar) = self.scalar(place).filter(|scalar| scalar.text.contains("${")) else { return };
        let value = match expand(&scalar.text, env) {
            Ok(expanded) => {
                Value::Scalar(Scalar { text: expanded.text, origin: expanded.origin, kind: scalar.kind })
            }
            Err(unresolved) => {
                let at = self.part(place, unresolved.at.clone());
                findings.error(at, self.path(place), unresolved.to_string(), unresolved.why.help());
                Value::Broken
            }
        };
        if let Some(node) = self.nodes.get_mut(place.0 as usize) {
            node.value = value;
        }
    }

    fn drop_repeated_keys(&mut self, place: Place, findings: &mut Findings) {
        let Value::Map(entries) = self.value(place) else { return };
        let mut seen = HashMap::new();
        let mut kept = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let Value::Key(name) = self.value(*key) else { continue };
            match seen.entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(*key);
                    kept.push((*key, *value));
                }
                Entry::Occupied(entry) => {
                    let before = self.text.get(..self.at(*entry.get()).start).unwrap_or_default();
                    let line = before.matches('\n').count() + 1;
                    let help = format!("the first one is in line {line}: remove or rename one of them");
                    let message = format!("the key `{name}` stands there twice");
                    findings.error_at(self, *key, message, Some(help));
                }
            }
        }
        if let Some(node) = self.nodes.get_mut(place.0 as usize) {
            node.value = Value::Map(kept);
        }
    }
}
