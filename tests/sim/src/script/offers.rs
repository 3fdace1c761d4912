//! What callers send: messages, repeats of them, and other messages under the same key.

use super::Script;
use crate::language;
use crate::mutant::Mutant;
use crate::oracle::GENERATION;
use crate::recipe::Letter;
use contract::message::Headers;
use contract::part::Caller;
use contract::store::Once;
use contract::{Name, limits};
use engine::Engine;
use engine::offer::Offer;
use std::sync::Arc;

/// More than a claim brings into memory at once.
const CROWD: u64 = limits::CLAIM_ITEMS_MAX as u64;

impl Script {
    /// Some messages at the same time.
    pub(super) fn offer_some(&mut self, engine: &Arc<Engine>, count: u64) {
        for _ in 0..count {
            let n = self.stage.network.scene.oracle.book().letters.len() as u64;
            if n < self.stage.recipe.letters {
                let letter = self.write(n);
                self.stage.network.scene.oracle.book().letters.insert(n, letter);
                self.offer(engine, n);
            }
        }
    }

    /// More messages at the same time than a claim brings into memory, for a target that is paused for a while.
    pub(super) async fn crowd(&mut self, engine: &Arc<Engine>) {
        if self.stage.recipe.crowded {
            let number = self.some_target();
            self.pause_one(engine, number).await;
            self.offer_some(engine, CROWD);
            self.stage.clock().sleep(self.random.millis(0..=20_000)).await;
            self.resume(engine, number).await;
        }
    }

    /// A message that was offered before, with its key.
    pub(super) fn repeat(&mut self, engine: &Arc<Engine>) {
        if let Some(n) = self.some_keyed_letter() {
            self.offer(engine, n);
        }
    }

    /// Another message under a key that was used before.
    pub(super) fn contradict(&mut self, engine: &Arc<Engine>) {
        let Some(n) = self.some_keyed_letter() else { return };
        let oracle = Arc::clone(&self.stage.network.scene.oracle);
        let (number, first) = {
            let book = oracle.book();
            (book.letters.len() as u64, book.letters.get(&n).cloned())
        };
        let Some(first) = first else { return };
        let mut letter = self.write(number);
        letter.route = first.route;
        letter.key = self.key_of(letter.route, &letter.body);
        letter.once = first.once.map(|once| Once { fingerprint: u128::from(number), ..once });
        oracle.book().letters.insert(number, letter);
        self.offer(engine, number);
    }

    /// What was offered in an earlier life and has no answer is sent again by callers that use keys.
    pub(super) fn send_again(&mut self, engine: &Arc<Engine>) {
        let oracle = Arc::clone(&self.stage.network.scene.oracle);
        let open: Vec<u64> = {
            let book = oracle.book();
            let open = book
                .letters
                .iter()
                .filter(|(n, letter)| letter.once.is_some() && !book.acknowledged.contains_key(n));
            open.map(|(n, _)| *n).collect()
        };
        for n in open {
            if self.random.chance(70) {
                self.offer(engine, n);
            }
        }
    }

    fn some_keyed_letter(&self) -> Option<u64> {
        let book = self.stage.network.scene.oracle.book();
        let keyed = book.letters.iter().filter(|(_, letter)| letter.once.is_some());
        let keyed: Vec<u64> = keyed.map(|(n, _)| *n).collect();
        self.random.pick(&keyed).copied()
    }

    fn write(&self, n: u64) -> Letter {
        let recipe = &self.stage.recipe;
        let route =
            usize::try_from(self.random.within(0..=(recipe.routes.len() as u64 - 1))).unwrap_or_default();
        let wanted = recipe.targets.iter().filter(|_| self.random.chance(70));
        let wanted: Vec<String> = wanted.map(|target| format!("\"{}\"", target.name)).collect();
        let key = match self.random.within(0..=3) {
            0 => "null".to_owned(),
            k => format!("\"k{k}\""),
        };
        let extra = if recipe.poisoned && n == 3 {
            language::POISON
        } else if self.random.chance(4) {
            language::RAISE
        } else {
            "\"plain\""
        };
        let pad = "x".repeat(usize::try_from(self.random.within(0..=600)).unwrap_or_default());
        let to = wanted.join(",");
        let body = format!("{{\"n\":{n},\"key\":{key},\"to\":[{to}],\"kind\":{extra},\"pad\":\"{pad}\"}}");
        let once = Once {
            caller: String::new(),
            key: format!("once-{n}"),
            fingerprint: u128::from(n),
            window: limits::IDEMPOTENCY_WINDOW,
        };
        let deadline =
            self.random.chance(8).then(|| self.stage.clock().now() + self.random.millis(0..=60_000));
        let put_off = self.random.chance(10);
        let not_before = put_off.then(|| self.stage.clock().now() + self.random.millis(0..=20_000));
        Letter {
            route,
            key: self.key_of(route, body.as_bytes()),
            body: body.into(),
            once: self.random.chance(50).then_some(once),
            deadline,
            not_before,
            caller: self.caller(route),
        }
    }

    fn caller(&self, route: usize) -> Caller {
        let has_primary = self.stage.recipe.routes.get(route).is_some_and(|route| route.primary.is_some());
        if !has_primary || self.random.chance(20) {
            return Caller::Away;
        }
        Caller::Waits { seconds: self.random.pick(&[0, 5, 20]).copied().unwrap_or_default() }
    }

    fn key_of(&self, route: usize, body: &[u8]) -> Option<String> {
        let keyed = self.stage.recipe.routes.get(route).is_some_and(|route| route.keyed);
        (1..=3)
            .map(|k| format!("k{k}"))
            .find(|key| keyed && language::has(body, &format!("\"key\":\"{key}\"")))
    }

    /// A caller hands a message in and waits for its receipt.
    fn offer(&mut self, engine: &Arc<Engine>, n: u64) {
        let oracle = Arc::clone(&self.stage.network.scene.oracle);
        let Some(letter) = oracle.book().letters.get(&n).cloned() else { return };
        let Some(route) = self.routes.get(letter.route).cloned() else { return };
        let generation = self.generation.to_string();
        let pairs = [("content-type", b"application/json".as_slice()), (GENERATION, generation.as_bytes())];
        let offer = Offer {
            tenant: Name::default_tenant(),
            route,
            headers: Headers::from_pairs(pairs),
            body: letter.body,
            once: letter.once,
            key: None,
            deadline: letter.deadline,
            not_before: letter.not_before.filter(|_| self.stage.mutant != Some(Mutant::IgnoredDelay)),
            priority: None,
            caller: if self.stage.mutant == Some(Mutant::ForgottenCaller) {
                Caller::Away
            } else {
                letter.caller
            },
        };
        let engine = Arc::clone(engine);
        let early = self.stage.mutant == Some(Mutant::EarlyReceipt);
        self.offers.spawn(async move {
            oracle.trace(|| format!("offer {n}"));
            if early {
                oracle.book().promised(n);
            }
            match engine.accept(offer).await {
                Ok(receipt) => oracle.book().acknowledged(n, &receipt),
                Err(why) => oracle.book().refused(n, why),
            }
        });
    }
}
