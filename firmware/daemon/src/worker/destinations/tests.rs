use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use gate_dns::{Destinations, LEARN_NAMES_CAP};
use gate_steer::DESTINATIONS_CAP;
use tempfile::TempDir;

use super::{DestinationsError, FILE_CAP, Follower, read};

fn write(file: &Path, set: &Destinations) {
    super::write(file, set).unwrap();
}

/// A set with as many names as are told.
fn named(addresses: &BTreeSet<IpAddr>) -> Destinations {
    let name = |number: usize| format!("{number:0>63}.{}.{}.{}", "a".repeat(63), "b".repeat(63), "c".repeat(61));
    let mut names = (0..LEARN_NAMES_CAP).map(name);
    let addresses = addresses.iter().map(|address| (*address, names.by_ref().take(16).collect())).collect();
    Destinations { life: u64::MAX, sequence: u64::MAX, addresses }
}

fn addresses(count: usize) -> BTreeSet<IpAddr> {
    // The longest texts that addresses have.
    let longest = u128::MAX - (1 << 40);
    (0..count as u128).map(|at| IpAddr::V6(Ipv6Addr::from(longest + at))).collect()
}

#[test]
fn the_fullest_set_goes_through_the_file_and_no_fuller_one() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("destinations.json");
    let full = named(&addresses(DESTINATIONS_CAP));
    write(&file, &full);
    assert_eq!(read(&file).unwrap(), full);

    let short: BTreeSet<IpAddr> = (0..=DESTINATIONS_CAP as u128).map(|at| Ipv6Addr::from(at).into()).collect();
    write(&file, &named(&short));
    assert!(matches!(read(&file), Err(DestinationsError::TooMany(count)) if count == DESTINATIONS_CAP + 1));
    fs::write(&file, vec![b' '; usize::try_from(FILE_CAP).unwrap() + 1]).unwrap();
    assert!(matches!(read(&file), Err(DestinationsError::TooLong)));
    fs::write(&file, "[\"nowhere\"]").unwrap();
    assert!(matches!(read(&file), Err(DestinationsError::Json(_))));
    fs::remove_file(&file).unwrap();
    assert!(read(&file).unwrap_err().is_missing());
}

#[test]
fn a_file_that_cannot_be_read_takes_no_address_away() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("destinations.json");
    let (kernel, learnt) = (addresses(1), addresses(3));
    let mut follower = Follower::start(file.clone(), || kernel.clone());
    assert_eq!(*follower.addresses(), kernel, "what the kernel redirects stays");
    assert_eq!(follower.number(), None);

    write(&file, &Destinations { life: 7, sequence: 1, ..named(&learnt) });
    assert!(follower.look() && !follower.look());
    assert_eq!(follower.number(), Some((7, 1)));
    write(&file, &Destinations { life: 7, sequence: 2, ..named(&learnt) });
    assert!(!follower.look(), "the same addresses");
    assert_eq!(follower.number(), Some((7, 2)), "under another number");
    let too_many = serde_json::to_vec(&named(&addresses(DESTINATIONS_CAP + 1))).unwrap();
    for broken in [Some(b"".as_slice()), Some(b"{}"), Some(&too_many), None] {
        match broken {
            Some(bytes) => fs::write(&file, bytes).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        assert!(!follower.look());
        assert_eq!(*follower.addresses(), learnt);
    }

    write(&file, &named(&kernel));
    assert!(follower.look(), "a shorter list that is said is followed");
    assert_eq!(*follower.addresses(), kernel);
    let restarted = Follower::start(file, || panic!("the file can be read"));
    assert_eq!(*restarted.addresses(), kernel);
}
