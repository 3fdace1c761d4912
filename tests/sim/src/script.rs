//! What happens to a process from outside in one life: people, callers, the disk, the wall clock.

mod asks;
mod offers;

use crate::random::Random;
use crate::reach::Feat;
use crate::recipe::Generation;
use crate::rule::Rule;
use crate::stage::Stage;
use contract::Tick;
use engine::Engine;
use engine::route::Route;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// After this much time without faults everything must have come to rest: the longest `Retry-After`, jumps of the wall
/// clock, and the longest schedule.
const REST_MAX: Duration = Duration::from_secs(5 * 3600);
/// How long a stop waits for what is on the wire: mostly long enough, or hardly at all.
const GRACE: Duration = Duration::from_secs(4);
const SHORT_GRACE: Duration = Duration::from_millis(50);
/// Longer than any time-out, so that a stop in the end finds nothing on the wire.
const LONG_GRACE: Duration = Duration::from_secs(120);

/// How a script ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The engine did not start, or has failed.
    Failed,
    /// It was stopped in good order.
    Stopped,
}

/// One life as seen from outside.
pub(crate) struct Script {
    stage: Stage,
    random: Random,
    steps: u64,
    routes: Arc<[Arc<Route>]>,
    generation: usize,
    offers: JoinSet<()>,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Step {
    Offer,
    Crowd,
    Repeat,
    Contradict,
    Cancel,
    Pause,
    Resume,
    Force,
    Probe,
    Redrive,
    RedriveMany,
    Edit,
    Discard,
    ReleaseKey,
    Reload,
    Jump,
    FillDisk,
    Look,
    Wait,
    Stop,
}

const STEPS: &[(u64, Step)] = &[
    (30, Step::Offer),
    (2, Step::Crowd),
    (8, Step::Repeat),
    (3, Step::Contradict),
    (8, Step::Cancel),
    (6, Step::Pause),
    (9, Step::Resume),
    (4, Step::Force),
    (5, Step::Probe),
    (8, Step::Redrive),
    (3, Step::RedriveMany),
    (4, Step::Edit),
    (2, Step::Discard),
    (3, Step::ReleaseKey),
    (5, Step::Reload),
    (3, Step::Jump),
    (2, Step::FillDisk),
    (8, Step::Look),
    (8, Step::Wait),
    (3, Step::Stop),
];

impl Script {
    pub(crate) fn new(stage: Stage, random: Random, steps: u64) -> Self {
        Self { stage, random, steps, routes: Arc::new([]), generation: 0, offers: JoinSet::new() }
    }

    pub(crate) fn steps_left(&self) -> u64 {
        self.steps
    }

    /// An ordinary life: things happen until there are no more of them, or somebody stops the process.
    pub(crate) async fn play(&mut self) -> Ending {
        let Some(engine) = self.begin(None).await else { return Ending::Failed };
        self.send_again(&engine);
        while self.steps > 0 {
            self.steps -= 1;
            let Some(step) = self.random.weighted(STEPS) else { break };
            self.stage.network.scene.oracle.trace(|| format!("step {step:?}"));
            if matches!(step, Step::Stop) {
                // A stop finds much under way.
                self.offer_some(&engine, 6);
                self.resume(&engine, self.some_target()).await;
                break;
            }
            self.step(&engine, step).await;
            self.stage.clock().sleep(self.random.millis(0..=2_000)).await;
            self.look_around(&engine);
        }
        self.linger(&engine).await;
        self.stop(&engine, if self.random.chance(50) { GRACE } else { SHORT_GRACE }).await
    }

    /// The last life: all APIs are well, and people undo what only people can undo; everything must come to its end by itself.
    pub(crate) async fn rest(&mut self) -> Ending {
        let shapes = self.stage.network.scene.oracle.book().generations.last().map(|one| one.shapes.clone());
        let whole = Generation { shapes: shapes.unwrap_or_default(), ..Generation::default() };
        let Some(engine) = self.begin(Some(whole)).await else { return Ending::Failed };
        self.send_again(&engine);
        self.resume_shut(&engine).await;
        let until = Tick(self.stage.clock().tick().0 + REST_MAX);
        let (mut pause, mut events) = (Duration::from_millis(200), None);
        while !self.is_at_rest(&engine) && !self.is_stuck(until, events) {
            self.release_keys(&engine, 50).await;
            events = Some(self.stage.network.scene.oracle.book().events());
            self.stage.clock().sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(20));
        }
        self.stop(&engine, LONG_GRACE).await
    }

