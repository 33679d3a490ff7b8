//! The four workers: each binds its sockets, gives up its privileges, opens its own journal chain, builds its room and
//! serves until told to drain.

mod admin;
mod destinations;
pub(crate) mod dns;
mod inspect;
mod late_journal;
mod on_demand;
pub(crate) mod proxy;
mod reload;
mod steer;

use std::future::Future;
use std::io::Read;
use std::panic::PanicHookInfo;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gate_audit::{ChainWriter, OpenError};
use gate_core::{Catalogue, Journal, SystemClock};
use gate_policy::Policy;
use gate_proxy::Switch;
use gate_scrub::{OfficeWord, PackError, PackSource, Scanner};
use gate_seal::DeviceKey;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

pub(crate) use self::admin::resident;
pub(crate) use self::proxy::{fallbacks, shortfalls};
pub(crate) use self::reload::{PolicyFile, Stamp, follow_file, follow_policy, stamp};
pub(crate) use self::steer::rule_set;

use self::late_journal::LateJournal;
use crate::cli::ProcessName;
use crate::config::{Config, Log, LogFormat};
use crate::papers::{Papers, is_absent};
use crate::{CommandError, Outcome, heartbeat, packs, provision, switch};

/// Every task ends on shutdown within 5 s; what is left then is cut.
const DRAIN: Duration = Duration::from_secs(5);

/// Threads for files, sign-ins and whatever else blocks for a moment.
const BLOCKING: usize = 16;

/// Runs one worker until it is told to stop or its supervisor is gone. Its settings are the text that the owner's `file` had
/// when the supervisor read it: that is what the sockets were opened by, and the file may have become wrong since.
pub(crate) fn run(name: ProcessName, file: &Path, papers: i32, left: i32) -> Result<Outcome, CommandError> {
    let papers = Papers::receive(papers, left).map_err(CommandError::internal)?;
    let config = Config::of_text(file, &papers.settings).map_err(CommandError::input)?;
    start_log(&config.log);
    std::panic::set_hook(Box::new(|panic| tracing::error!(place = place(panic), "a panic")));
    match name {
        ProcessName::Dns => dns::run(&config, papers),
        ProcessName::Proxy => proxy::run(&config, papers),
        ProcessName::Admin => admin::run(&config, papers),
        ProcessName::Steer => steer::run(&config, papers),
    }
}

/// Builds everything that can be wrong in the input and throws it away: the body of `nanogate check`, and the first step
/// of `nanogate run`.
pub(crate) fn check(config: &Config) -> Result<(), CommandError> {
    let own = config.own_name().map_err(CommandError::input)?;
    if let Some(entry) = catalogue()?.lookup(&own) {
        return Err(CommandError::Input(format!("domain: {own} is a name of the AI vendor {}", entry.vendor)));
    }
    provision::check_names(config)?;
    if let Some(file) = &config.policy {
        PolicyFile { path: file.clone(), plain: false }.read().map_err(CommandError::Input)?;
    }
    // Compiling all rules takes a small board seconds in which the office would wait; without words of the owner's they
    // are those that the tests compiled.
    if !config.scan.code_words.is_empty() {
        scanner_with(&config.scan.code_words)?;
    }
    proxy::check(config)
}

/// Logs go to standard error; never with prompts, because no type that reaches a log line can hold one.
pub(crate) fn start_log(log: &Log) {
    let filter = EnvFilter::try_new(&log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second initialisation in one process happens only in tests; the first one stays.
    let _ = match log.format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

/// Where a panic broke out. What it says is told to nobody: it may quote what somebody wrote, such as the text that a slice
/// cut in the middle of a letter.
fn place(panic: &PanicHookInfo<'_>) -> String {
    panic.location().map_or_else(String::new, ToString::to_string)
}

/// Opens a process's own chain with a key that was read while the process still could.
pub(crate) fn open_journal_with(config: &Config, process: &str, key: DeviceKey) -> Result<ChainWriter, CommandError> {
    open_chain(config, process, key).map_err(|error| no_journal(process, &error))
}

fn open_chain(config: &Config, process: &str, key: DeviceKey) -> Result<ChainWriter, OpenError> {
    let dir = provision::chain_dir(&config.data, process);
    ChainWriter::open(&dir, config.journal.options(process), key, Arc::new(SystemClock))
}

fn no_journal(process: &str, error: &OpenError) -> CommandError {
    CommandError::internal(format!("the journal of {process} cannot be opened: {error}"))
}

/// The providers that this build knows.
pub(crate) fn catalogue() -> Result<Catalogue, CommandError> {
    Catalogue::from_toml(packs::PROVIDERS.iter().copied()).map_err(CommandError::internal)
}

/// What in a policy cannot come true with the vendors that this build knows.
pub(crate) fn policy_warnings(policy: &Policy) -> Result<Vec<String>, CommandError> {
    Ok(policy.warnings(Some(&catalogue()?)))
}

/// What in a policy speaks of findings that `scanner` never makes. Code words are known whether there are any or not.
pub(crate) fn finding_warnings(policy: &Policy, scanner: &Scanner) -> Vec<String> {
    let rules = scanner.pack().rules().map(|rule| (rule.id, rule.kind));
    policy.finding_warnings(&rules.chain([("code-word-1", "code_word")]).collect::<Vec<_>>())
}

/// The copy of the policy that the supervisor put in force, or the default: everybody watched, nothing denied.
fn policy(config: &Config, papers: &Papers) -> Result<Policy, CommandError> {
    let file = provision::active_policy(config).path;
    let name = file.display().to_string();
    let text = match papers.read_text(&file) {
        Err(error) if is_absent(&error, &file) && provision::has_no_policy(config) => return Ok(Policy::default()),
        Err(error) if is_absent(&error, &file) => {
            tracing::error!(file = name, %error, "the policy in force is gone: AI is refused until there is one");
            provision::NOBODY.to_owned()
        }
        text => text.map_err(|error| CommandError::input(format!("{name}: {error}")))?,
    };
    Policy::from_yaml(&name, &text).map_err(CommandError::input)
}

/// The built-in rules with the office's own words.
pub(crate) fn scanner_with(code_words: &[OfficeWord]) -> Result<Scanner, CommandError> {
    let pack = PackSource::builtin().compile(code_words).map_err(|error| match error {
        PackError::Word { .. } => CommandError::Input(format!("scan.code_words: {error}")),
        // The tests build the built-in rules; only words can be new.
        error => CommandError::internal(error),
    })?;
    Ok(Scanner::new(Arc::new(pack)))
}

/// A runtime with a thread for each core, and two on a single one, so that a long scan never stops the streams; `blocking`
/// threads at most, beside those, for work that may keep one busy.
fn runtime(blocking: usize) -> Result<Runtime, CommandError> {
    let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2));
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .max_blocking_threads(blocking)
        .enable_all()
        .build()
        .map_err(CommandError::internal)
}

