use std::fs::File;
use std::os::unix::fs::FileExt;

use super::{
    ENTRIES, ENTRY, FIRST, GrowError, HEADER, MOST, OWN, SECTOR, SIGNATURE, check, grow, grown, label, placed, put,
    word,
};

const MIB: u64 = (1 << 20) / SECTOR;

/// A card of so many MiB with the partitions `boot` and `data`, laid out for one of 100 MiB.
fn card(mib: u64) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a scratch file");
    file.as_file().set_len(mib * MIB * SECTOR).expect("sparse");
    let mut entries = vec![0; ENTRIES * SECTOR as usize];
    for (number, (name, begin, end)) in
        [("boot", MIB, 33 * MIB - 1), ("data", 33 * MIB, 99 * MIB - 1)].iter().enumerate()
    {
        let entry = &mut entries[number * ENTRY..(number + 1) * ENTRY];
        entry[..16].fill(7);
        put(entry, 32, *begin);
        put(entry, 40, *end);
        for (at, unit) in name.encode_utf16().enumerate() {
            entry[56 + 2 * at..58 + 2 * at].copy_from_slice(&unit.to_le_bytes());
        }
    }
    let mut header = vec![0; SECTOR as usize];
    header[..8].copy_from_slice(SIGNATURE);
    header[12..16].copy_from_slice(&(HEADER as u32).to_le_bytes());
    put(&mut header, 48, 100 * MIB - 34);
    header[80..88].copy_from_slice(&[128, 0, 0, 0, 128, 0, 0, 0]);
    header[88..92].copy_from_slice(&crc32fast::hash(&entries).to_le_bytes());
    let header = placed(&header, FIRST, 100 * MIB - 1, FIRST + 1);
    write(file.as_file(), &header, FIRST);
    write(file.as_file(), &entries, FIRST + 1);
    file
}

/// A card's first and last mebibyte: what lies between is never written.
fn ends(file: &File) -> Vec<u8> {
    let mut bytes = vec![0; 2 << 20];
    let end = file.metadata().expect("there").len() - (1 << 20);
    file.read_exact_at(&mut bytes[..1 << 20], 0).expect("there");
    file.read_exact_at(&mut bytes[1 << 20..], end).expect("there");
    bytes
}

fn write(file: &File, bytes: &[u8], sector: u64) {
    file.write_all_at(bytes, sector * SECTOR).expect("written");
}

/// Header and entries as a reader finds them from the header's sector on.
fn read(file: &File, sector: u64) -> (Vec<u8>, Vec<u8>) {
    let (mut header, mut entries) = (vec![0; SECTOR as usize], vec![0; ENTRIES * SECTOR as usize]);
    file.read_exact_at(&mut header, sector * SECTOR).expect("there");
    file.read_exact_at(&mut entries, word(&header, 72) * SECTOR).expect("there");
    (header, entries)
}

#[test]
fn the_last_partition_takes_what_a_larger_card_has_and_both_tables_say_so() {
    let card = card(400);
    assert!(grow(card.path(), "data").expect("grown"));
    let (first, entries) = read(card.as_file(), FIRST);
    check(&first, &entries).expect("whole");
    let data = &entries[ENTRY..2 * ENTRY];
    assert_eq!((label(&data[56..]).as_str(), word(data, 32)), ("data", 33 * MIB), "it begins where it began");
    assert_eq!(word(data, 40), 399 * MIB - 1);
    assert_eq!(word(&entries, 40), 33 * MIB - 1, "the others are as they were");
    assert!(word(&first, 48) >= word(data, 40) && word(&first, 32) == 400 * MIB - 1);
    let (mut last, copy) = read(card.as_file(), 400 * MIB - 1);
    assert_eq!(copy, entries);
    assert_eq!((word(&last, 24), word(&last, 32)), (400 * MIB - 1, FIRST));
    let sum = last[16..20].to_vec();
    last[16..20].fill(0);
    assert_eq!(sum, crc32fast::hash(&last[..HEADER]).to_le_bytes());
    assert!(!grow(card.path(), "data").expect("looked at"), "once is enough");
}

