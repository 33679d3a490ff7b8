//! What `/data` needs done that may take long: checked, repaired or made anew, wiped, enlarged. A process of its own, so that
//! PID 1 can go on without it when it takes longer than the office should wait, and let it come to its end.
//!
//! **Invariant:** nothing is made anew unless a check came to its end and said that nothing can be saved, or crashed twice.

mod wipe;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use crate::log::say;

/// The name under which PID 1 starts this binary.
pub(crate) const MEND: &str = "mend";

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    /// Look through it, and save what can be saved.
    Check,
    /// Make a file system where there never was one.
    Make,
    /// Write over all of it.
    Wipe,
    /// Let the file system, which is in use, fill its partition.
    Fill,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As it was left; or all was done that was to be done.
    Whole,
    /// Something was changed; or places were left out.
    Repaired,
    /// Nothing could be saved: it is empty.
    Recreated,
    /// It takes no writes.
    Unusable,
}

const JOBS: [(Job, &str); 4] = [(Job::Check, "check"), (Job::Make, "make"), (Job::Wipe, "wipe"), (Job::Fill, "fill")];
const OUTCOMES: [(Outcome, u8); 4] =
    [(Outcome::Whole, 0), (Outcome::Repaired, 10), (Outcome::Recreated, 11), (Outcome::Unusable, 12)];

impl Job {
    pub(crate) fn word(self) -> &'static str {
        JOBS.iter().find(|(job, _)| *job == self).map_or("", |(_, word)| word)
    }
}

impl Outcome {
    /// By an exit code; one that ended otherwise did nothing that could be relied on.
    pub(crate) fn of(code: Option<i32>) -> Self {
        let known = OUTCOMES.iter().find(|(_, number)| code == Some(i32::from(*number)));
        known.map_or(Self::Unusable, |(outcome, _)| *outcome)
    }

    fn code(self) -> u8 {
        OUTCOMES.iter().find(|(outcome, _)| *outcome == self).map_or(1, |(_, number)| *number)
    }
}

/// The body of `mend JOB DEVICE`.
pub(crate) fn run() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [word, device] = &words[..] else { return ExitCode::from(2) };
    let Some((job, _)) = JOBS.iter().find(|(_, name)| name == word) else { return ExitCode::from(2) };
    let device = Path::new(device);
    let outcome = match job {
        Job::Check => check(&mut |program, words| start(program, words, device)),
        Job::Make => make(&mut |program, words| start(program, words, device), Outcome::Whole),
        Job::Wipe => wipe::wipe(device),
        Job::Fill => fill(device),
    };
    ExitCode::from(outcome.code())
}

/// What a check said at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Clean,
    Repaired,
    /// It came to its end, and errors are left.
    Left,
    /// It did not come to its end.
    Crashed,
}

/// e2fsck(8): exit codes 1 and 2 say that errors were corrected, 4 that some are left; what is added from 8 on, that it could
/// not go on. None: it was killed, or could not be run.
fn judge(code: Option<i32>) -> Verdict {
    match code {
        Some(0) => Verdict::Clean,
        Some(1..=3) => Verdict::Repaired,
        Some(4..=7) => Verdict::Left,
        _ => Verdict::Crashed,
    }
}

const E2FSCK: &str = "/usr/sbin/e2fsck";
const MKE2FS: &str = "/usr/sbin/mke2fs";
const RESIZE2FS: &str = "/usr/sbin/resize2fs";

/// Checks with what is passed in, which runs a program on the device and knows its exit code.
fn check(run: &mut impl FnMut(&str, &[&str]) -> Option<i32>) -> Outcome {
    // -p replays the journal and mends what needs no opinion; what is left gets the answer "yes" to everything.
    match judge(run(E2FSCK, &["-p"])) {
        Verdict::Clean => return Outcome::Whole,
        Verdict::Repaired => return Outcome::Repaired,
        Verdict::Left | Verdict::Crashed => say!("/data is damaged; repairing what can be"),
    }
    for _ in 0..2 {
        match judge(run(E2FSCK, &["-f", "-y"])) {
            Verdict::Clean | Verdict::Repaired => return Outcome::Repaired,
            Verdict::Left => break,
            Verdict::Crashed => {}
        }
    }
    say!("/data is lost: making it anew, empty. The journal, keys and settings on it are gone");
    make(run, Outcome::Recreated)
}

