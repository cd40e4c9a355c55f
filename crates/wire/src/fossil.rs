//! Differences between two byte strings in the delta format of Fossil (`delta_format.wiki` of the
//! Fossil project): the new length, then pieces copied from the old one (`length@offset,`) and new
//! pieces (`length:bytes`), then a checksum (`sum;`). Numbers are in base 64.

use std::collections::HashMap;

const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";
/// Old pieces shorter than this are not looked for.
const BLOCK: usize = 16;
/// A copied piece costs about this many bytes, so a shorter one is better written out.
const COPY_COST: usize = 12;

/// Why a difference cannot be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeltaError {
    /// It is not in the format, or says something impossible.
    #[error("not a delta of this origin")]
    Malformed,
    /// The result would be larger than allowed.
    #[error("the result is too large")]
    TooLarge,
    /// The result is not what its maker had.
    #[error("the checksum differs")]
    Checksum,
}

/// The difference that makes `target` of `origin`. If the target is UTF-8, the difference is too:
/// its new pieces begin and end between characters.
#[must_use]
pub fn create(origin: &[u8], target: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(target.len() / 2 + 32);
    number(&mut out, target.len() as u64);
    out.push(b'\n');
    let blocks: HashMap<&[u8], usize> =
        origin.chunks_exact(BLOCK).enumerate().map(|(index, block)| (block, index * BLOCK)).rev_collect();
    let mut literal = 0;
    let mut at = 0;
    while let Some(window) = target.get(at..at + BLOCK) {
        let found = blocks.get(window).and_then(|from| extend(origin, target, *from, at, literal));
        let Some((from, start, length)) = found else {
            at += 1;
            continue;
        };
        insert(&mut out, target.get(literal..start).unwrap_or_default());
        number(&mut out, length as u64);
        out.push(b'@');
        number(&mut out, from as u64);
        out.push(b',');
        literal = start + length;
        at = literal;
    }
    insert(&mut out, target.get(literal..).unwrap_or_default());
    number(&mut out, checksum(target).into());
    out.push(b';');
    out
}

/// Keeps the first of equal blocks.
trait RevCollect<'a> {
    fn rev_collect(self) -> HashMap<&'a [u8], usize>;
}

impl<'a, I: DoubleEndedIterator<Item = (&'a [u8], usize)>> RevCollect<'a> for I {
    fn rev_collect(self) -> HashMap<&'a [u8], usize> {
        self.rev().collect()
    }
}

/// The longest equal piece around a match, cut to whole characters: where it begins in the origin
/// and in the target, and its length. `None` if it is not worth copying.
fn extend(origin: &[u8], target: &[u8], from: usize, at: usize, literal: usize) -> Option<(usize, usize, usize)> {
    let ahead = origin.get(from..)?.iter().zip(target.get(at..)?).take_while(|(a, b)| a == b).count();
    let before = origin.get(..from)?.iter().rev().zip(target.get(literal..at)?.iter().rev());
    let behind = before.take_while(|(a, b)| a == b).count();
    let (mut from, mut start, mut end) = (from - behind, at - behind, at + ahead);
    let inside = |at: usize| target.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    while start < end && inside(start) {
        start += 1;
        from += 1;
    }
    while end > start && inside(end) {
        end -= 1;
    }
    (end - start >= COPY_COST).then_some((from, start, end - start))
}

fn insert(out: &mut Vec<u8>, bytes: &[u8]) {
    if !bytes.is_empty() {
        number(out, bytes.len() as u64);
        out.push(b':');
        out.extend_from_slice(bytes);
    }
}

