//! The binary as the child process of expressions.

use contract::Clock;
use expressions::{Program, Runner, RunnerOptions};
use gateway::doors::SystemClock;
use std::sync::Arc;

#[tokio::test]
async fn the_child_process_has_its_memory_limit_whatever_its_allocator_reserves() {
    // Its allocator reserves 1 GiB of address space by itself: with that the child could not begin.
    let options =
        RunnerOptions { worker: Some(env!("CARGO_BIN_EXE_fanlight").into()), ..RunnerOptions::default() };
    assert!(options.memory_bytes_max < 1 << 30);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let runner = Runner::new(options, clock);
    let run =
        async |text: &str| runner.expression(Program::compile(text).unwrap()).evaluate("3".into()).await;
    assert_eq!(run("[range(.)]").await.as_deref(), Ok(&b"[0,1,2]"[..]));
    let fault = run("\"x\" * 10000000000").await.unwrap_err().to_string();
    assert!(fault.contains("it needs more than 256 MiB of memory"), "{fault}");
}
