use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use landlock::RulesetStatus;

use super::{Reach, calls, files, outer, reach};
use crate::cli::ProcessName;
use crate::config::Config;

/// A fence cannot be taken down: each test raises it around a thread of its own.
fn inside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::spawn(work).join().expect("no panic inside the fence")
}

#[test]
fn a_worker_reads_its_files_writes_its_folder_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = folder.path().to_owned();
    for part in ["keys", "own", "shared"] {
        fs::create_dir(path.join(part)).expect("fresh");
        fs::write(path.join(part).join("file"), "x").expect("fresh");
    }
    inside(move || {
        let reach = Reach { read: vec![path.join("shared")], write: vec![path.join("own")], dials: false };
        let status = files(&reach).expect("a fence");
        let open = status == RulesetStatus::NotEnforced;
        fs::write(path.join("own/new"), "x")
            .and_then(|()| fs::rename(path.join("own/new"), path.join("own/file")))
            .expect("its own folder");
        fs::read(path.join("shared/file")).expect("what it reads");
        for refused in [
            fs::read(path.join("keys/file")).map(|_| ()),
            fs::read_dir(&path).map(|_| ()),
            fs::write(path.join("shared/file"), "y"),
            fs::write(path.join("elsewhere"), "y"),
        ] {
            // Without landlock in the kernel the fence is not there, which it said.
            assert_eq!(
                refused.map_err(|error| error.kind()),
                if open { Ok(()) } else { Err(ErrorKind::PermissionDenied) }
            );
        }
    });
}

#[test]
fn the_supervisor_reads_everything_writes_its_own_and_starts_nothing_else() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = folder.path().to_owned();
    fs::create_dir(path.join("data")).expect("fresh");
    fs::write(path.join("owners"), "x").expect("fresh");
    fs::copy("/bin/true", path.join("data/program")).expect("copied");
    inside(move || {
        let open = outer(&[path.join("data")]).expect("a fence") == RulesetStatus::NotEnforced;
        fs::read(path.join("owners")).expect("whatever the owner names");
        fs::write(path.join("data/new"), "x").expect("its own folder");
        fs::OpenOptions::new().write(true).open("/dev/null").expect("workers get it as their input");
        let own = Command::new("/proc/self/exe").arg("--list").output().expect("it starts itself");
        assert!(own.status.success());
        for refused in [
            fs::write(path.join("owners"), "y"),
            fs::write("/proc/sys/kernel/hostname", "y"),
            Command::new("/bin/true").status().map(|_| ()),
            Command::new(path.join("data/program")).status().map(|_| ()),
        ] {
            assert!(open || refused.expect_err("outside").kind() == ErrorKind::PermissionDenied);
        }
    });
}

#[test]
fn who_never_dials_cannot_and_nobody_listens_anew() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = listener.local_addr().expect("bound");
    for dials in [true, false] {
        inside(move || {
            let status = files(&Reach { read: Vec::new(), write: Vec::new(), dials }).expect("a fence");
            if status == RulesetStatus::FullyEnforced {
                assert_eq!(TcpStream::connect(address).is_ok(), dials);
                assert!(TcpListener::bind("127.0.0.1:0").is_err());
            }
        });
    }
}

#[test]
fn forbidden_calls_fail_and_ordinary_ones_do_not() {
    inside(|| {
        calls::forbid().expect("a filter");
        assert_eq!(
            Command::new("/bin/true").spawn().expect_err("no other program").kind(),
            ErrorKind::PermissionDenied
        );
        assert!(nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUSER).is_err());
        let packet = nix::sys::socket::socket(
            nix::sys::socket::AddressFamily::Packet,
            nix::sys::socket::SockType::Raw,
            nix::sys::socket::SockFlag::empty(),
            None,
        );
        assert_eq!(packet.expect_err("no packets"), nix::errno::Errno::EPERM);
        TcpListener::bind("127.0.0.1:0").expect("ordinary sockets");
        std::thread::spawn(|| ()).join().expect("threads");
    });
}

#[test]
fn the_supervisor_starts_workers_and_mounts_nothing() {
    inside(|| {
        calls::forbid_but_programs().expect("a filter");
        assert!(Command::new("/bin/true").status().expect("a program").success());
        assert!(nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUSER).is_err());
    });
}

#[test]
fn no_worker_reaches_the_keys() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let file = folder.path().join("nanogate.toml");
    fs::write(&file, format!("data = \"{}\"\n[identity]\naddresses = [\"192.0.2.53\"]\n", folder.path().display()))
        .expect("fresh");
    let config = Config::load(&file).expect("a configuration");
    let keys = config.data.join("keys");
    for name in ProcessName::ALL {
        let reach = reach(&config, name);
        assert!(reach.read.iter().chain(&reach.write).all(|path| !keys.starts_with(path)), "{name:?}: {reach:?}");
    }
}
