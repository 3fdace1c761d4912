//! One world: a seed, and life after life of a process on the same store, until everything has come to rest.

use crate::api::{Api, Scene};
use crate::bent::Bent;
use crate::clock::WorldClock;
use crate::depot::{Depot, Ear, Trouble};
use crate::fuse::{Fuse, Place, Work};
use crate::mutant::Mutant;
use crate::mutant::store::StoreBug;
use crate::network::Network;
use crate::oracle::Oracle;
use crate::random::Random;
use crate::reach::{Feat, Reached};
use crate::recipe::{Generation, Recipe};
use crate::rule::{Rule, Violation};
use crate::script::{Ending, Script};
use crate::stage::Stage;
use crate::tap::store::StoreTap;
use crate::tap::target::Poison;
use crate::trace::{Keep, Trace};
use contract::store::{Session, Settlement, Store};
use contract::{Clock, Tick};
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::task::JoinSet;

/// Lives that a world may have before its last one.
const LIVES_MAX: u32 = 14;

/// What came of a world.
#[derive(Debug)]
pub struct Story {
    /// The seed.
    pub seed: u64,
    /// What it has reached.
    pub reached: Reached,
    /// What happened, if it was kept.
    pub trace: Vec<String>,
    /// The first promise that was broken.
    pub violation: Option<Violation>,
}

/// Lets the world of a seed run, with a planted bug if one is asked for.
#[must_use]
pub fn run(seed: u64, mutant: Option<Mutant>, keep: Keep) -> Story {
    let world = World::new(seed, mutant, keep);
    let oracle = Arc::clone(&world.oracle);
    if let Err(trouble) = world.live_and_let_live() {
        oracle.book().fail(Rule::Lively, trouble.to_string());
    }
    let mut book = oracle.book();
    Story { seed, reached: book.reached.clone(), trace: book.trace.take(), violation: book.violation.clone() }
}

struct World {
    mutant: Option<Mutant>,
    random: Random,
    recipe: Arc<Recipe>,
    clock: Arc<WorldClock>,
    oracle: Arc<Oracle>,
    apis: Vec<Arc<Api>>,
    entropy: Arc<Random>,
    ear: Arc<Ear>,
    late: Option<(Session, Settlement)>,
    steps: u64,
}

/// How a process ends.
enum End {
    Died(Place),
    Stopped(Ending),
}

impl World {
    fn new(seed: u64, mutant: Option<Mutant>, keep: Keep) -> Self {
        let random = Random::new(seed);
        let recipe = Arc::new(Recipe::new(&random));
        let clock = Arc::new(WorldClock::new());
        let oracle = Arc::new(Oracle::new(Arc::clone(&recipe), Arc::clone(&clock), Trace::new(keep)));
        oracle.trace(|| format!("seed {seed}: {recipe:#?}"));
        let apis = recipe.targets.iter().enumerate().map(|(number, target)| {
            Arc::new(Api {
                number,
                temper: target.temper,
                random: random.fork(),
                healed: AtomicBool::new(false),
                dead_until: Tick(random.millis(5_000..=900_000)),
            })
        });
        let apis = apis.collect();
        let shapes = recipe
            .targets
            .iter()
            .map(|_| random.chance(40).then(|| random.pick(&[1, 2]).copied().unwrap_or(1)))
            .collect();
        oracle.book().generations.push(Generation { shapes, ..Generation::default() });
        let entropy = Arc::new(random.fork());
        let (ear, steps) = (Arc::default(), recipe.steps);
        Self { mutant, random, recipe, clock, oracle, apis, entropy, ear, late: None, steps }
    }

    fn live_and_let_live(mut self) -> Result<(), Trouble> {
        let mut depot = Depot::new(self.recipe.keeping, &self.clock, &self.ear)?;
        let mut lives = 0;
        while lives < LIVES_MAX && (self.steps > 0 || self.has_poison()) && !self.is_broken() {
            self.live(&mut depot, Poison::Deadly)?;
            lives += 1;
        }
        for api in &self.apis {
            api.healed.store(true, Ordering::Relaxed);
        }
        // The last life, and one more look at what it left.
        for _ in 0..2 {
            if !self.is_broken() {
                self.live(&mut depot, Poison::Harmless)?;
            }
        }
        Ok(())
    }

    fn is_broken(&self) -> bool {
        self.oracle.book().violation.is_some()
    }

