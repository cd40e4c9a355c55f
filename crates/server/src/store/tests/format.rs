//! Entries and records as bytes.

use super::log::{HEAD, Head, MAGIC, Packer, Role, size, unpack};
use super::*;

fn record(kind: Kind) -> Record {
    Record { channel: "news:1".into(), epoch: "abcd".into(), offset: 7, time_ms: 1_700_000_000_000, kind }
}

fn sealed(records: &[Record]) -> (Head, Vec<u8>) {
    let mut packer = Packer::new();
    records.iter().for_each(|record| packer.push(record));
    let head = Head { number: 5, previous: 4, first: 2, mask: 0x0102_0304_0506_0708, length: 0, role: Role::Batch };
    let entry = packer.seal(head).to_vec();
    (Head { length: entry.len() - HEAD, ..head }, entry)
}

fn all() -> Vec<Record> {
    let payloads = [Bytes::new(), Bytes::from_static(b"x"), Bytes::from_static(&MAGIC), Bytes::from(vec![0; 70_000])];
    let mut records: Vec<_> = payloads.map(|payload| record(Kind::Publication(payload))).into();
    records.extend([record(Kind::Removed), record(Kind::Meta)]);
    records
}

#[test]
fn an_entry_gives_back_what_was_packed() {
    let records = all();
    let (head, mut entry) = sealed(&records);
    assert_eq!(entry.len(), HEAD + records.iter().map(size).sum::<usize>());
    assert_eq!(Head::read(&entry), Some(head));
    let mut seen = Vec::new();
    assert!(unpack(&head, &mut entry, |one| seen.push((one.offset, one.time_ms, format!("{:?}", one.kind)))));
    assert_eq!(seen.len(), records.len());
    assert!(seen.iter().all(|(offset, time, _)| (*offset, *time) == (7, 1_700_000_000_000)));
    assert_eq!(seen[1].2, "Publication([120])");
    assert_eq!(seen[5].2, "Meta");
}

#[test]
fn what_a_publisher_sends_does_not_look_like_an_entry() {
    let (_, entry) = sealed(&all());
    assert_eq!(entry.windows(MAGIC.len()).filter(|window| *window == MAGIC).count(), 1);
}

#[test]
fn every_flipped_bit_shows() {
    let (_, entry) = sealed(&[record(Kind::Publication(Bytes::from_static(b"goal"))), record(Kind::Meta)]);
    for bit in 0..entry.len() * 8 {
        let mut bad = entry.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let whole = Head::read(&bad).is_some_and(|head| unpack(&head, &mut bad, |_| {}));
        assert!(!whole, "bit {bit}");
    }
}

#[test]
fn records_before_the_damage_are_given() {
    let (head, mut entry) = sealed(&[record(Kind::Meta), record(Kind::Meta), record(Kind::Meta)]);
    let second = HEAD + size(&record(Kind::Meta)) + 12;
    entry[second] ^= 1;
    let mut seen = 0;
    assert!(!unpack(&head, &mut entry, |_| seen += 1));
    assert_eq!(seen, 1);
    let (head, entry) = sealed(&[record(Kind::Meta), record(Kind::Meta)]);
    let (mut short, mut seen) = (entry[..HEAD + size(&record(Kind::Meta))].to_vec(), 0);
    assert!(!unpack(&head, &mut short, |_| seen += 1), "a cut at the end of a record shows too");
    assert_eq!(seen, 1);
}
