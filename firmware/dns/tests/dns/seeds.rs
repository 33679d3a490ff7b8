//! What the fuzzer starts from, bent a little in every way, on every test run.

use std::fs;
use std::path::Path;

use gate_dns::fuzz;

/// A small generator (xorshift64): every run bends alike.
struct Bends(u64);

impl Bends {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }

    fn bend(&mut self, bytes: &mut Vec<u8>) {
        let at = self.next(bytes.len());
        match self.next(5) {
            0 => bytes[at] = self.next(256) as u8,
            1 => bytes[at] ^= 1 << self.next(8),
            2 => bytes.truncate(at),
            3 => bytes.insert(at, self.next(256) as u8),
            _ => bytes[at] = [0, 1, 12, 0x3f, 0x40, 0xc0, 0xff][self.next(7)],
        }
    }
}

fn check(target: &str, door: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds").join(target);
    let seeds: Vec<_> = fs::read_dir(folder).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
    assert!(seeds.len() >= 5);
    let mut bends = Bends(0x9e37_79b9_7f4a_7c15);
    for seed in &seeds {
        door(seed);
        for _ in 0..20_000 {
            let mut bytes = seed.clone();
            for _ in 0..=bends.next(4) {
                if !bytes.is_empty() {
                    bends.bend(&mut bytes);
                }
            }
            door(&bytes);
        }
    }
}

#[test]
fn bent_questions_are_read_or_refused() {
    check("fuzz_dns_query", fuzz::query);
}

#[test]
fn bent_files_and_announcements_are_read_or_left() {
    check("fuzz_dns_files", fuzz::files);
}

#[test]
fn bent_answers_are_kept_and_copied_as_they_would_be_made() {
    check("fuzz_dns_answer", fuzz::answer);
}
