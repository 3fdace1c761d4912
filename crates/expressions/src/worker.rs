//! The child process: runs any expression, under limits that it sets for itself.
//!
//! An expression that needs too much ends the process: the address space is limited, so that an allocation aborts; a stack
//! overflow is a signal; the CPU time is limited in case that the runner is gone and nobody kills it.

use crate::evaluate::evaluate;
use crate::frame::{self, AnswerHeader, HELLO_BYTES, Hello, Kind, REQUEST_HEADER_BYTES};
use crate::program::Program;
use contract::expression::Fault;
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

/// The hidden subcommand that a runner starts its worker with.
pub const SUBCOMMAND: &str = "jq-worker";

/// Programs that a child keeps compiled.
const PROGRAMS_MAX: usize = 64;

/// Serves requests until `input` ends. Call it on the main thread, which has the largest stack, before anything that takes much
/// address space.
///
/// # Errors
/// A broken pipe, a runner of another version, or limits that cannot be set.
pub fn run(mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut hello = [0; HELLO_BYTES];
    input.read_exact(&mut hello)?;
    let limits = Hello::decode(&hello).ok_or_else(|| io::Error::from(ErrorKind::InvalidData))?;
    limit(Resource::As, limits.memory_bytes)?;
    // What is in memory is somebody's message.
    limit(Resource::Core, 0)?;
    let taken = address_space().unwrap_or(0);
    if taken > limits.memory_bytes {
        // An allocator that has reserved a large region before would serve from it, whatever the limit.
        let words = format!("{taken} bytes of address space are taken before the first expression");
        return answer(&mut output, Kind::Raised, words.as_bytes());
    }
    answer(&mut output, Kind::Ready, &[])?;

    let mut programs = HashMap::new();
    while let Some((text, body)) = request(&mut input)? {
        limit(Resource::Cpu, cpu_time().as_secs() + limits.seconds + 1)?;
        let output_bytes = usize::try_from(limits.output_bytes).unwrap_or(usize::MAX);
        let (kind, bytes) = frame::split(serve(&mut programs, text, &body, output_bytes));
        answer(&mut output, kind, &bytes)?;
    }
    Ok(())
}

fn serve(
    programs: &mut HashMap<String, Program>,
    text: String,
    body: &[u8],
    output_bytes: usize,
) -> Result<Vec<u8>, Fault> {
    if let Some(program) = programs.get(&text) {
        return evaluate(program, body, output_bytes);
    }
    let compiled = Program::compile_on_this_stack(&text);
    let program = compiled.map_err(|error| Fault::Raised { detail: error.to_string() })?;
    if programs.len() >= PROGRAMS_MAX {
        programs.clear();
    }
    evaluate(programs.entry(text).or_insert(program), body, output_bytes)
}

fn request(input: &mut impl Read) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut header = [0; REQUEST_HEADER_BYTES];
    match input.read_exact(&mut header) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let lengths = frame::decode_lengths(header).ok_or_else(|| io::Error::from(ErrorKind::InvalidData))?;
    let (mut text, mut body) = (vec![0; lengths.0], vec![0; lengths.1]);
    input.read_exact(&mut text)?;
    input.read_exact(&mut body)?;
    let text = String::from_utf8(text).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
    Ok(Some((text, body)))
}

fn answer(output: &mut impl Write, kind: Kind, bytes: &[u8]) -> io::Result<()> {
    output.write_all(&AnswerHeader { kind, spent: cpu_time(), length: bytes.len() }.encode())?;
    output.write_all(bytes)?;
    output.flush()
}

fn limit(resource: Resource, most: u64) -> io::Result<()> {
    // Only the soft limit: the one of the CPU time is raised for each request.
    let maximum = rustix::process::getrlimit(resource).maximum;
    let current = Some(maximum.map_or(most, |maximum| maximum.min(most)));
    Ok(setrlimit(resource, Rlimit { current, maximum })?)
}

/// Bytes of address space of this process, where the system tells.
fn address_space() -> Option<u64> {
    let sizes = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = sizes.split_ascii_whitespace().next()?.parse().ok()?;
    pages.checked_mul(u64::try_from(rustix::param::page_size()).ok()?)
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
