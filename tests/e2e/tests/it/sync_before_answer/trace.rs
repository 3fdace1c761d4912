//! What strace wrote, as system calls with a beginning and an end.

use anyhow::{Context, Result};
use e2e::patience::until;
use std::collections::BTreeMap;

/// The line by which strace says that the process is gone.
const END: &str = "+++ ";

/// Waits until strace has written its last line; the log is then whole.
pub(super) fn finished(mut log: impl FnMut() -> Result<String>) -> Result<String> {
    until("the end of the trace", || {
        let text = log()?;
        // Every thread ends with such a line; the main one, which began the log, is the last.
        let main = text.split_whitespace().next().unwrap_or_default().to_owned();
        let last = text.lines().next_back().unwrap_or_default().to_owned();
        Ok((last.starts_with(&main) && last.contains(END)).then_some(text))
    })
}

/// A system call. Begin and end are line numbers: strace writes in the order in which it saw things.
#[derive(Debug)]
struct Call {
    name: String,
    /// The first argument, where it is a file descriptor.
    file: Option<u32>,
    arguments: String,
    begin: usize,
    end: usize,
    succeeded: bool,
}

/// Every call that was seen to end.
pub(super) struct Trace {
    calls: Vec<Call>,
}

impl Trace {
    /// Reads `PID name(arguments) = result`, also where strace split it into `<unfinished ...>` and `<... resumed>`.
    pub(super) fn read(text: &str) -> Self {
        let mut calls = Vec::new();
        let mut open: BTreeMap<&str, (usize, String)> = BTreeMap::new();
        for (line, whole) in text.lines().enumerate() {
            let Some((process, rest)) = whole.split_once(' ') else { continue };
            let rest = rest.trim_start();
            if let Some(begun) = rest.strip_suffix("<unfinished ...>") {
                open.insert(process, (line, begun.trim_end().to_owned()));
            } else if rest.starts_with("<... ") {
                if let (Some((begin, begun)), Some((_, ended))) =
                    (open.remove(process), rest.split_once(" resumed>"))
                {
                    calls.extend(Call::parse(&(begun + ended), begin, line));
                }
            } else {
                calls.extend(Call::parse(rest, line, line));
            }
        }
        calls.sort_by_key(|call| call.begin);
        Self { calls }
    }

    /// Whether, after the first write of `mark` to a file, a sync of that file began, and ended before the answer
    /// that names `ticket` began to be written.
    pub(super) fn synced_before_answer(&self, mark: &str, ticket: &str) -> Result<bool> {
        let stored =
            self.calls.iter().find(|call| call.name.starts_with("pwrite") && call.arguments.contains(mark));
        let stored = stored.with_context(|| format!("no write of message {mark} to a file was seen"))?;
        let answers =
            |call: &&Call| call.arguments.contains("HTTP/1.1 202") && call.arguments.contains(ticket);
        let answered = self.calls.iter().find(answers);
        let answered = answered.with_context(|| format!("no 202 with ticket {ticket} was seen"))?;
        Ok(self.calls.iter().any(|call| {
            matches!(call.name.as_str(), "fdatasync" | "fsync")
                && call.file == stored.file
                && call.succeeded
                && call.begin > stored.end
                && call.end < answered.begin
        }))
    }
}

impl Call {
    fn parse(text: &str, begin: usize, end: usize) -> Option<Self> {
        let (name, rest) = text.split_once('(')?;
        let (arguments, result) = rest.rsplit_once(" = ")?;
        let file = arguments.split([',', ')']).next().and_then(|first| first.trim().parse().ok());
        let succeeded = !result.starts_with('-');
        Some(Self { name: name.to_owned(), file, arguments: arguments.to_owned(), begin, end, succeeded })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: &str = "7 pwrite64(5, \"..000000001..\", 4096, 0) = 4096\n";
    const ANSWERED: &str = "8 writev(9, [{iov_base=\"HTTP/1.1 202 Accepted msg_1\"}], 1) = 99\n";

    fn synced(lines: &[&str]) -> bool {
        Trace::read(&lines.concat()).synced_before_answer("000000001", "msg_1").unwrap()
    }

    #[test]
    fn a_sync_between_write_and_answer_counts() {
        assert!(synced(&[STORED, "7 fdatasync(5) = 0\n", ANSWERED]));
        assert!(synced(&[
            STORED,
            "7 fdatasync(5 <unfinished ...>\n",
            "7 <... fdatasync resumed>) = 0\n",
            ANSWERED
        ]));
    }

    #[test]
    fn a_sync_elsewhere_in_time_or_place_does_not_count() {
        let split = ["7 fdatasync(5 <unfinished ...>\n", "7 <... fdatasync resumed>) = 0\n"];
        assert!(!synced(&[STORED, ANSWERED, "7 fdatasync(5) = 0\n"]), "after the answer");
        assert!(!synced(&[STORED, split[0], ANSWERED, split[1]]), "ended after the answer began");
        assert!(
            !synced(&[split[0], STORED.replace('7', "6").as_str(), split[1], ANSWERED]),
            "began before the write"
        );
        assert!(!synced(&[STORED, "7 fdatasync(6) = 0\n", ANSWERED]), "another file");
        assert!(!synced(&[STORED, "7 fdatasync(5) = -1 EIO (Input/output error)\n", ANSWERED]), "failed");
        assert!(!synced(&[STORED, ANSWERED]), "no sync");
    }
}
