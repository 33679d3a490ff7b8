//! Files that somebody else wrote, read whole up to a bound. Each is opened once and never waited for: what lies in its place
//! may be a pipe or a device at any moment.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::fcntl::OFlag;

/// A file that the owner names; links are followed.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    whole(path, OFlag::empty(), most)
}

/// A file that a less trusted process may have put there: no link leads to what that process may not read itself.
pub(crate) fn read_plain(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    whole(path, OFlag::O_NOFOLLOW, most)
}

/// What was read, as text.
pub(crate) fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| io::Error::other("is no text in UTF-8"))
}

fn whole(path: &Path, links: OFlag, most: u64) -> io::Result<Vec<u8>> {
    let flags = links | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("is no plain file"));
    }
    if meta.len() > most {
        return Err(io::Error::other(format!("{} bytes are more than it may have ({most})", meta.len())));
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use nix::sys::stat::Mode;

    use super::{read, read_plain, text};

    #[test]
    fn nothing_is_waited_for_or_read_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        fs::write(file("good"), "good").unwrap();
        nix::unistd::mkfifo(&file("pipe"), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        fs::File::create(file("huge")).unwrap().set_len(101).unwrap();
        symlink(file("good"), file("link")).unwrap();
        symlink("/dev/zero", file("zero")).unwrap();
        fs::create_dir(file("folder")).unwrap();
        for (name, followed, plain) in [
            ("good", true, true),
            ("link", true, false),
            ("pipe", false, false),
            ("huge", false, false),
            ("zero", false, false),
            ("folder", false, false),
            ("absent", false, false),
        ] {
            assert_eq!(read(&file(name), 100).is_ok(), followed, "{name}");
            assert_eq!(read_plain(&file(name), 100).is_ok(), plain, "{name}");
        }
        assert_eq!(read_plain(&file("good"), 100).and_then(text).unwrap(), "good");
        assert!(text(vec![0xff]).is_err());
    }
}
