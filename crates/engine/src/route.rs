//! Which targets a message goes to, and how each delivery begins.

use crate::dispatch::lane::Lane;
use crate::happened::Refusal;
use crate::policy::{order, retry};
use bytes::Bytes;
use contract::delivery::{Attempt, AttemptResult, Death, ErrorClass, ShapeId, Standing, Suspicion, Timings};
use contract::expression::{Expression, Fault};
use contract::group::{self, Member, Move};
use contract::line::Priority;
use contract::part::{Audience, Caller, Duty, Part, Rule};
use contract::store::{OrderKey, Start};
use contract::{Entropy, Message, Name, Timestamp, limits};
use std::sync::Arc;
use std::time::Duration;

/// A route with its lanes, for the hot path.
pub struct Route {
    /// Its name.
    pub name: Name,
    /// Relative deadline.
    pub deadline: Option<Duration>,
    /// Of its messages, unless one says otherwise.
    pub priority: Priority,
    /// The order key's expression.
    pub(crate) key: Option<Arc<dyn Expression>>,
    /// When a message has succeeded.
    pub(crate) rule: Rule,
    /// Some delivery waits for others.
    pub(crate) waits: bool,
    /// The ordinal of the target whose answer the caller gets.
    pub(crate) primary: Option<u16>,
    /// The names of the targets that messages are for, in order of ordinal.
    pub(crate) targets: Arc<[Name]>,
    /// One per target, in order of ordinal.
    pub(crate) rays: Vec<Ray>,
}

impl Route {
    /// Whether its messages go to this target.
    pub(crate) fn brings_to(&self, target: &Name) -> bool {
        self.rays.iter().any(|ray| ray.lane.name == *target && ray.part.duty.brings_message())
    }
}

/// One way out of a route.
pub(crate) struct Ray {
    pub(crate) lane: Arc<Lane>,
    pub(crate) part: Part,
    pub(crate) when: Option<Arc<dyn Expression>>,
    pub(crate) shape: Option<ShapeId>,
    pub(crate) retry: retry::Policy,
    pub(crate) order: order::Policy,
}

/// What a message asks for beside its content.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wish {
    pub(crate) priority: Priority,
    /// No attempt before this moment.
    pub(crate) not_before: Option<Timestamp>,
    /// Whether the caller waits for the primary's answer.
    pub(crate) caller: Caller,
}

impl Route {
    /// Who reads the answer to a delivery of a message.
    pub(crate) fn audience(&self, ordinal: u16, ray: &Ray, caller: Caller) -> Audience {
        if self.primary == Some(ordinal) {
            Audience { caller, ..ray.part.audience }
        } else {
            ray.part.audience
        }
    }
}

/// Decides how each delivery of the message begins. `Leased` here is a wish: the lane and the store may say no.
///
/// # Errors
/// `NoWorker`: an expression could not run now, so nothing is decided.
pub(crate) async fn starts(
    route: &Route,
    message: &Message,
    own: Option<OrderKey>,
    wish: Wish,
    entropy: &dyn Entropy,
) -> Result<Vec<Start>, Refusal> {
    let key = match &route.key {
        Some(key) => order_key(key.evaluate(message.body.clone()).await).map(|key| key.or(own)),
        None => Ok(own),
    };
    let mut starts = Vec::with_capacity(route.rays.len());
    for (ray, ordinal) in route.rays.iter().zip(0u16..) {
        let wanted = match (&key, &ray.when) {
            (Err(fault), _) => Err(("key", fault.clone())),
            (Ok(_), Some(when)) => {
                wanted(when.evaluate(message.body.clone()).await).map_err(|fault| ("when", fault))
            }
            (Ok(_), None) => Ok(Wanted::Yes),
        };
        let (standing, fault) = match wanted {
            Ok(Wanted::Yes) if ray.part.waits() => (Standing::Waiting, None),
            Ok(Wanted::Yes) => (begins(ray, message, wish.not_before, entropy), None),
            Ok(Wanted::No) => (Standing::Skipped, None),
            Err((_, Fault::Busy { .. })) => return Err(Refusal::NoWorker),
            Err((name, fault)) => {
                (Standing::Dead(Death::Config), Some(Box::new(attempt(name, &fault, message))))
            }
        };
        let key = key.as_ref().ok().and_then(Clone::clone).filter(|_| ray.part.is_main());
        let mut part = Part { audience: route.audience(ordinal, ray, wish.caller), ..ray.part.clone() };
        if let (Duty::Undo(of), Standing::Skipped) = (&mut part.duty, standing) {
            // Its filter's no is for good, whatever run comes.
            *of = u16::try_from(starts.len()).unwrap_or(u16::MAX);
        }
        starts.push(Start {
            target: ray.lane.name.clone(),
            standing,
            key,
            shape: ray.shape,
            priority: wish.priority,
            fault,
            key_fate: ray.order.fate(standing, None),
            part,
        });
    }
    if route.waits {
        regroup(route, message, wish, entropy, &mut starts);
    }
    Ok(starts)
}

