//! Which slot runs. The boot loader says so in the device tree (`/chosen/bootloader`: `partition` and `tryboot`, each one
//! big-endian word), and nothing else is believed: not the file that asked for it, not the kernel's command line.

use std::fs;
use std::path::Path;

/// The card's partitions, by number.
const A: u32 = 2;
const B: u32 = 3;
const RESCUE: u32 = 4;

const BOOTLOADER: &str = "/proc/device-tree/chosen/bootloader";

/// One of the two systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    A,
    B,
}

impl Slot {
    pub(crate) fn partition(self) -> u32 {
        match self {
            Self::A => A,
            Self::B => B,
        }
    }

    pub(crate) fn of_partition(number: u32) -> Option<Self> {
        match number {
            A => Some(Self::A),
            B => Some(Self::B),
            _ => None,
        }
    }

    /// Its partition's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::A => "slot-a",
            Self::B => "slot-b",
        }
    }

    pub(crate) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// What was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Booted {
    /// A slot, for good or for one trial (`tryboot`).
    Slot {
        slot: Slot,
        trial: bool,
    },
    Rescue,
    /// The boot loader did not say, or named a partition that is none of ours.
    Unknown,
}

/// Asks the device tree.
pub(crate) fn booted() -> Booted {
    read(Path::new(BOOTLOADER))
}

fn read(folder: &Path) -> Booted {
    let word =
        |name: &str| -> Option<u32> { Some(u32::from_be_bytes(fs::read(folder.join(name)).ok()?.try_into().ok()?)) };
    match word("partition") {
        Some(RESCUE) => Booted::Rescue,
        Some(number) => match Slot::of_partition(number) {
            Some(slot) => Booted::Slot { slot, trial: word("tryboot").is_some_and(|flag| flag != 0) },
            None => Booted::Unknown,
        },
        None => Booted::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::{Booted, Slot, read};

    fn tree(words: &[(&str, &[u8])]) -> Booted {
        let folder = tempfile::tempdir().expect("a scratch folder");
        for (name, bytes) in words {
            std::fs::write(folder.path().join(name), bytes).expect("fresh");
        }
        read(folder.path())
    }

    #[test]
    fn reads_partition_and_trial_as_the_boot_loader_writes_them() {
        let (a, b, no, yes) = (&[0, 0, 0, 2][..], &[0, 0, 0, 3][..], &[0, 0, 0, 0][..], &[0, 0, 0, 1][..]);
        assert_eq!(tree(&[("partition", a), ("tryboot", no)]), Booted::Slot { slot: Slot::A, trial: false });
        assert_eq!(tree(&[("partition", b), ("tryboot", yes)]), Booted::Slot { slot: Slot::B, trial: true });
        assert_eq!(tree(&[("partition", b)]), Booted::Slot { slot: Slot::B, trial: false });
        assert_eq!(tree(&[("partition", &[0, 0, 0, 4])]), Booted::Rescue);
    }

    #[test]
    fn nothing_is_guessed() {
        for words in
            [&[][..], &[("partition", &[2][..])], &[("partition", &[0, 0, 0, 9])], &[("tryboot", &[0, 0, 0, 1])]]
        {
            assert_eq!(tree(words), Booted::Unknown, "{words:?}");
        }
    }
}
