//! Takes a stream of server-sent events apart. Pure.

/// The longest event; a longer one is cut.
const EVENT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Incident {
    /// Its `event`; empty where it has none.
    pub(in crate::cli) name: String,
    /// Its `data`.
    pub(in crate::cli) data: String,
}

/// Collects bytes until they are events.
#[derive(Default)]
pub(super) struct Decoder {
    line: Vec<u8>,
    incident: Incident,
}

impl Decoder {
    /// Takes the next bytes of the stream; gives the events that are complete with them.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Incident> {
        let mut complete = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = EVENT_BYTES_MAX.saturating_sub(self.line.len());
            match part.strip_suffix(b"\n") {
                None => self.line.extend(part.iter().take(room)),
                Some(end) => {
                    self.line.extend(end.iter().take(room));
                    let line = std::mem::take(&mut self.line);
                    complete.extend(self.line(&String::from_utf8_lossy(&line)));
                }
            }
        }
        complete
    }

    fn line(&mut self, line: &str) -> Option<Incident> {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            let incident = std::mem::take(&mut self.incident);
            return (!incident.data.is_empty()).then_some(incident);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.incident.name),
            "data" => {
                let data = &mut self.incident.data;
                if !data.is_empty() {
                    data.push('\n');
                }
                let room = EVENT_BYTES_MAX.saturating_sub(data.len());
                data.push_str(value.get(..room.min(value.len())).unwrap_or_default());
            }
            // A comment, such as a keep-alive, or a field of no use here.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": hello\n\nevent: ticket\ndata: {\"a\":1}\n\ndata:one\r\ndata: two\r\nid: 7\r\n\r\nevent: late\ndata: cut";

    fn incident(name: &str, data: &str) -> Incident {
        Incident { name: name.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn events_are_the_same_however_the_stream_is_cut() {
        let expected = [incident("ticket", "{\"a\":1}"), incident("", "one\ntwo")];
        for size in 1..=STREAM.len() {
            let mut decoder = Decoder::default();
            let found: Vec<_> =
                STREAM.as_bytes().chunks(size).flat_map(|chunk| decoder.push(chunk)).collect();
            assert_eq!(found, expected, "in pieces of {size}");
        }
    }
}