/// Hands listeners that were bound before to the runtime.
fn listen(listeners: Vec<std::net::TcpListener>) -> Result<Vec<TcpListener>, CommandError> {
    listeners.into_iter().map(|listener| TcpListener::from_std(listener).map_err(CommandError::internal)).collect()
}

/// Runs a worker's future, and tells the supervisor whether records are taken; [`watch_supervisor`] was called before.
/// `stop` is cancelled by SIGTERM, SIGINT or the supervisor's death, and what has not ended 5 s later is cut.
fn serve<F>(
    runtime: &Runtime,
    stop: &CancellationToken,
    journal: Arc<dyn Journal>,
    work: F,
) -> Result<Outcome, CommandError>
where
    F: Future<Output = Result<(), CommandError>>,
{
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(CommandError::internal)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(CommandError::internal)?;
        tokio::spawn(heartbeat::beat(move || journal.is_open()));
        let token = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                // Ctrl-C in a terminal reaches the whole group; the supervisor says the same a moment later.
                _ = interrupt.recv() => {}
            }
            token.cancel();
        });
        tokio::select! {
            result = work => result.map(|()| Outcome::Done),
            () = async { stop.cancelled().await; tokio::time::sleep(DRAIN).await } => {
                tracing::error!("some tasks did not end within {} s; cutting them", DRAIN.as_secs());
                Ok(Outcome::Done)
            }
        }
    })
}

/// Ends the runtime, then closes the chain with a signed head.
fn close(runtime: Runtime, journal: Arc<LateJournal>) {
    runtime.shutdown_timeout(Duration::from_millis(200));
    match Arc::try_unwrap(journal).map(LateJournal::close) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "the journal did not close cleanly"),
        // A task that was cut still holds it; the next start signs what it finds.
        Err(_) => tracing::warn!("the journal is still in use; it closes with the process"),
    }
}

/// The supervisor holds the other end of our standard input: its end is the supervisor's death, and what comes down it says
/// where the switch stands, first of all at the start, whether the button was pressed, and whether AI traffic is refused for
/// want of records.
fn watch_supervisor(stop: CancellationToken) -> Told {
    let (turn, switch) = watch::channel(None);
    let (press, button) = watch::channel(false);
    let (shut, unrecorded) = watch::channel(false);
    std::thread::spawn(move || {
        let mut letter = [0];
        while std::io::stdin().read(&mut letter).is_ok_and(|count| count > 0) {
            match (switch::of_button_letter(letter[0]), switch::of_journal_letter(letter[0])) {
                (Some(pressed), _) => drop(press.send_replace(pressed)),
                (None, Some(on)) => drop(shut.send_replace(on)),
                (None, None) => drop(turn.send_replace(Some(switch::of_letter(letter[0])))),
            }
        }
        stop.cancel();
    });
    Told { switch, button, unrecorded }
}

/// What the supervisor says while a worker runs.
struct Told {
    /// None before it said anything.
    switch: watch::Receiver<Option<Switch>>,
    /// Whether the device's button was pressed a moment ago.
    button: watch::Receiver<bool>,
    /// Whether AI traffic is refused because the proxy's journal takes no records.
    unrecorded: watch::Receiver<bool>,
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::place;

    #[test]
    fn a_panic_is_told_by_its_place_and_never_by_its_words() {
        let (told, heard) = channel();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| match std::thread::current().name() {
            Some("speaks") => drop(told.send(place(panic))),
            _ => before(panic),
        }));
        let cut = || drop("what somebody wr\u{F6}te"[..17].to_owned());
        assert!(std::thread::Builder::new().name("speaks".to_owned()).spawn(cut).unwrap().join().is_err());
        let told = heard.recv().unwrap();
        assert!(told.contains(file!()) && !told.contains("somebody"), "{told}");
    }
}