fn make(run: &mut impl FnMut(&str, &[&str]) -> Option<i32>, outcome: Outcome) -> Outcome {
    match run(MKE2FS, &["-q", "-F", "-t", "ext4", "-L", "data", "-E", "lazy_itable_init=1"]) {
        Some(0) => outcome,
        _ => Outcome::Unusable,
    }
}

/// The kernel does this while the file system is in use, so that nobody waits for it and a cut at any moment is like any other.
fn fill(device: &Path) -> Outcome {
    if start(RESIZE2FS, &[], device) == Some(0) {
        say!("/data fills the card now");
        Outcome::Whole
    } else {
        say!("/data stays smaller than the card");
        Outcome::Unusable
    }
}

/// Runs a program on the device, for as long as it takes; its exit code.
fn start(program: &str, words: &[&str], device: &Path) -> Option<i32> {
    let mut command = Command::new(program);
    command.args(words).arg(device).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.status() {
        Ok(status) => {
            if status.code() != Some(0) {
                say!("{program} {}: {status}", words.join(" "));
            }
            status.code()
        }
        Err(error) => {
            say!("{program} cannot be run: {error}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{JOBS, MKE2FS, OUTCOMES, Outcome, Verdict, check, judge};

    #[test]
    fn reads_the_exit_codes_of_e2fsck() {
        for (code, verdict) in [
            (Some(0), Verdict::Clean),
            (Some(1), Verdict::Repaired),
            (Some(2), Verdict::Repaired),
            (Some(3), Verdict::Repaired),
            (Some(4), Verdict::Left),
            (Some(5), Verdict::Left),
            (Some(8), Verdict::Crashed),
            (Some(12), Verdict::Crashed),
            (Some(32), Verdict::Crashed),
            (None, Verdict::Crashed),
        ] {
            assert_eq!(judge(code), verdict, "{code:?}");
        }
    }

    /// What becomes of it when programs end like this in turn, and whether it was made anew.
    fn checked(codes: &[Option<i32>]) -> (Outcome, bool) {
        let (mut codes, mut made) = (codes.iter(), false);
        let outcome = check(&mut |program, _| {
            made |= program == MKE2FS;
            if program == MKE2FS { Some(0) } else { *codes.next().expect("one check more than there should be") }
        });
        assert_eq!(codes.next(), None, "one check less");
        (outcome, made)
    }

    #[test]
    fn only_a_check_that_gives_up_or_crashes_twice_costs_what_is_on_it() {
        for (codes, wanted) in [
            (&[Some(0)][..], (Outcome::Whole, false)),
            (&[Some(1)], (Outcome::Repaired, false)),
            (&[Some(4), Some(1)], (Outcome::Repaired, false)),
            (&[None, Some(0)], (Outcome::Repaired, false)),
            (&[Some(8), None, Some(1)], (Outcome::Repaired, false)),
            (&[Some(4), Some(4)], (Outcome::Recreated, true)),
            (&[Some(8), Some(8), Some(8)], (Outcome::Recreated, true)),
            (&[Some(4), None, None], (Outcome::Recreated, true)),
        ] {
            assert_eq!(checked(codes), wanted, "{codes:?}");
        }
    }

    #[test]
    fn a_card_that_takes_nothing_is_unusable() {
        assert_eq!(check(&mut |_, _| Some(8)), Outcome::Unusable);
    }

    #[test]
    fn every_end_is_told_from_the_others() {
        for (outcome, code) in OUTCOMES {
            assert_eq!(Outcome::of(Some(code.into())), outcome);
        }
        assert_eq!(Outcome::of(None), Outcome::Unusable);
        assert_eq!(Outcome::of(Some(101)), Outcome::Unusable, "a panic");
        assert!(JOBS.iter().all(|(job, word)| job.word() == *word));
    }
}