    /// Whether a deadly message is still on its way.
    fn has_poison(&self) -> bool {
        self.recipe.poisoned && self.oracle.book().has_unfinished_poison()
    }

    fn live(&mut self, depot: &mut Depot, poison: Poison) -> Result<(), Trouble> {
        let last = poison == Poison::Harmless;
        let mortal = !last && self.random.chance(self.recipe.mortality);
        // As many short lives as long ones.
        let places = mortal.then(|| self.random.within(1..=2 << self.random.within(1..=9)));
        let fuse = Arc::new(Fuse::new(places));
        self.oracle.book().begin_life(Arc::clone(&fuse));
        let real = depot.open()?;
        let runtime = runtime()?;
        let (end, tick) = runtime.block_on(async {
            self.clock.begin_life();
            let stage = self.stage(real, &fuse, poison);
            let tap = Arc::clone(&stage.tap);
            let mut script = Script::new(stage, self.random.fork(), self.steps);
            let end = tokio::select! {
                biased;
                place = fuse.burnt() => End::Died(place),
                ending = async { if last { script.rest().await } else { script.play().await } } => End::Stopped(ending),
            };
            self.steps = script.steps_left();
            self.late = tap.late.lock().take();
            (end, self.clock.tick())
        });
        if let Some(words) = self.ear.heard() {
            self.oracle.book().fail(Rule::Lively, format!("the store says: {words}"));
        }
        self.clock.end_life(tick, self.random.millis(0..=20_000));
        match end {
            End::Died(place) => {
                self.note_death(place);
                depot.crash()?;
                drop(runtime);
            }
            End::Stopped(ending) => {
                self.oracle.trace(|| format!("stopped {ending:?}"));
                drop(runtime);
                if let Err(fault) = depot.close() {
                    self.oracle.book().fail(Rule::Lively, format!("the store cannot be closed: {fault}"));
                }
            }
        }
        Ok(())
    }

    fn stage(&mut self, real: Arc<dyn Store>, fuse: &Arc<Fuse>, poison: Poison) -> Stage {
        let clock: Arc<dyn Clock> = Arc::<WorldClock>::clone(&self.clock);
        let scene = Scene {
            oracle: Arc::clone(&self.oracle),
            fuse: Arc::clone(fuse),
            clock: Arc::clone(&self.clock),
        };
        let tap = Arc::new(StoreTap {
            store: real,
            oracle: Arc::clone(&self.oracle),
            fuse: Arc::clone(fuse),
            random: self.random.fork(),
            clock,
            full_until: Mutex::default(),
            late: Mutex::new(self.late.take()),
        });
        let tapped: Arc<dyn Store> = Arc::<StoreTap>::clone(&tap);
        let lives = self.oracle.book().life;
        let store = match self.mutant {
            Some(mutant) => {
                let bend = Arc::new(StoreBug { mutant, lives, chances: AtomicU64::new(0) });
                Arc::new(Bent { store: tapped, bend })
            }
            None => tapped,
        };
        let network = Network {
            apis: self.apis.clone(),
            scene,
            random: self.random.fork(),
            connections: Mutex::new(JoinSet::new()),
            silent_until: Mutex::default(),
        };
        Stage {
            recipe: Arc::clone(&self.recipe),
            network: Arc::new(network),
            store,
            tap,
            entropy: Arc::clone(&self.entropy),
            poison,
            mutant: self.mutant,
        }
    }

    fn note_death(&self, place: Place) {
        let mut book = self.oracle.book();
        book.say(|| format!("died {place:?}"));
        book.note_unstarted();
        if book.is_sending() {
            book.reached.note(Feat::CrashWhileSending);
        }
        let feat = match place {
            Place::After(Work::Accept) => Feat::CrashBeforeReceipt,
            Place::Sent | Place::Answered | Place::Before(Work::Settle) => Feat::CrashBeforeSettle,
            Place::Before(Work::Open | Work::Recall) | Place::After(Work::Open | Work::Recall) => {
                Feat::CrashAtStart
            }
            Place::After(Work::Claim) => Feat::CrashInClaim,
            Place::Before(_) | Place::After(_) | Place::Sending | Place::Arrived | Place::Broken => return,
        };
        book.reached.note(feat);
    }
}

/// One thread, whose time stands still while anybody works. The crash is looked for after each step of each task.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).event_interval(1).build()
}