/// At once, if nothing asks for a wait: neither the schedule nor the message.
fn begins(ray: &Ray, message: &Message, not_before: Option<Timestamp>, entropy: &dyn Entropy) -> Standing {
    let wait = ray.retry.first_wait(|| entropy.bits());
    match not_before.filter(|at| *at > message.received) {
        Some(at) => Standing::Due(at.max(message.received + wait)),
        None if wait.is_zero() => Standing::Leased,
        None => Standing::Due(message.received + wait),
    }
}

/// What follows at once for those that wait, from what has ended before it began: skipped, or dead for its configuration.
fn regroup(route: &Route, message: &Message, wish: Wish, entropy: &dyn Entropy, starts: &mut [Start]) {
    let member = |start: &'_ Start| {
        // What is to be leased is not in flight yet.
        let leased = start.standing == Standing::Leased;
        (start.part.clone(), if leased { Standing::Due(message.received) } else { start.standing })
    };
    let parts: Vec<(Part, Standing)> = starts.iter().map(member).collect();
    let members: Vec<Member<'_>> =
        parts.iter().map(|(part, standing)| Member { part, standing: *standing, delivered: None }).collect();
    for (ordinal, step) in group::moves(route.rule, &members) {
        let ordinal = usize::from(ordinal);
        let (Some(start), Some(ray)) = (starts.get_mut(ordinal), route.rays.get(ordinal)) else { continue };
        start.standing = match step {
            Move::Start => begins(ray, message, wish.not_before, entropy),
            Move::Skip => Standing::Skipped,
            Move::Fail => Standing::Unmet,
            Move::Cancel => Standing::Cancelled,
        };
    }
}

/// What a filter said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The message goes to the target.
    Yes,
    /// It is skipped.
    No,
}

/// What a filter's output means.
///
/// # Errors
/// The filter's own fault.
pub fn wanted(said: Result<Bytes, Fault>) -> Result<Wanted, Fault> {
    match said {
        Ok(json) if is_true(&json) => Ok(Wanted::Yes),
        Ok(_) | Err(Fault::Empty) => Ok(Wanted::No),
        Err(
            fault @ (Fault::NotJson { .. }
            | Fault::Raised { .. }
            | Fault::Exceeded { .. }
            | Fault::Template { .. }
            | Fault::Busy { .. }),
        ) => Err(fault),
    }
}

/// The attempt that stands for a delivery that cannot even be decided on, so that its ticket says why.
fn attempt(name: &str, fault: &Fault, message: &Message) -> Attempt {
    Attempt {
        number: 1,
        run: 1,
        began: message.received,
        timings: Timings::default(),
        result: AttemptResult::Failed {
            class: ErrorClass::LocalConfig,
            detail: format!("`{name}`: {fault}"),
        },
        suspect: Suspicion::Clear,
        next: None,
    }
}

