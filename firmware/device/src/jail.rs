//! Between PID 1 and a program that is not root but may do one thing of root's: this binary again, under the name `jail`. It
//! gives up every other capability, keeps the one over the change of user, and becomes the program.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, configure_capability_in_ambient_set,
    remove_capability_from_bounding_set, set_capabilities, set_capabilities_secure_bits, set_no_new_privs,
};

use crate::services::May;

/// The name under which PID 1 starts this binary.
pub(crate) const JAIL: &str = "jail";
const LINK: &str = "/sbin/jail";
/// What takes part in the change of user, and is gone after it.
const PASSING: CapabilitySet = CapabilitySet::SETUID.union(CapabilitySet::SETGID).union(CapabilitySet::SETPCAP);

impl May {
    fn word(self) -> &'static str {
        match self {
            Self::SetTheClock => "set-the-clock",
        }
    }

    fn capability(self) -> CapabilitySet {
        match self {
            Self::SetTheClock => CapabilitySet::SYS_TIME,
        }
    }
}

/// The command line that starts a program in here.
pub(crate) fn words(may: May, user: Option<u32>, program: Vec<String>) -> Vec<String> {
    let user = user.unwrap_or(0).to_string();
    [LINK.to_owned(), may.word().to_owned(), user].into_iter().chain(program).collect()
}

/// `jail MAY USER PROGRAM WORD…`; does not return if all goes well.
pub(crate) fn run() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [may, user, program, rest @ ..] = &words[..] else { return ExitCode::from(2) };
    let (Some(may), Ok(user)) = ([May::SetTheClock].into_iter().find(|known| known.word() == may), user.parse()) else {
        return ExitCode::from(2);
    };
    if let Err(error) = keep_only(may.capability()) {
        eprintln!("jail: {error}");
        return ExitCode::FAILURE;
    }
    let error = Command::new(program).args(rest).uid(user).gid(user).exec();
    eprintln!("jail: {program}: {error}");
    ExitCode::FAILURE
}

/// From here on there is one capability, which the next program inherits whoever it is (capabilities(7), "ambient").
fn keep_only(kept: CapabilitySet) -> rustix::io::Result<()> {
    for capability in CapabilitySet::all().iter().filter(|capability| !(kept | PASSING).contains(*capability)) {
        // One that this kernel does not know is not there either.
        let _ = remove_capability_from_bounding_set(capability);
    }
    let during = kept | PASSING;
    set_capabilities(None, CapabilitySets { effective: during, permitted: during, inheritable: kept })?;
    set_capabilities_secure_bits(CapabilitiesSecureBits::NO_SETUID_FIXUP)?;
    configure_capability_in_ambient_set(kept, true)?;
    for capability in PASSING.iter() {
        remove_capability_from_bounding_set(capability)?;
    }
    set_no_new_privs(true)
}
