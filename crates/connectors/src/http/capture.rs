//! Keeps the beginning of an answer's body, decompressed and bounded.

use bytes::Bytes;
use contract::delivery::CaptureEnd;
use contract::limits::{ANSWER_BYTES_MAX, CAPTURE_BYTES_MAX};
use contract::target::Keep;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use std::io::{self, Write};

/// Takes a body piece by piece. However much is pushed, it keeps at most [`CAPTURE_BYTES_MAX`] bytes, or [`ANSWER_BYTES_MAX`] of a body that
/// is needed, and never inflates much more than that.
pub struct Collector {
    decoder: Decoder,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Full,
    Broken,
}

enum Decoder {
    Identity(Sink),
    Gzip(Box<MultiGzDecoder<Sink>>),
    /// `deflate`, before its first byte tells zlib from raw.
    Undecided(Sink),
    Zlib(Box<ZlibDecoder<Sink>>),
    Raw(Box<DeflateDecoder<Sink>>),
    /// A coding that nobody asked for: the bytes are kept as they came.
    Unknown(Sink),
}

/// Takes what fits and no more, which stops a decoder.
struct Sink {
    kept: Vec<u8>,
    most: usize,
    full: bool,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.most - self.kept.len();
        let (fits, rest) = bytes.split_at(bytes.len().min(room));
        self.kept.extend_from_slice(fits);
        self.full |= !rest.is_empty();
        Ok(fits.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Collector {
    /// For a body with this `content-encoding`.
    pub fn new(encoding: Option<&[u8]>, keep: Keep) -> Self {
        let most = match keep {
            Keep::Beginning => CAPTURE_BYTES_MAX,
            Keep::Whole => ANSWER_BYTES_MAX,
        };
        let sink = Sink { kept: Vec::new(), most, full: false };
        let decoder = match encoding.map(<[u8]>::trim_ascii) {
            None | Some(b"" | b"identity") => Decoder::Identity(sink),
            Some(name) if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip") => {
                Decoder::Gzip(Box::new(MultiGzDecoder::new(sink)))
            }
            Some(name) if name.eq_ignore_ascii_case(b"deflate") => Decoder::Undecided(sink),
            Some(_) => Decoder::Unknown(sink),
        };
        Self { decoder, state: State::Open }
    }

    /// Whether more bytes would change anything.
    pub fn wants_more(&self) -> bool {
        self.state == State::Open
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        if !self.wants_more() || piece.is_empty() {
            return;
        }
        self.decide(piece);
        let written = match &mut self.decoder {
            Decoder::Identity(sink) | Decoder::Unknown(sink) => sink.write_all(piece),
            Decoder::Gzip(decoder) => decoder.write_all(piece),
            Decoder::Zlib(decoder) => decoder.write_all(piece),
            Decoder::Raw(decoder) => decoder.write_all(piece),
            Decoder::Undecided(_) => Ok(()),
        };
        if written.is_err() {
            self.state = if self.is_full() { State::Full } else { State::Broken };
        }
    }

    /// What was kept, and how the capture ended if the body ended so.
    pub fn finish(mut self, end: CaptureEnd) -> (Bytes, CaptureEnd) {
        // What a decoder holds back is part of the beginning too, however the body ended.
        let flushed = match &mut self.decoder {
            Decoder::Identity(_) | Decoder::Undecided(_) => Ok(()),
            Decoder::Unknown(_) => Err(io::ErrorKind::Unsupported.into()),
            Decoder::Gzip(decoder) => decoder.try_finish(),
            Decoder::Zlib(decoder) => decoder.try_finish(),
            Decoder::Raw(decoder) => decoder.try_finish(),
        };
        let end = match (end, self.state) {
            (_, State::Full) => CaptureEnd::Truncated,
            (_, State::Broken) => CaptureEnd::Broken,
            (CaptureEnd::Complete, State::Open) if self.is_full() => CaptureEnd::Truncated,
            (CaptureEnd::Complete, State::Open) if flushed.is_err() => CaptureEnd::Broken,
            (end, State::Open) => end,
        };
        (std::mem::take(&mut self.sink_mut().kept).into(), end)
    }

    /// Some servers send raw deflate where the standard asks for the zlib format.
    fn decide(&mut self, piece: &[u8]) {
        if let (Decoder::Undecided(sink), Some(first)) = (&self.decoder, piece.first()) {
            let sink = Sink { kept: Vec::new(), ..*sink };
            let is_zlib = first & 0x0f == 8 && first >> 4 <= 7;
            self.decoder = if is_zlib {
                Decoder::Zlib(Box::new(ZlibDecoder::new(sink)))
            } else {
                Decoder::Raw(Box::new(DeflateDecoder::new(sink)))
            };
        }
    }

    fn is_full(&mut self) -> bool {
        self.sink_mut().full
    }

    fn sink_mut(&mut self) -> &mut Sink {
        match &mut self.decoder {
            Decoder::Identity(sink) | Decoder::Undecided(sink) | Decoder::Unknown(sink) => sink,
            Decoder::Gzip(decoder) => decoder.get_mut(),
            Decoder::Zlib(decoder) => decoder.get_mut(),
            Decoder::Raw(decoder) => decoder.get_mut(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    fn collect(encoding: Option<&str>, pieces: &[&[u8]], end: CaptureEnd) -> (Bytes, CaptureEnd) {
        let mut collector = Collector::new(encoding.map(str::as_bytes), Keep::Beginning);
        for piece in pieces {
            collector.push(piece);
        }
        collector.finish(end)
    }

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(plain: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn raw(plain: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_plain_body_is_kept_up_to_the_bound() {
        let long = vec![b'x'; CAPTURE_BYTES_MAX + 1];
        let exact = long.get(1..).unwrap();
        assert_eq!(collect(None, &[], CaptureEnd::Complete), (Bytes::new(), CaptureEnd::Complete));
        assert_eq!(collect(None, &[b"ab", b"c"], CaptureEnd::Complete).0, "abc");
        assert_eq!(
            collect(None, &[exact], CaptureEnd::Complete),
            (exact.to_vec().into(), CaptureEnd::Complete)
        );
        assert_eq!(
            collect(None, &[&long], CaptureEnd::Complete),
            (exact.to_vec().into(), CaptureEnd::Truncated)
        );
        assert_eq!(collect(None, &[exact, b"y"], CaptureEnd::Broken).1, CaptureEnd::Truncated);
    }

    #[test]
    fn a_body_that_is_needed_is_kept_up_to_its_own_bound() {
        let long = vec![b'x'; ANSWER_BYTES_MAX + 1];
        for (encoding, packed) in [(None, long.clone()), (Some(b"gzip".as_slice()), gzip(&long))] {
            let mut collector = Collector::new(encoding, Keep::Whole);
            collector.push(&packed);
            let (body, end) = collector.finish(CaptureEnd::Complete);
            assert_eq!((body.len(), end), (ANSWER_BYTES_MAX, CaptureEnd::Truncated));
        }
        let mut collector = Collector::new(None, Keep::Whole);
        collector.push(&long[1..]);
        assert_eq!(collector.finish(CaptureEnd::Complete).1, CaptureEnd::Complete);
    }

    #[test]
    fn every_coding_is_undone_however_it_is_cut() {
        let plain = b"the quick brown fox".repeat(20);
        for (name, packed) in [
            ("gzip", gzip(&plain)),
            ("X-GZIP", gzip(&plain)),
            ("deflate", zlib(&plain)),
            ("deflate", raw(&plain)),
        ] {
            for size in [1, 7, packed.len()] {
                let pieces: Vec<&[u8]> = packed.chunks(size).collect();
                let expected = (Bytes::from(plain.clone()), CaptureEnd::Complete);
                assert_eq!(collect(Some(name), &pieces, CaptureEnd::Complete), expected, "{name} by {size}");
            }
        }
    }

    #[test]
    fn a_bomb_stops_at_the_bound() {
        let bomb = gzip(&vec![0; 64 << 20]);
        let mut collector = Collector::new(Some(b"gzip"), Keep::Beginning);
        let pieces = bomb.chunks(1024).take_while(|piece| {
            collector.push(piece);
            collector.wants_more()
        });
        assert!(pieces.count() < 2, "inflated on and on");
        let (body, end) = collector.finish(CaptureEnd::Complete);
        assert_eq!((body.len(), end), (CAPTURE_BYTES_MAX, CaptureEnd::Truncated));
    }

    #[test]
    fn a_damaged_or_cut_coding_is_broken_and_keeps_what_came_out() {
        let packed = gzip(b"hello");
        let cut = packed.get(..packed.len() - 6).unwrap();
        assert_eq!(collect(Some("gzip"), &[cut], CaptureEnd::Complete).1, CaptureEnd::Broken);
        assert_eq!(
            collect(Some("gzip"), &[cut], CaptureEnd::TimedOut),
            ("hello".into(), CaptureEnd::TimedOut)
        );
        assert_eq!(collect(Some("gzip"), &[b"no gzip at all"], CaptureEnd::Complete).1, CaptureEnd::Broken);
    }

    #[test]
    fn an_unknown_coding_is_kept_as_it_came_and_called_broken() {
        assert_eq!(
            collect(Some("br"), &[b"\x0b\x02"], CaptureEnd::Complete),
            ("\x0b\x02".into(), CaptureEnd::Broken)
        );
    }
}
