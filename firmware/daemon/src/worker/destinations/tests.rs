use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv6Addr};

use gate_steer::DESTINATIONS_CAP;
use tempfile::TempDir;

use super::{DestinationsError, FILE_CAP, Follower, read, write};

fn addresses(count: usize) -> BTreeSet<IpAddr> {
    // The longest texts that addresses have.
    let longest = u128::MAX - (1 << 40);
    (0..count as u128).map(|at| IpAddr::V6(Ipv6Addr::from(longest + at))).collect()
}

#[test]
fn the_fullest_set_goes_through_the_file_and_no_fuller_one() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("destinations.json");
    let full = addresses(DESTINATIONS_CAP);
    write(&file, &full).unwrap();
    assert_eq!(read(&file).unwrap(), full);

    let short: BTreeSet<IpAddr> = (0..=DESTINATIONS_CAP as u128).map(|at| Ipv6Addr::from(at).into()).collect();
    write(&file, &short).unwrap();
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

    write(&file, &learnt).unwrap();
    assert!(follower.look() && !follower.look());
    let too_many = serde_json::to_vec(&addresses(DESTINATIONS_CAP + 1)).unwrap();
    for broken in [Some(b"".as_slice()), Some(b"{}"), Some(&too_many), None] {
        match broken {
            Some(bytes) => fs::write(&file, bytes).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        assert!(!follower.look());
        assert_eq!(*follower.addresses(), learnt);
    }

    write(&file, &kernel).unwrap();
    assert!(follower.look(), "a shorter list that is said is followed");
    assert_eq!(*follower.addresses(), kernel);
    let restarted = Follower::start(file, || panic!("the file can be read"));
    assert_eq!(*restarted.addresses(), kernel);
}
