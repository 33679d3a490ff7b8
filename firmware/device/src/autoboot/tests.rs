use std::path::PathBuf;
use std::process::Command;

use super::{Autoboot, CommitError, Reset, SECTOR, Tried, commit, load};
use crate::fat::FatError;
use crate::slot::Slot;

/// A FAT file system in a file, with an autoboot.txt of these bytes; made by the tools that make the card.
fn partition(kind: &str, text: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let (device, file) = (folder.path().join("boot.vfat"), folder.path().join("autoboot.txt"));
    std::fs::write(&file, text).expect("fresh");
    let kib = if kind == "32" { "40960" } else { "8192" };
    let made = Command::new("mkfs.vfat").args(["-F", kind, "-s", "1", "-C"]).arg(&device).arg(kib).output();
    assert!(made.expect("dosfstools").status.success());
    let copied = Command::new("mcopy").arg("-i").arg(&device).arg(&file).arg("::/").output();
    assert!(copied.expect("mtools").status.success());
    (folder, device)
}

/// The file as another implementation of FAT sees it.
fn seen(device: &PathBuf) -> Vec<u8> {
    let shown = Command::new("mtype").arg("-i").arg(device).arg("::autoboot.txt").output().expect("mtools");
    assert!(shown.status.success());
    shown.stdout
}

#[test]
fn a_commit_changes_one_sector_and_nothing_else() {
    for kind in ["16", "32"] {
        let (_folder, device) = partition(kind, &Autoboot::of(Slot::A).render());
        let before = std::fs::read(&device).expect("there");
        assert!(commit(&device, Autoboot::of(Slot::B)).expect("commits"));
        let after = std::fs::read(&device).expect("there");
        let changed: Vec<_> =
            before.chunks(SECTOR).zip(after.chunks(SECTOR)).enumerate().filter(|(_, (old, new))| old != new).collect();
        assert_eq!(changed.len(), 1, "FAT{kind}");
        assert_eq!(load(&device).expect("loads"), Autoboot::of(Slot::B));
        assert_eq!(seen(&device), Autoboot::of(Slot::B).render());
    }
}

#[test]
fn committing_what_is_there_writes_nothing() {
    let (_folder, device) = partition("16", &Autoboot::of(Slot::B).render());
    assert!(!commit(&device, Autoboot::of(Slot::B)).expect("commits"));
}

#[test]
fn a_file_that_somebody_edited_becomes_a_whole_sector_again() {
    for text in [&b"[all]\r\nboot_partition=3\r\n"[..], &[b' '; 600][..]] {
        let (_folder, device) = partition("16", text);
        assert!(commit(&device, Autoboot::of(Slot::A)).expect("commits"));
        assert_eq!(seen(&device), Autoboot::of(Slot::A).render(), "{} bytes", text.len());
    }
}

fn is_gone(error: &CommitError) -> bool {
    matches!(error, CommitError::Fat(FatError::Missing | FatError::Empty))
}

#[test]
fn a_file_that_is_gone_or_empty_is_made_anew() {
    for kind in ["16", "32"] {
        for how in ["deleted", "empty", "never there"] {
            let (_folder, device) = partition(kind, if how == "empty" { b"" } else { b"x" });
            if how != "empty" {
                let done = Command::new("mdel").arg("-i").arg(&device).arg("::autoboot.txt").status();
                assert!(done.expect("mtools").success());
            }
            if how == "never there" {
                // Another file takes the place that became free.
                std::fs::write(device.with_extension("txt"), "y").expect("fresh");
                let done =
                    Command::new("mcopy").arg("-i").arg(&device).arg(device.with_extension("txt")).arg("::/").status();
                assert!(done.expect("mtools").success());
            }
            assert!(is_gone(&load(&device).expect_err("nothing is there")), "FAT{kind} {how}");
            assert!(commit(&device, Autoboot::of(Slot::B)).expect("commits"), "FAT{kind} {how}");
            assert_eq!(load(&device).expect("loads"), Autoboot::of(Slot::B));
            assert_eq!(seen(&device), Autoboot::of(Slot::B).render());
            let checked = Command::new("fsck.fat").arg("-n").arg(&device).output().expect("dosfstools");
            // FAT32 has a count of free clusters, which is a hint and may be wrong.
            let said = String::from_utf8_lossy(&checked.stdout).into_owned();
            assert!(kind == "32" || checked.status.success(), "{how}: {said}");
            assert!(!commit(&device, Autoboot::of(Slot::B)).expect("commits"), "once is enough");
        }
    }
}

#[test]
fn a_file_system_that_is_ruined_is_made_anew() {
    for mib in [4, 16, 64, 300] {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let device = folder.path().join("boot.vfat");
        let noise = std::fs::File::create(&device).expect("fresh");
        noise.set_len(mib << 20).expect("sized");
        std::os::unix::fs::FileExt::write_all_at(&noise, &[0xa5; 70_000], 0).expect("noise");
        assert!(matches!(load(&device), Err(CommitError::Fat(FatError::NotFat))));
        assert!(commit(&device, Autoboot::of(Slot::B)).expect("commits"), "{mib} MiB");
        assert_eq!(seen(&device), Autoboot::of(Slot::B).render());
        let checked = Command::new("fsck.fat").arg("-n").arg(&device).output().expect("dosfstools");
        assert!(checked.status.success(), "{mib} MiB: {}", String::from_utf8_lossy(&checked.stdout));
        let label = Command::new("mlabel").arg("-s").arg("-i").arg(&device).arg("::").output().expect("mtools");
        assert!(String::from_utf8_lossy(&label.stdout).contains("NANOGATE"));
    }
}