#[test]
fn no_partition_becomes_larger_than_a_puck_has_use_for() {
    let card = card(100 << 10);
    assert!(grow(card.path(), "data").expect("grown"));
    let (first, entries) = read(card.as_file(), FIRST);
    assert_eq!(word(&entries[ENTRY..], 40), 33 * MIB + MOST - 1);
    assert_eq!(word(&first, 32), (100 << 10) * MIB - 1, "the copy stands at the card's end all the same");
    assert!(!grow(card.path(), "data").expect("looked at"), "once is enough");
}

#[test]
fn a_card_as_large_as_the_image_is_left_alone() {
    for mib in [100, 101, 150] {
        let card = card(mib);
        let before = ends(card.as_file());
        assert!(!grow(card.path(), "data").expect("looked at"), "{mib} MiB");
        assert_eq!(ends(card.as_file()), before);
    }
}

#[test]
fn a_table_of_somebody_else_or_a_damaged_one_is_not_touched() {
    for (at, what) in [(0, "signature"), (50, "header"), (SECTOR as usize + 200, "entries")] {
        let card = card(400);
        let mut byte = [0];
        let place = FIRST * SECTOR + at as u64;
        card.as_file().read_exact_at(&mut byte, place).expect("there");
        card.as_file().write_all_at(&[byte[0] ^ 1], place).expect("written");
        let before = ends(card.as_file());
        assert!(matches!(grow(card.path(), "data"), Err(GrowError::Foreign)), "{what}");
        assert_eq!(ends(card.as_file()), before, "{what}");
    }
    assert!(matches!(grow(card(400).path(), "other"), Err(GrowError::Foreign)), "another partition is last");
}

#[test]
fn a_cut_at_any_moment_leaves_a_first_table_that_holds_and_the_next_start_ends_the_work() {
    let whole = card(400);
    let mut table = vec![0; (1 + 2 * ENTRIES) * SECTOR as usize];
    whole.as_file().read_exact_at(&mut table, FIRST * SECTOR).expect("there");
    let steps = grown(&table, "data", 400 * MIB).expect("grows");
    assert_eq!(steps.len(), 6);
    for cut in 0..=steps.len() {
        // Of the write that was under way some sectors are on the card, in any order.
        for torn in [0b0_u32, 0b1, 0b10, 0x5555_5555, 0xaaaa_aaaa, 0x7fff_ffff, 0xffff_fffe] {
            let card = card(400);
            for (sector, bytes) in &steps[..cut] {
                write(card.as_file(), bytes, *sector);
            }
            if let Some((sector, bytes)) = steps.get(cut) {
                for (number, part) in bytes.chunks(SECTOR as usize).enumerate().filter(|(bit, _)| torn >> bit & 1 == 1)
                {
                    write(card.as_file(), part, sector + number as u64);
                }
            }
            let (first, entries) = read(card.as_file(), FIRST);
            check(&first, &entries).expect("the first table holds");
            let end = word(&entries[ENTRY..], 40);
            assert!([99 * MIB - 1, 399 * MIB - 1].contains(&end), "cut {cut}: {end}");
            if end == 399 * MIB - 1 {
                let (last, copy) = read(card.as_file(), word(&first, 32));
                assert!(copy == entries && word(&last, 24) == 400 * MIB - 1, "the copy came first");
            }
            grow(card.path(), "data").expect("the next start");
            let (first, entries) = read(card.as_file(), FIRST);
            check(&first, &entries).expect("whole");
            assert_eq!((word(&first, 72), word(&entries[ENTRY..], 40)), (OWN, 399 * MIB - 1));
            assert_eq!(read(card.as_file(), 400 * MIB - 1).1, entries);
        }
    }
}

#[test]
fn without_room_beside_the_entries_nothing_is_touched() {
    let card = card(400);
    let (mut first, mut entries) = read(card.as_file(), FIRST);
    put(&mut entries, 32, 40);
    first[88..92].copy_from_slice(&crc32fast::hash(&entries).to_le_bytes());
    write(card.as_file(), &placed(&first, FIRST, 100 * MIB - 1, OWN), FIRST);
    write(card.as_file(), &entries, OWN);
    let before = ends(card.as_file());
    assert!(matches!(grow(card.path(), "data"), Err(GrowError::NoRoom)));
    assert_eq!(ends(card.as_file()), before);
}
