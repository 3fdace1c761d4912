//! What an API was sent: every attempt by message number, and whether the rules of repeats were kept.

use crate::wire::Wire;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One attempt that arrived.
#[derive(Clone, Debug)]
pub struct Arrival {
    webhook_id: String,
    idempotency_key: String,
    marked: bool,
    /// Whether a 2xx was written to a peer that was still there.
    pub answered: bool,
}

/// Every attempt at one API, by message number.
#[derive(Default)]
pub struct Book(Mutex<BTreeMap<u64, Vec<Arrival>>>);

/// Where an arrival stands in its book.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The message's number.
    pub number: u64,
    /// 0 for the first attempt.
    pub index: usize,
}

impl Book {
    /// Writes an attempt down as not answered.
    ///
    /// # Errors
    /// When a header that every delivery must have is missing, or the body is not ours.
    pub fn arrived(&self, request: &Wire) -> Result<Entry> {
        let number = number(&request.body).context("a body without a number")?;
        let header = |name| request.header(name).with_context(|| format!("a delivery without {name}"));
        let arrival = Arrival {
            webhook_id: header("webhook-id")?.to_owned(),
            idempotency_key: header("idempotency-key")?.to_owned(),
            marked: request.header("fanlight-possible-duplicate") == Some("true"),
            answered: false,
        };
        let mut book = self.open();
        let arrivals = book.entry(number).or_default();
        arrivals.push(arrival);
        Ok(Entry { number, index: arrivals.len() - 1 })
    }

    /// Notes that a 2xx was written.
    pub fn answered(&self, entry: Entry) {
        if let Some(arrival) = self.open().get_mut(&entry.number).and_then(|all| all.get_mut(entry.index)) {
            arrival.answered = true;
        }
    }

    /// Which of these numbers were answered with a 2xx.
    #[must_use]
    pub fn missing(&self, numbers: &[u64]) -> Vec<u64> {
        let book = self.open();
        let has =
            |number: &u64| book.get(number).is_some_and(|all| all.iter().any(|arrival| arrival.answered));
        numbers.iter().copied().filter(|number| !has(number)).collect()
    }

    /// Attempts in all, and those beyond the first 2xx of their delivery.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let book = self.open();
        let repeats = |all: &Vec<Arrival>| all.iter().skip_while(|arrival| !arrival.answered).skip(1).count();
        (book.values().map(Vec::len).sum(), book.values().map(repeats).sum())
    }

    /// One delivery has one `webhook-id` and one `Idempotency-Key` on all its attempts, and whatever comes after a
    /// 2xx says that it may be a duplicate.
    ///
    /// # Errors
    /// Names the message and the attempt that breaks the rule.
    pub fn check(&self) -> Result<()> {
        for (number, all) in self.open().iter() {
            let mut answered = false;
            for (index, arrival) in all.iter().enumerate() {
                let first = all.first().context("an empty page")?;
                let place = || format!("message {number}, attempt {}: {all:#?}", index + 1);
                ensure!(arrival.webhook_id == first.webhook_id, "another webhook-id: {}", place());
                ensure!(
                    arrival.idempotency_key == first.idempotency_key,
                    "another Idempotency-Key: {}",
                    place()
                );
                if answered && !arrival.marked {
                    bail!("a repeat after a 2xx that is not marked: {}", place());
                }
                answered |= arrival.answered;
            }
        }
        Ok(())
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, Vec<Arrival>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body of message `number`.
#[must_use]
pub fn body(number: u64) -> Vec<u8> {
    let filler = "x".repeat(200);
    format!(r#"{{"n":"{number:09}","email":"ada@example.com","consent":true,"note":"{filler}"}}"#)
        .into_bytes()
}

/// The number of a body.
#[must_use]
pub fn number(body: &[u8]) -> Option<u64> {
    std::str::from_utf8(body.strip_prefix(br#"{"n":""#)?.get(..9)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(key: &str, marked: &str) -> Wire {
        let headers =
            [("webhook-id", "dlv_1"), ("idempotency-key", key), ("fanlight-possible-duplicate", marked)];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Wire { start: String::new(), headers, body: body(7) }
    }

    #[test]
    fn a_number_survives_the_way_through_a_body() {
        assert_eq!(number(&body(123)), Some(123));
        assert_eq!(number(b"{}"), None);
    }

    #[test]
    fn a_repeat_after_a_failure_needs_no_mark() {
        let book = Book::default();
        book.arrived(&attempt("k", "false")).unwrap();
        let entry = book.arrived(&attempt("k", "false")).unwrap();
        assert_eq!(book.missing(&[7, 8]), [7, 8]);
        book.answered(entry);
        assert_eq!(book.missing(&[7, 8]), [8]);
        assert!(book.check().is_ok());
        assert_eq!(book.counts(), (2, 0));
    }

    #[test]
    fn a_repeat_after_a_2xx_must_be_marked() {
        for (mark, fine) in [("true", true), ("false", false)] {
            let book = Book::default();
            book.answered(book.arrived(&attempt("k", "false")).unwrap());
            book.arrived(&attempt("k", mark)).unwrap();
            assert_eq!(book.check().is_ok(), fine);
        }
    }

    #[test]
    fn another_key_for_the_same_delivery_is_found() {
        let book = Book::default();
        book.arrived(&attempt("k", "true")).unwrap();
        book.arrived(&attempt("l", "true")).unwrap();
        assert!(book.check().is_err());
    }
}