#[test]
fn a_power_cuts_mark_is_taken_back_and_nothing_else() {
    for (kind, state) in [("16", 0x25), ("32", 0x41)] {
        let (_folder, device) = partition(kind, b"x");
        let clean = std::fs::read(&device).expect("there");
        let mut dirty = clean.clone();
        dirty[state] |= 1;
        std::fs::write(&device, &dirty).expect("written");
        crate::fat::forget_dirt(&device).expect("FAT");
        assert!(std::fs::read(&device).expect("there") == clean, "FAT{kind}");
    }
}

#[test]
fn a_cut_while_the_file_is_made_leaves_it_gone_or_whole() {
    let (_folder, device) = partition("16", b"");
    let before = std::fs::read(&device).expect("there");
    commit(&device, Autoboot::of(Slot::B)).expect("commits");
    let after = std::fs::read(&device).expect("there");
    let changed: Vec<_> = (0..before.len() / SECTOR)
        .filter(|number| before[number * SECTOR..][..SECTOR] != after[number * SECTOR..][..SECTOR])
        .collect();
    // Content, both tables, the entry: whatever is on the card by then, only the entry makes a file of it.
    assert_eq!(changed.len(), 4);
    let entry = changed[2];
    for kept in 0..16_u32 {
        let mut cut = before.clone();
        for (_, number) in changed.iter().enumerate().filter(|(bit, _)| kept >> bit & 1 == 1) {
            cut[number * SECTOR..][..SECTOR].copy_from_slice(&after[number * SECTOR..][..SECTOR]);
        }
        let has_entry = kept >> 2 & 1 == 1;
        if has_entry && kept != 15 {
            continue; // it is written when all others are on the card
        }
        std::fs::write(&device, &cut).expect("written");
        match load(&device) {
            Ok(read) => assert!(has_entry && read == Autoboot::of(Slot::B)),
            Err(error) => assert!(!has_entry && is_gone(&error), "entry in sector {entry}"),
        }
        commit(&device, Autoboot::of(Slot::A)).expect("the next start mends it");
        assert_eq!(seen(&device), Autoboot::of(Slot::A).render());
    }
}

#[test]
fn what_is_written_is_what_is_read() {
    for value in [
        Autoboot::of(Slot::A),
        Autoboot::of(Slot::B),
        Autoboot::of(Slot::B).with_hung(Slot::A),
        Autoboot { reset: Reset::Wanted, ..Autoboot::of(Slot::B) },
        Autoboot::of(Slot::A).with_hung(Slot::A).with_hung(Slot::B),
        Autoboot::of(Slot::A).blamed(Slot::A).with_hung(Slot::B),
        Autoboot {
            floor: u64::MAX,
            tried: Tried::of((0..9).map(|less| u64::MAX - less)),
            reset: Reset::Done,
            rests: u32::MAX,
            fixed: "255.255.255.255/24 255.255.255.254".parse().ok(),
            ..Autoboot::of(Slot::B).with_hung(Slot::A).with_hung(Slot::B)
        },
    ] {
        let text = value.render();
        assert_eq!(Autoboot::parse(std::str::from_utf8(&text).expect("ASCII")), value);
    }
}

#[test]
fn all_that_was_taken_is_kept_until_it_is_too_much() {
    let tried = [7, 8, 7, 9].into_iter().fold(Tried::default(), Tried::and);
    assert_eq!((tried.to_string().as_str(), tried.is_empty()), ("9,7,8", false));
    let many = (1..20).fold(Tried::default(), Tried::and);
    assert_eq!(many.to_string(), "19,18,17,16,15,14,13,12");
    assert!(Tried::of([0, 0].into_iter()).is_empty() && Tried::default().to_string().is_empty());
    let read = |text: &str| Autoboot::parse(text).tried.to_string();
    assert_eq!(
        (read("# tried=7\n"), read("# tried=9,x,7\n"), read("# tried=\n")),
        ("7".into(), "9,7".into(), String::new())
    );
}

#[test]
fn only_the_section_for_all_chooses() {
    let read = Autoboot::parse("[all]\ntryboot_a_b=1\nboot_partition=3\n[tryboot]\nboot_partition=2\n");
    assert_eq!(read.default, Slot::B);
    assert_eq!(Autoboot::parse("").default, Slot::A);
    assert_eq!(Autoboot::parse("boot_partition=9").default, Slot::A);
}

#[test]
fn the_image_ships_what_we_would_write() {
    let shipped = include_str!("../../../../image/autoboot.txt");
    let rendered = Autoboot::of(Slot::A).render();
    assert_eq!(std::str::from_utf8(&rendered).expect("ASCII").trim_end(), shipped.trim_end());
}

#[test]
fn a_partition_that_is_no_fat_is_an_error_and_stays_untouched() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let device = folder.path().join("boot");
    for bytes in [vec![0; 65536], vec![0xff; 65536], Vec::new()] {
        std::fs::write(&device, &bytes).expect("fresh");
        assert!(commit(&device, Autoboot::of(Slot::B)).is_err());
        assert_eq!(std::fs::read(&device).expect("there"), bytes);
    }
}
