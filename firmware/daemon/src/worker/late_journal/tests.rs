use std::path::{Path, PathBuf};
use std::time::Duration;

use gate_core::{AdminEvent, Event, Journal};
use gate_seal::DeviceKey;
use tokio_util::sync::CancellationToken;

use super::*;

/// A machine whose worker `steer` has a folder for its chain, or has none yet.
fn machine(in_memory_mib: u64) -> (tempfile::TempDir, Config, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "data = 'data'\n[identity]\naddresses = ['192.0.2.53']\n[dns]\nupstreams = ['9.9.9.9']\n[journal]\n\
         in_memory_mib = {in_memory_mib}\n"
    );
    let config = Config::of_text(&dir.path().join("n.toml"), &text).unwrap();
    let chain = provision::chain_dir(&config.data, "steer");
    (dir, config, chain)
}

fn begin(config: &Config) -> Arc<LateJournal> {
    with_left(config, None)
}

fn with_left(config: &Config, left: Option<Left>) -> Arc<LateJournal> {
    let key = DeviceKey::generate().map_err(CommandError::internal);
    Arc::new(LateJournal::begin(config, ProcessName::Steer, key, &mut Papers::with(left)).unwrap())
}

fn note(command: &str) -> Event {
    Event::Admin(AdminEvent { client: None, actor: None, command: command.to_owned(), ok: true, detail: None })
}

fn commands(chain: &Path) -> Vec<String> {
    let mut follower = gate_audit::Follower::new(chain);
    let read = follower.poll(100).unwrap().into_iter();
    read.filter_map(|(_, record)| match record.event {
        Event::Admin(admin) => Some(admin.command),
        _ => None,
    })
    .collect()
}

/// Follows the disk until what is wished for has come true, and for five seconds at most.
async fn follow_until(config: &Config, journal: &Arc<LateJournal>, wish: impl Fn() -> bool) {
    let (stop, without) = (CancellationToken::new(), Without(false));
    let wished = async {
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if wish() {
                break;
            }
        }
        stop.cancel();
    };
    tokio::join!(without.follow(config, ProcessName::Steer, journal, &stop), wished);
    assert!(wish());
}

#[tokio::test]
async fn what_waited_is_written_once_there_is_room_although_nobody_appends() {
    let (_dir, config, chain) = machine(1);
    // A file where the folder belongs: the disk takes nothing.
    std::fs::create_dir_all(chain.parent().unwrap()).unwrap();
    std::fs::write(&chain, "").unwrap();
    let journal = begin(&config);
    journal.append(&note("early")).unwrap();
    assert!(journal.is_open() && !journal.is_well());
    std::fs::remove_file(&chain).unwrap();
    std::fs::create_dir(&chain).unwrap();
    follow_until(&config, &journal, || commands(&chain) == ["early", "journal_in_memory"]).await;
    assert!(journal.is_well());
}

#[tokio::test]
async fn a_journal_that_takes_nothing_is_open_again_by_itself() {
    let (_dir, config, chain) = machine(0);
    std::fs::create_dir_all(chain.parent().unwrap()).unwrap();
    std::fs::write(&chain, "").unwrap();
    let journal = begin(&config);
    assert!(journal.append(&note("refused")).is_err() && !journal.is_open());
    std::fs::remove_file(&chain).unwrap();
    std::fs::create_dir(&chain).unwrap();
    follow_until(&config, &journal, || journal.is_open()).await;
    journal.append(&note("taken")).unwrap();
    assert_eq!(commands(&chain), ["taken"]);
}

#[tokio::test]
async fn what_one_process_could_not_write_its_successor_does() {
    let (_dir, config, chain) = machine(1);
    let room = Waiting::most_bytes(&config.journal.options("steer"));
    let left = Left::new(room).unwrap();
    let again = || Some(left.share().unwrap());
    // A file lies where the folders belong: the second one keeps what it found, and what came since.
    std::fs::write(&config.data, "").unwrap();
    let first = with_left(&config, again());
    first.append(&note("first")).unwrap();
    Arc::into_inner(first).unwrap().close().unwrap();
    let second = with_left(&config, again());
    second.append(&note("second")).unwrap();
    Arc::into_inner(second).unwrap().close().unwrap();
    std::fs::remove_file(&config.data).unwrap();
    std::fs::create_dir_all(&chain).unwrap();
    let third = with_left(&config, again());
    third.append(&note("third")).unwrap();
    Arc::into_inner(third).unwrap().close().unwrap();
    assert_eq!(commands(&chain), ["first", "second", "journal_in_memory", "third"]);
    // Nor is it written twice.
    Arc::into_inner(with_left(&config, again())).unwrap().close().unwrap();
    assert_eq!(commands(&chain).len(), 4);
}