/// The key as text: a JSON string without its quotes, anything else as it is written. `null` and no output: no order is asked for.
///
/// # Errors
/// The expression's own fault, or the key is too long.
pub fn order_key(said: Result<Bytes, Fault>) -> Result<Option<OrderKey>, Fault> {
    let json = match said {
        Ok(json) => json,
        Err(Fault::Empty) => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let text = match serde_json::from_slice(&json) {
        Ok(serde_json::Value::Null) => return Ok(None),
        Ok(serde_json::Value::String(text)) => text,
        Ok(_) | Err(_) => String::from_utf8_lossy(&json).into_owned(),
    };
    if (1..=limits::ORDER_KEY_BYTES_MAX).contains(&text.len()) {
        return Ok(Some(OrderKey(text.into())));
    }
    let bound =
        format!("an order key has 1 to {} bytes, this one {}", limits::ORDER_KEY_BYTES_MAX, text.len());
    Err(Fault::Exceeded { bound })
}

/// As jq sees it: everything but `null` and `false`.
fn is_true(json: &[u8]) -> bool {
    !matches!(json.trim_ascii(), b"null" | b"false")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::memory::Memory;
    use contract::message::Headers;
    use contract::{DeliveryId, MessageId};
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn an_order_key_is_text_and_bounded() {
        let key = |json: &'static str| order_key(Ok(json.into())).map(|key| key.map(|key| key.0.to_string()));
        assert_eq!(key("\"a b\""), Ok(Some("a b".to_owned())));
        assert_eq!(key("17"), Ok(Some("17".to_owned())));
        assert_eq!(key("null"), Ok(None));
        assert_eq!(order_key(Err(Fault::Empty)), Ok(None));
        assert!(key("\"\"").is_err());
    }

    /// Counts: each draw is another one.
    struct Counter(AtomicU64);

    impl Entropy for Counter {
        fn bits(&self) -> u64 {
            self.0.fetch_add(1 << 60, Ordering::Relaxed)
        }
    }

    fn to(waits: &[u64]) -> Route {
        let waits = waits.iter().copied().map(Duration::from_secs).collect();
        let memory = Arc::new(Memory::new(0));
        let name = |text| Name::try_new(text).unwrap();
        let ray = Ray {
            lane: Arc::new(Lane::new(Name::default_tenant(), name("crm"), memory)),
            part: Part::default(),
            when: None,
            shape: None,
            retry: retry::Policy::try_new(retry::Schedule::List(waits), 0.5).unwrap(),
            order: order::Policy::default(),
        };
        Route {
            name: name("signup"),
            deadline: None,
            priority: Priority::Normal,
            key: None,
            rule: Rule::All,
            waits: false,
            primary: None,
            targets: Arc::new([name("crm")]),
            rays: vec![ray],
        }
    }

    fn message() -> Message {
        Message {
            id: MessageId::from_bits(0),
            first: DeliveryId::from_bits(0),
            tenant: Name::default_tenant(),
            route: Name::try_new("signup").unwrap(),
            received: Timestamp::ZERO,
            deadline: None,
            headers: Headers::default(),
            body: Bytes::new(),
        }
    }

    #[tokio::test]
    async fn the_jitter_of_a_first_wait_is_drawn_for_each_message() {
        let entropy = Counter(AtomicU64::new(0));
        let message = message();
        let route = to(&[10]);
        let mut due = BTreeSet::new();
        for _ in 0..16 {
            let starts = starts(&route, &message, None, Wish::default(), &entropy).await.unwrap();
            let Standing::Due(at) = starts[0].standing else { panic!("it begins with a wait") };
            assert!((5_000_000..=15_000_000).contains(&at.as_micros()), "{at:?}");
            due.insert(at);
        }
        assert_eq!(due.len(), 16, "one draw for all");
        let drawn = entropy.0.load(Ordering::Relaxed);
        assert_eq!(
            starts(&to(&[0, 5]), &message, None, Wish::default(), &entropy).await.unwrap()[0].standing,
            Standing::Leased
        );
        assert_eq!(entropy.0.load(Ordering::Relaxed), drawn, "nothing is drawn where there is no wait");
    }

    /// Gives the same for every body.
    struct Says(&'static str);

    impl Expression for Says {
        fn evaluate(&self, _: Bytes) -> contract::Promise<'_, Result<Bytes, Fault>> {
            Box::pin(std::future::ready(Ok(Bytes::from_static(self.0.as_bytes()))))
        }
    }

    /// A filter that fails.
    struct Raise;

    impl Expression for Raise {
        fn evaluate(&self, _: Bytes) -> contract::Promise<'_, Result<Bytes, Fault>> {
            Box::pin(std::future::ready(Err(Fault::Raised { detail: "no".to_owned() })))
        }
    }

    #[tokio::test]
    async fn the_key_that_a_message_brings_counts_where_its_route_gives_none() {
        let message = message();
        let entropy = Counter(AtomicU64::new(0));
        for (routes, own, expected) in [
            (None, None, None),
            (None, Some("mine"), Some("mine")),
            (Some("null"), Some("mine"), Some("mine")),
            (Some("\"theirs\""), Some("mine"), Some("theirs")),
        ] {
            let key = routes.map(|said| -> Arc<dyn Expression> { Arc::new(Says(said)) });
            let route = Route { key, ..to(&[0]) };
            let own = own.map(|own| OrderKey(own.into()));
            let starts = starts(&route, &message, own, Wish::default(), &entropy).await.unwrap();
            let key = starts[0].key.as_ref().map(|key| &*key.0);
            assert_eq!(key, expected, "{routes:?}");
        }
    }

    #[tokio::test]
    async fn a_group_that_is_broken_before_it_begins_ends_at_once() {
        let ray =
            |duty, when| Ray { part: Part { duty, ..Part::default() }, when, ..to(&[0]).rays.remove(0) };
        let raise: Arc<dyn Expression> = Arc::new(Raise);
        let rays = vec![
            ray(Duty::Required, Some(raise)),
            ray(Duty::Required, None),
            ray(Duty::Undo(1), None),
            ray(Duty::Callback, None),
        ];
        let route = Route { rays, waits: true, ..to(&[0]) };
        let begun =
            starts(&route, &message(), None, Wish::default(), &Counter(AtomicU64::new(0))).await.unwrap();
        let standings: Vec<_> = begun.iter().map(|start| start.standing).collect();
        let (dead, told) = (Standing::Dead(Death::Config), Standing::Leased);
        assert_eq!(standings, [dead, Standing::Cancelled, Standing::Skipped, told]);
    }

    #[tokio::test]
    async fn only_the_primary_is_told_that_its_caller_waits() {
        let rays = vec![to(&[0]).rays.remove(0), to(&[0]).rays.remove(0)];
        let route = Route { primary: Some(1), rays, ..to(&[0]) };
        for caller in [Caller::Away, Caller::Waits { seconds: 30 }] {
            let (wish, entropy) = (Wish { caller, ..Wish::default() }, Counter(AtomicU64::new(0)));
            let begun = starts(&route, &message(), None, wish, &entropy).await.unwrap();
            let callers: Vec<_> = begun.iter().map(|start| start.part.audience.caller).collect();
            assert_eq!(callers, [Caller::Away, caller]);
        }
    }

    #[tokio::test]
    async fn an_undo_that_its_filter_left_out_undoes_nothing_in_no_run() {
        let no: Arc<dyn Expression> = Arc::new(Says("false"));
        let ray =
            |duty, when| Ray { part: Part { duty, ..Part::default() }, when, ..to(&[0]).rays.remove(0) };
        let rays = vec![
            ray(Duty::Required, None),
            ray(Duty::Required, None),
            ray(Duty::Undo(0), Some(no)),
            ray(Duty::Undo(1), None),
        ];
        let route = Route { rays, waits: true, ..to(&[0]) };
        let begun =
            starts(&route, &message(), None, Wish::default(), &Counter(AtomicU64::new(0))).await.unwrap();
        let parts: Vec<Part> = begun.into_iter().map(|start| start.part).collect();
        let moved = |standings: [Standing; 4]| {
            let members: Vec<Member<'_>> = parts
                .iter()
                .zip(standings)
                .map(|(part, standing)| Member { part, standing, delivered: Some(Timestamp::ZERO) })
                .collect();
            (group::reopened(&members, 1), group::moves(Rule::All, &members))
        };
        let (dead, done) = (Standing::Dead(Death::Refused), Standing::Delivered);
        assert_eq!(moved([done, dead, Standing::Skipped, Standing::Skipped]).0, [2, 3], "both wait again");
        let again = moved([done, dead, Standing::Waiting, Standing::Waiting]).1;
        assert_eq!(again, [(2, Move::Skip), (3, Move::Skip)], "stock stays as it is");
    }

    #[test]
    fn only_null_and_false_are_false() {
        for (json, truth) in
            [("true", true), ("0", true), ("\"\"", true), ("null", false), (" false\n", false)]
        {
            assert_eq!(is_true(json.as_bytes()), truth, "{json}");
        }
    }
}
