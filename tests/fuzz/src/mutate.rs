//! Makes an input out of good ones: a few changes of bytes, pieces, words and numbers.

use crate::chance::Chance;

/// Inputs stay small: what they break is in their form, and small ones are read faster by machines and people.
pub const INPUT_BYTES_MAX: usize = 8 * 1024;
/// Changes to one input, at most.
const CHANGES_MAX: usize = 6;
/// Copies of a piece, one after the other, at most: deep nesting comes from here.
const COPIES_MAX: usize = 1500;

/// What breaks readers of numbers, lengths and texts everywhere.
const SPITEFUL: &[&[u8]] = &[
    b"0",
    b"-1",
    b"18446744073709551615",
    b"18446744073709551616",
    b"9223372036854775808",
    b"1e999",
    b"-0",
    b"NaN",
    b"\0",
    b"\xff",
    b"\xc3\xa9",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x8c\x88",
    b"\r\n",
    b"\n",
    b"\t",
    b" ",
    b"%",
    b"%2F",
    b"%ff",
    b"%00",
    b"\\",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"[",
    b"{",
    b"(",
    b"]",
    b"}",
    b")",
    b"${",
    b"*",
    b"..",
    b"//",
];

/// One input.
#[must_use]
pub fn mutate(chance: &mut Chance, seeds: &[&[u8]], words: &[&[u8]]) -> Vec<u8> {
    let mut input = chance.pick(seeds).to_vec();
    for _ in 0..=chance.below(CHANGES_MAX) {
        change(chance, &mut input, seeds, words);
        input.truncate(INPUT_BYTES_MAX);
    }
    input
}

fn change(chance: &mut Chance, input: &mut Vec<u8>, seeds: &[&[u8]], words: &[&[u8]]) {
    match chance.below(10) {
        0 => flip(chance, input),
        1 => drop(input.drain(range(chance, input.len(), 8))),
        2 => drop(input.drain(range(chance, input.len(), 256))),
        3 => copy(chance, input),
        4 => insert(chance, input, |chance| vec![chance.byte()]),
        5 => insert(chance, input, |chance| chance.pick(SPITEFUL).to_vec()),
        6 | 7 => insert(chance, input, |chance| chance.pick(words).to_vec()),
        8 => replace_word(chance, input, words),
        _ => splice(chance, input, seeds),
    }
}

fn flip(chance: &mut Chance, input: &mut [u8]) {
    let (at, bit) = (chance.below(input.len()), chance.below(8));
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << bit;
    }
}

fn insert(chance: &mut Chance, input: &mut Vec<u8>, piece: impl Fn(&mut Chance) -> Vec<u8>) {
    let at = chance.below(input.len() + 1);
    let piece = piece(chance);
    input.splice(at..at, piece);
}

/// A piece of the input, once or very often.
fn copy(chance: &mut Chance, input: &mut Vec<u8>) {
    let piece = input.get(range(chance, input.len(), 16)).unwrap_or_default().to_vec();
    let copies = if chance.below(4) == 0 { chance.below(COPIES_MAX) } else { 1 };
    let copies = copies.min(INPUT_BYTES_MAX / piece.len().max(1));
    let at = chance.below(input.len() + 1);
    input.splice(at..at, piece.repeat(copies));
}

/// Puts a word in the place of a run of letters or digits.
fn replace_word(chance: &mut Chance, input: &mut Vec<u8>, words: &[&[u8]]) {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let from = chance.below(input.len());
    let Some(skipped) = input.iter().skip(from).position(plain) else { return };
    let start = from + skipped;
    let length = input.iter().skip(start).take_while(|byte| plain(byte)).count();
    let word = if chance.below(3) == 0 { chance.pick(SPITEFUL) } else { chance.pick(words) };
    input.splice(start..start + length, word.iter().copied());
}

/// The beginning of this one and the end of another.
fn splice(chance: &mut Chance, input: &mut Vec<u8>, seeds: &[&[u8]]) {
    let other = chance.pick(seeds);
    input.truncate(chance.below(input.len() + 1));
    input.extend(other.iter().skip(chance.below(other.len() + 1)));
}

fn range(chance: &mut Chance, length: usize, longest: usize) -> std::ops::Range<usize> {
    let start = chance.below(length + 1);
    start..length.min(start + chance.below(longest + 1))
}