    async fn begin(&mut self, generation: Option<Generation>) -> Option<Arc<Engine>> {
        let oracle = Arc::clone(&self.stage.network.scene.oracle);
        let engine = match self.stage.start().await {
            Ok(engine) => engine,
            Err(fault) => {
                oracle.book().fail(Rule::Lively, format!("the engine does not start: {fault}"));
                return None;
            }
        };
        oracle.book().attach(&engine);
        let generation = generation.or_else(|| oracle.book().generations.last().cloned()).unwrap_or_default();
        self.configure(&engine, generation).await;
        Some(engine)
    }

    async fn step(&mut self, engine: &Arc<Engine>, step: Step) {
        match step {
            Step::Offer => {
                let count = self.random.within(1..=6);
                self.offer_some(engine, count);
            }
            Step::Crowd => self.crowd(engine).await,
            Step::Repeat => self.repeat(engine),
            Step::Contradict => self.contradict(engine),
            Step::Cancel => self.cancel(engine).await,
            Step::Pause => self.pause(engine).await,
            Step::Resume => {
                let number = self.some_target();
                self.resume(engine, number).await;
            }
            Step::Force => self.force(engine).await,
            Step::Probe => self.probe(engine).await,
            Step::Redrive => self.redrive(engine).await,
            Step::RedriveMany => self.redrive_many(engine).await,
            Step::Edit => self.edit(engine).await,
            Step::Discard => self.discard(engine).await,
            Step::ReleaseKey => self.release_keys(engine, 1).await,
            Step::Reload => self.reload(engine).await,
            Step::Jump => self.jump(),
            Step::FillDisk => self.stage.tap.fill(self.random.millis(100..=3_000)),
            Step::Look => self.look(engine).await,
            Step::Wait => self.stage.clock().sleep(self.random.millis(5_000..=200_000)).await,
            Step::Stop => {}
        }
    }

    /// A poisonous message needs time to do its work.
    async fn linger(&self, engine: &Arc<Engine>) {
        let oracle = &self.stage.network.scene.oracle;
        if self.steps > 0 || !oracle.book().has_unfinished_poison() {
            return;
        }
        self.resume_shut(engine).await;
        self.stage.clock().sleep(Duration::from_secs(600)).await;
    }

    async fn stop(&mut self, engine: &Arc<Engine>, grace: Duration) -> Ending {
        let oracle = Arc::clone(&self.stage.network.scene.oracle);
        let began = self.stage.clock().tick();
        engine.stop(grace).await;
        let in_time = self.stage.clock().tick().since(began) < grace;
        if in_time {
            oracle.book().check_nothing_leased();
            oracle.note(Feat::GracefulStop);
        } else {
            oracle.note(Feat::StopPastGrace);
        }
        self.offers.shutdown().await;
        Ending::Stopped
    }

    fn look_around(&self, engine: &Engine) {
        let views = engine.views();
        let mut book = self.stage.network.scene.oracle.book();
        for (number, target) in self.stage.recipe.targets.iter().enumerate() {
            let hold = views.iter().find(|view| view.name == target.name).and_then(|view| view.reason);
            match hold {
                Some(engine::policy::hold::Reason::Paused) => book.note_waiting(number, Feat::PausedBacklog),
                Some(engine::policy::hold::Reason::NoTarget) => book.note_waiting(number, Feat::NoTarget),
                Some(_) | None => {}
            }
        }
        book.check_late();
        book.check_prompt();
        drop(book);
        self.check_rest();
    }

    fn check_rest(&self) {
        if self.stage.network.scene.clock.is_restless() {
            let seen = "somebody asks for the time again and again and lets none pass".to_owned();
            self.stage.network.scene.oracle.book().fail(Rule::Lively, seen);
        }
    }

    fn is_at_rest(&mut self, engine: &Engine) -> bool {
        while self.offers.try_join_next().is_some() {}
        let idle = engine.views().iter().all(|view| view.in_flight + view.window == 0);
        idle && self.offers.is_empty() && self.stage.network.scene.oracle.book().unfinished().is_empty()
    }

    /// Whether nothing more will happen although something should: what is left is leased, and nothing has happened since
    /// the last look; or it takes far too long.
    fn is_stuck(&self, until: Tick, events: Option<u64>) -> bool {
        self.check_rest();
        let mut book = self.stage.network.scene.oracle.book();
        book.check_late();
        book.check_prompt();
        let silent = events == Some(book.events()) && !book.is_sending() && book.only_leased_are_left();
        if silent || self.stage.clock().tick() > until {
            let open = book.unfinished().join(", ");
            book.fail(Rule::Arrives, format!("does not come to its end: {open}"));
        }
        book.violation.is_some()
    }

    fn some_target(&self) -> usize {
        let last = (self.stage.recipe.targets.len() as u64).saturating_sub(1);
        usize::try_from(self.random.within(0..=last)).unwrap_or_default()
    }
}
