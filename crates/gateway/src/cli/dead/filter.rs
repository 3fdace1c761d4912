//! Which dead deliveries a command is about.

use crate::cli::client::encode;
use crate::cli::time_or_ago;
use clap::Args;
use contract::{DeliveryId, Name};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Every option that is given must match.
#[derive(Debug, Default, Args)]
pub(super) struct Filter {
    /// Only to this target
    #[arg(short, long, value_name = "NAME", value_parser = Name::try_new)]
    target: Option<Name>,
    /// Only of this route
    #[arg(short, long, value_name = "NAME", value_parser = Name::try_new)]
    route: Option<Name>,
    /// Only messages accepted since then: a time such as 2026-11-23T10:00:00Z, or how long ago, such as 2h
    #[arg(short, long, value_name = "TIME|DURATION", value_parser = time_or_ago)]
    since: Option<Timestamp>,
    /// Only with this reason (`exhausted`, `refused`…), error class (`timeout_total`…) or status
    #[arg(short, long, value_name = "WORD")]
    error: Option<String>,
    /// Only those that keep this order key, so that what came later with it waits
    #[arg(short, long, value_name = "KEY")]
    key: Option<String>,
}

/// One delivery, or all that a filter takes.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("selection").required(true).multiple(true).args(["id", "target", "route", "since", "error", "key", "all"]))]
pub(super) struct Selection {
    /// One delivery
    #[arg(conflicts_with_all = ["target", "route", "since", "error", "key", "all"])]
    pub(super) id: Option<DeliveryId>,
    #[command(flatten)]
    filter: Filter,
    /// All of them, if no filter says which
    #[arg(long)]
    all: bool,
}

impl Filter {
    /// As a query, each part after an `&`.
    pub(super) fn query(&self) -> String {
        let parts = self.parts();
        parts.iter().map(|(key, value)| format!("&{key}={}", encode(value))).collect()
    }

    fn parts(&self) -> Vec<(&'static str, String)> {
        let target = self.target.as_ref().map(|name| ("target", name.to_string()));
        let route = self.route.as_ref().map(|name| ("route", name.to_string()));
        let since = self.since.map(|time| ("since", time.to_string()));
        let error = self.error.clone().map(|error| ("error", error));
        let key = self.key.clone().map(|key| ("key", key));
        [target, route, since, error, key].into_iter().flatten().collect()
    }
}

impl Selection {
    /// As the body of a request, with what else it says.
    pub(super) fn order(&self, more: Value) -> Value {
        let mut order = match self.id {
            Some(id) => json!({ "delivery": id }),
            None => {
                json!({ "filter": self.filter.parts().into_iter().collect::<std::collections::BTreeMap<_, _>>() })
            }
        };
        if let (Some(order), Value::Object(more)) = (order.as_object_mut(), more) {
            order.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_query_or_the_body_of_an_order() {
        let filter = Filter {
            target: Some(Name::try_new("crm").unwrap()),
            error: Some("a&b".to_owned()),
            ..Filter::default()
        };
        assert_eq!(filter.query(), "&target=crm&error=a%26b");
        let selection = Selection { id: None, filter, all: false };
        let order = selection.order(json!({ "rate": 2.5, "dry_run": null }));
        assert_eq!(order, json!({ "filter": { "target": "crm", "error": "a&b" }, "rate": 2.5 }));
        let all = Selection { id: None, filter: Filter::default(), all: true };
        assert_eq!(all.order(Value::Null), json!({ "filter": {} }));
    }
}