/// The target of a difference; at most `max` bytes.
///
/// # Errors
/// See [`DeltaError`].
pub fn apply(origin: &[u8], delta: &[u8], max: usize) -> Result<Vec<u8>, DeltaError> {
    let mut rest = delta;
    let length = take_number(&mut rest, b'\n')?;
    let length = usize::try_from(length).map_err(|_| DeltaError::TooLarge)?;
    if length > max {
        return Err(DeltaError::TooLarge);
    }
    let mut out = Vec::with_capacity(length.min(origin.len() + delta.len()));
    loop {
        let (count, kind) = take_any(&mut rest)?;
        match kind {
            b';' if out.len() != length => return Err(DeltaError::Malformed),
            b';' if u64::from(checksum(&out)) != count => return Err(DeltaError::Checksum),
            b';' => return Ok(out),
            _ => {}
        }
        let count = usize::try_from(count).map_err(|_| DeltaError::Malformed)?;
        if count > length - out.len() {
            return Err(DeltaError::Malformed);
        }
        match kind {
            b':' => {
                let (bytes, tail) = rest.split_at_checked(count).ok_or(DeltaError::Malformed)?;
                out.extend_from_slice(bytes);
                rest = tail;
            }
            b'@' => {
                let from = usize::try_from(take_number(&mut rest, b',')?).map_err(|_| DeltaError::Malformed)?;
                let end = from.checked_add(count).ok_or(DeltaError::Malformed)?;
                out.extend_from_slice(origin.get(from..end).ok_or(DeltaError::Malformed)?);
            }
            _ => return Err(DeltaError::Malformed),
        }
    }
}

fn take_number(rest: &mut &[u8], ends_with: u8) -> Result<u64, DeltaError> {
    let (value, end) = take_any(rest)?;
    if end == ends_with { Ok(value) } else { Err(DeltaError::Malformed) }
}

/// A number and the byte behind it.
fn take_any(rest: &mut &[u8]) -> Result<(u64, u8), DeltaError> {
    let mut value = 0_u64;
    loop {
        let (byte, tail) = rest.split_first().ok_or(DeltaError::Malformed)?;
        *rest = tail;
        match DIGITS.iter().position(|digit| digit == byte) {
            Some(digit) => {
                value = value.checked_mul(64).ok_or(DeltaError::Malformed)? | digit as u64;
            }
            None => return Ok((value, *byte)),
        }
    }
}

fn number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0_u8; 11];
    let mut count = 0;
    loop {
        let digit = usize::try_from(value & 63).unwrap_or(0);
        if let (Some(place), Some(letter)) = (digits.get_mut(count), DIGITS.get(digit)) {
            *place = *letter;
        }
        count += 1;
        value >>= 6;
        if value == 0 {
            break;
        }
    }
    out.extend(digits.iter().take(count).rev());
}

/// The sum of the bytes as big-endian words of 32 bits, the last one filled up with zeros.
fn checksum(bytes: &[u8]) -> u32 {
    let word = |chunk: &[u8]| {
        let mut word = [0; 4];
        word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
        u32::from_be_bytes(word)
    };
    bytes.chunks(4).fold(0, |sum, chunk| sum.wrapping_add(word(chunk)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_base_64() {
        for (value, text) in [(0, "0"), (63, "~"), (64, "10"), (6246, "1Xb"), (281_474_976_710_655, "~~~~~~~~")] {
            let mut out = Vec::new();
            number(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), text);
            let mut rest: &[u8] = &[text.as_bytes(), b";"].concat();
            assert_eq!(take_any(&mut rest).unwrap(), (value, b';'));
        }
    }

    #[test]
    fn a_small_change_is_a_small_difference() {
        let origin = br#"{"home":"Lions","away":"Tigers","score":[2,1],"minute":44,"events":["goal","goal","card"]}"#;
        let target = br#"{"home":"Lions","away":"Tigers","score":[2,2],"minute":45,"events":["goal","goal","card"]}"#;
        let delta = create(origin, target);
        assert!(delta.len() < 40, "{}", String::from_utf8_lossy(&delta));
        assert_eq!(apply(origin, &delta, 1000).unwrap(), target);
        assert_eq!(apply(&[b'x'; 200], &delta, 1000), Err(DeltaError::Checksum));
        assert_eq!(apply(origin, &delta, 10), Err(DeltaError::TooLarge));
        assert_eq!(apply(origin, delta.get(..delta.len() - 1).unwrap(), 1000), Err(DeltaError::Malformed));
    }

    #[test]
    fn texts_stay_texts() {
        let origin = "äöüäöüäöüäöüäöü€uroäöüäöüäöü и так далее и так далее".repeat(3);
        let target = origin.replace("€uro", "ñandú").replace("далее", "далёё");
        let delta = create(origin.as_bytes(), target.as_bytes());
        assert!(std::str::from_utf8(&delta).is_ok());
        assert_eq!(apply(origin.as_bytes(), &delta, 10_000).unwrap(), target.as_bytes());
    }
}
