//! `kill -9` at random moments under load: whatever was acknowledged reaches both APIs.

use crate::integrity;
use anyhow::{Context, Result, bail, ensure};
use e2e::api::{Api, answer};
use e2e::book::Book;
use e2e::chance::Chance;
use e2e::gateway::{Gateway, Setup, Target};
use e2e::load::{Acknowledged, Load};
use e2e::patience::{now, today, until};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Rounds of the test run; `cargo xtask crash --rounds N` makes any number.
const ROUNDS: u64 = 20;
const SENDERS: usize = 4;
/// Every nth first attempt at the mailing API is refused, so that there are retries to lose.
const REFUSED_EVERY: u64 = 10;
/// Tickets of each round whose history is read.
const TICKETS_READ: usize = 10;

/// One API that writes down what it gets.
fn recording(book: &Arc<Book>, refused_every: u64) -> Result<Api> {
    let book = Arc::clone(book);
    Ok(Api::start(move |request, stream| {
        let entry = book.arrived(request).map_err(std::io::Error::other)?;
        if entry.index == 0 && refused_every > 0 && entry.number % refused_every == 0 {
            return answer(stream, 503, "", b"not now");
        }
        // Noted before it is written: once it is on the wire the gateway may act on it.
        book.answered(entry);
        answer(stream, 200, "", b"ok")
    })?)
}

/// A setting of `cargo xtask crash` or `soak`.
pub(crate) fn asked_for(name: &str) -> Option<u64> {
    std::env::var_os(name)?.to_str()?.parse().ok()
}

#[test]
fn every_acknowledged_message_reaches_both_apis_through_kills() -> Result<()> {
    let rounds = asked_for("FANLIGHT_CRASH_ROUNDS").unwrap_or(ROUNDS);
    let seed = asked_for("FANLIGHT_CRASH_SEED").unwrap_or_else(|| u64::from(today().subsec_nanos()));
    eprintln!("replay the moments with: cargo xtask crash --rounds {rounds} --seed {seed}");
    let mut chance = Chance::new(seed);
    let folder = tempfile::tempdir()?;
    let (crm, mailing) = (Arc::new(Book::default()), Arc::new(Book::default()));
    let (crm_api, mailing_api) = (recording(&crm, 0)?, recording(&mailing, REFUSED_EVERY)?);
    let retry =
        "retry: { schedule: [0s, 50ms, 50ms, 100ms, 100ms, 200ms] }, breaker: { open: 100ms, open_max: 1s }";
    let targets = [
        Target { name: "crm", url: crm_api.url(), more: retry },
        Target { name: "mailing", url: mailing_api.url(), more: retry },
    ];
    let mut gateway = Gateway::start(&Setup::new(folder.path(), &targets))?;
    let next = Arc::new(AtomicU64::new(0));
    let mut slowest = Duration::ZERO;
    let mut acknowledged = 0;
    for round in 1..=rounds {
        let load = Load::start(gateway.listen, SENDERS, &next);
        let moment = Duration::from_millis(20 + chance.below(600));
        // The moment is the test's subject, not a way to wait for something.
        std::thread::sleep(moment);
        gateway.kill()?;
        let sent = load.finish()?;
        acknowledged += sent.len();
        let start = now();
        gateway.restart()?;
        let ready = start.elapsed();
        arrived(&gateway, &sent, &[&crm, &mailing]).with_context(|| format!("round {round}, seed {seed}"))?;
        let last = start.elapsed();
        slowest = slowest.max(last);
        eprintln!(
            "round {round}: killed after {} ms, {} acknowledged; ready {} ms and last delivery {} ms after the restart",
            moment.as_millis(),
            sent.len(),
            ready.as_millis(),
            last.as_millis()
        );
        crm.check().context("crm")?;
        mailing.check().context("mailing")?;
        for Acknowledged { ticket, .. } in sent.iter().rev().take(TICKETS_READ) {
            for target in ["crm", "mailing"] {
                legal(&gateway.delivery(ticket, target, &["delivered"])?)?;
            }
        }
    }
    gateway.kill()?;
    let databases = integrity::check(folder.path())?;
    ensure!(databases > 0, "no database was checked");
    ensure!(acknowledged > 0, "nothing was acknowledged: nothing was tested");
    for (name, book) in [("crm", &crm), ("mailing", &mailing)] {
        let (attempts, repeats) = book.counts();
        eprintln!("{name}: {attempts} attempts, {repeats} repeats after a 2xx, each marked");
    }
    eprintln!(
        "{acknowledged} acknowledged in {rounds} rounds, none lost; slowest last delivery {} ms after its restart; \
         {databases} databases are whole",
        slowest.as_millis()
    );
    Ok(())
}

/// Waits until every acknowledged message was answered by every API.
fn arrived(gateway: &Gateway, sent: &[Acknowledged], books: &[&Book]) -> Result<()> {
    let mut missing: Vec<u64> = sent.iter().map(|acknowledged| acknowledged.number).collect();
    let all = missing.clone();
    for book in books {
        missing.clone_from(&all);
        let done = until("every acknowledged message to arrive", || {
            missing = book.missing(&missing);
            Ok(missing.is_empty().then_some(()))
        });
        if let Err(error) = done {
            let lost = sent.iter().filter(|acknowledged| missing.contains(&acknowledged.number));
            let tickets: Vec<_> = lost.take(3).map(|lost| gateway.ticket(&lost.ticket)).collect();
            bail!(
                "{error}: {} of {} are missing, such as {tickets:#?}\n{}",
                missing.len(),
                sent.len(),
                gateway.log()
            );
        }
    }
    Ok(())
}

/// Attempts are numbered from 1 without a gap, and only the last one succeeded.
fn legal(delivery: &Value) -> Result<()> {
    let attempts = delivery.get("attempts").and_then(Value::as_array).context("no attempts")?;
    ensure!(!attempts.is_empty(), "delivered without an attempt: {delivery:#}");
    for (index, attempt) in attempts.iter().enumerate() {
        let number = attempt.get("number").and_then(Value::as_u64).context("no number")?;
        let status = attempt.get("status").and_then(Value::as_u64);
        let succeeded = status.is_some_and(|status| (200..300).contains(&status));
        let last = index + 1 == attempts.len();
        ensure!(
            number == index as u64 + 1 && succeeded == last,
            "attempt {} is not legal: {delivery:#}",
            index + 1
        );
    }
    Ok(())
}

#[test]
fn a_history_with_a_gap_or_an_early_success_is_not_legal() {
    let delivery = |attempts: &[(u64, u64)]| {
        let attempts: Vec<_> = attempts
            .iter()
            .map(|(number, status)| serde_json::json!({"number": number, "status": status}))
            .collect();
        serde_json::json!({ "attempts": attempts })
    };
    assert!(legal(&delivery(&[(1, 503), (2, 200)])).is_ok());
    for wrong in [&[][..], &[(2, 200)], &[(1, 200), (2, 200)], &[(1, 503)], &[(1, 503), (3, 200)]] {
        assert!(legal(&delivery(wrong)).is_err(), "{wrong:?}");
    }
}
