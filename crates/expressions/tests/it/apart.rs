//! Child processes: what is not proven is stopped, and the next expression runs as if nothing had been.

use crate::{WORKER, compile, run, runner, with_worker};
use contract::expression::Fault;
use expressions::{Runner, RunnerOptions};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// Runs under way: each ends with its expression and what came out.
type Runs = JoinSet<(&'static str, Result<String, Fault>)>;

const ENDLESS: &[&str] = &[
    "def f: f; f",
    "def f: f + 1; f",
    "[range(1000000000000)]",
    "[range(1e12)]",
    "last(range(1e12))",
    "\"x\" * 10000000000",
    "\"x\" * 1000000000000000000",
    "[limit(1000000000; repeat(1))]",
    "[limit(1e9; repeat(1))]",
    "reduce range(1e12) as $i (0; . + 1)",
    "until(false; . + 1)",
    "last(recurse(. + 1))",
    "[while(true; .)]",
    "[range(100)] | combinations(20) | empty",
    "reduce range(100000) as $i (1; [.])",
    "def f: [f]; f",
    "(\"[\" * 1000000) | fromjson",
    "reduce range(64) as $i (\"x\"; . + .)",
];

#[tokio::test]
async fn endless_and_huge_expressions_are_stopped_and_the_next_one_runs() {
    let runner = runner(RunnerOptions { deadline: Duration::from_millis(300), ..with_worker(WORKER) });
    for text in ENDLESS {
        assert!(!compile(text).is_bounded(), "{text}");
        let fault = run(&runner, text, "1").await;
        let stopped = matches!(&fault, Err(Fault::Exceeded { .. } | Fault::Raised { .. }));
        assert!(stopped, "{text}: {fault:?}");
        assert_eq!(run(&runner, "[range(.)]", "3").await.as_deref(), Ok("[0,1,2]"), "after {text}");
    }
}

#[tokio::test]
async fn the_reason_for_stopping_is_told() {
    let runner = runner(RunnerOptions { deadline: Duration::from_millis(300), ..with_worker(WORKER) });
    let late = Fault::Exceeded { bound: "it takes longer than 300ms".to_owned() };
    assert_eq!(run(&runner, "def f: f; f", "1").await, Err(late));
    let bound = "it needs more than 256 MiB of memory, or recurses too deeply".to_owned();
    assert_eq!(run(&runner, "\"x\" * 10000000000", "1").await, Err(Fault::Exceeded { bound }));
}

#[tokio::test]
async fn many_expressions_share_few_processes() {
    let runner = runner(with_worker(WORKER));
    let done = AtomicUsize::new(0);
    let one = async |number: usize| {
        assert_eq!(run(&runner, "[range(.)] | length", number.to_string()).await, Ok(number.to_string()));
        done.fetch_add(1, Ordering::Relaxed);
    };
    let (mut left, mut right) = (Vec::new(), Vec::new());
    (0..50).for_each(|number| left.push(one(number)));
    (50..100).for_each(|number| right.push(one(number)));
    let all = async |ones: Vec<_>| {
        for one in ones {
            let one: std::pin::Pin<Box<dyn Future<Output = ()>>> = Box::pin(one);
            one.await;
        }
    };
    tokio::join!(all(left), all(right));
    assert_eq!(done.into_inner(), 100);
}

#[tokio::test]
async fn an_expression_waits_only_so_long_for_its_turn() {
    let (deadline, wait_max) = (Duration::from_secs(600), Duration::from_secs(2));
    let runner = runner(RunnerOptions { processes_max: 1, deadline, wait_max, ..with_worker(WORKER) });
    tokio::select! {
        biased;
        endless = run(&runner, "def f: f; f", "1") => panic!("{endless:?}"),
        waited = run(&runner, "[range(.)]", "1") => {
            assert_eq!(waited, Err(Fault::Busy { detail: "no worker process was free for it within 2s".to_owned() }));
        }
    }
}

/// Queues `count` runs of `text`, each compiled on its own as each route does; they end with `text` and what came out.
fn queue(runs: &mut Runs, runner: &Runner, text: &'static str, count: usize) {
    for _ in 0..count {
        let runner = runner.clone();
        runs.spawn(async move { (text, run(&runner, text, "2").await) });
    }
}

#[tokio::test]
async fn an_expression_that_never_ends_leaves_a_process_to_the_others() {
    let runner = runner(RunnerOptions { deadline: Duration::from_secs(600), ..with_worker(WORKER) });
    let mut runs = Runs::new();
    queue(&mut runs, &runner, "def f: f; f", 10);
    queue(&mut runs, &runner, "[range(.)]", 1);
    // The first to end: nothing else ever does.
    let (text, ended) = runs.join_next().await.unwrap().unwrap();
    assert_eq!((text, ended.as_deref()), ("[range(.)]", Ok("[0,1]")));
}

#[tokio::test]
async fn expressions_take_turns_however_many_runs_of_each_wait() {
    let endless = ["def f: f; f", "def f: f + 1; f", "until(false; . + 1)"];
    let (deadline, wait_max) = (Duration::from_millis(300), Duration::from_secs(600));
    let runner = runner(RunnerOptions { deadline, wait_max, processes_max: 2, ..with_worker(WORKER) });
    let mut runs = Runs::new();
    endless.iter().for_each(|text| queue(&mut runs, &runner, text, 8));
    queue(&mut runs, &runner, "[range(.)]", 1);
    let mut before = 0;
    while let Some(ended) = runs.join_next().await {
        let (text, ended) = ended.unwrap();
        if text == "[range(.)]" {
            assert_eq!(ended.as_deref(), Ok("[0,1]"));
            break;
        }
        before += 1;
    }
    // Its turn comes after one run of each other; more of them may end while its process starts, but 4 of the 8 of each do not.
    assert!(before < 4 * endless.len(), "{before} runs of other expressions ended first");
}

#[tokio::test]
async fn an_idle_process_that_something_ended_is_replaced() {
    let runner = runner(with_worker(env!("CARGO_BIN_EXE_jq-worker-once")));
    for _ in 0..3 {
        assert_eq!(run(&runner, "[..]", "1").await.as_deref(), Ok("[1]"));
    }
}

#[tokio::test]
async fn a_worker_that_cannot_start_is_no_verdict_on_the_expression() {
    for worker in ["/nonexistent", "/bin/false", "/bin/cat"] {
        let fault = run(&runner(with_worker(worker)), "[..]", "1").await;
        assert!(matches!(fault, Err(Fault::Busy { .. })), "{worker}: {fault:?}");
    }
}

#[tokio::test]
async fn a_worker_that_could_not_keep_its_limit_does_not_run() {
    let runner = runner(RunnerOptions { memory_bytes_max: 1024 * 1024, ..with_worker(WORKER) });
    let fault = run(&runner, "[..]", "1").await;
    let told = matches!(&fault, Err(Fault::Busy { detail }) if detail.contains("address space are taken"));
    assert!(told, "{fault:?}");
}

#[tokio::test]
async fn an_abandoned_evaluation_does_not_disturb_the_next() {
    let runner = runner(RunnerOptions { processes_max: 1, ..with_worker(WORKER) });
    assert!(run(&runner, "[range(.)]", "1").await.is_ok());
    tokio::select! {
        biased;
        result = run(&runner, "def f: f; f", "1") => panic!("{result:?}"),
        () = tokio::task::yield_now() => {}
    }
    assert_eq!(run(&runner, "[range(.)]", "2").await.as_deref(), Ok("[0,1]"));
}

#[tokio::test]
async fn a_child_sees_nothing_of_the_surroundings() {
    // The test's environment is not empty; the child's is, and no expression can ask for it either.
    assert!(std::env::vars_os().next().is_some());
    let shown =
        std::process::Command::new(WORKER).env_clear().stdin(std::process::Stdio::null()).output().unwrap();
    assert!(!shown.status.success(), "a worker without a runner ends");
}
