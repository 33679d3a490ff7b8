//! Block lists that a server of the internet hands out, over HTTPS on loopback.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gate_dns::{List, ListState};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use crate::edns::{option, with_option};
use crate::lab::{Certificates, Folder, NAME};
use crate::office::{Office, PATIENCE};
use crate::upstream::{Upstream, a, answers};

/// A list server: what it has, and what it was asked.
struct Server {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// The whole answer after the status line's version.
    answer: Mutex<String>,
    /// The heads of all requests.
    heads: Mutex<Vec<String>>,
    answered: AtomicUsize,
}

impl Server {
    async fn start(certificates: &Certificates) -> Self {
        let chain = CertificateDer::pem_file_iter(&certificates.cert).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(&certificates.key).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, shared) = (listener.local_addr().unwrap().port(), Arc::<Shared>::default());
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), Arc::clone(&shared)));
        Self { port, shared }
    }

    fn url(&self, path: &str) -> List {
        format!("https://{NAME}:{}{path}", self.port).try_into().unwrap()
    }

    /// From now on it says this.
    fn say(&self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        *self.shared.answer.lock().unwrap() =
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
    }

    fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().unwrap().clone()
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let Ok(stream) = tls.accept(stream).await else { continue };
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while stream.read_line(&mut head).await.unwrap_or(0) > 2 {}
        shared.heads.lock().unwrap().push(head.to_ascii_lowercase());
        let answer = shared.answer.lock().unwrap().clone();
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
        shared.answered.fetch_add(1, Ordering::SeqCst);
    }
}

async fn office(folder: &Folder, certificates: &Certificates, list: List) -> Office {
    let upstream = Upstream::start().await;
    upstream.set(NAME, RecordType::A, answers(vec![a(&format!("{NAME}."), 60, "127.0.0.1")]));
    for name in ["ads.example", "spy.example"] {
        upstream.set(name, RecordType::A, answers(vec![a(&format!("{name}."), 600, "203.0.113.1")]));
    }
    let (roots, kept) = (certificates.ca.clone(), lists(folder));
    Office::open_behind(upstream, |config| {
        (config.extra_roots, config.lists_folder) = (Some(roots), Some(kept));
        (config.block_lists, config.block_lists_seconds) = (vec![list], 60);
    })
}

fn lists(folder: &Folder) -> PathBuf {
    let lists = folder.path().join("lists");
    std::fs::create_dir_all(&lists).unwrap();
    lists
}

async fn until(office: &Office, what: &str, wanted: impl Fn(&ListState) -> bool) {
    let deadline = Instant::now() + 2 * PATIENCE;
    while !wanted(&office.dns.lists()[0]) {
        assert!(Instant::now() < deadline, "{what}: {:?}", office.dns.lists());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn is_blocked(office: &Office, name: &str) -> bool {
    office.ask(name, RecordType::A).await.metadata.response_code == ResponseCode::NXDomain
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn a_list_is_fetched_kept_and_asked_for_again_by_its_tags() {
    let folder = Folder::new();
    let certificates = Certificates::new(&folder);
    let server = Server::start(&certificates).await;
    let tags = "etag: \"v1\"\r\nlast-modified: Sat, 21 Nov 2026 10:00:00 GMT\r\n";
    server.say("200 OK", tags, "! a list\n||ads.example^\n");
    let first = office(&folder, &certificates, server.url("/a.txt?b=c")).await;
    until(&first, "fetched", |list| list.names == 1).await;
    assert!(is_blocked(&first, "ads.example.").await && !is_blocked(&first, "spy.example.").await);
    let head = server.heads().remove(0);
    assert!(head.starts_with("get /a.txt?b=c http/1.1\r\n") && !head.contains("if-"), "{head}");
    assert!(head.contains(&format!("host: {NAME}:{}\r\n", server.port)), "{head}");
    first.close().await;

    // The next process has it from the disk before anybody answers, and asks only for what is newer.
    server.say("304 Not Modified", "", "");
    let second = office(&folder, &certificates, server.url("/a.txt?b=c")).await;
    until(&second, "looked for", |list| list.asked.is_some() && list.names == 1).await;
    let head = server.heads().pop().unwrap();
    assert!(head.contains("if-none-match: \"v1\"\r\n") && head.contains("if-modified-since: sat, 21 nov"), "{head}");
    assert!(is_blocked(&second, "ads.example.").await);
    second.close().await;

    server.say("200 OK", "etag: \"v2\"\r\n", "spy.example\n");
    let third = office(&folder, &certificates, server.url("/a.txt?b=c")).await;
    until(&third, "newer", |list| list.asked.is_some() && list.names == 1).await;
    let deadline = Instant::now() + PATIENCE;
    while !is_blocked(&third, "spy.example.").await {
        assert!(Instant::now() < deadline, "the newer one is in force");
    }
    assert!(!is_blocked(&third, "ads.example.").await);
    assert_eq!(files(&folder.path().join("lists")), 3, "the list, its tags and its table, and nothing half written");
}

#[tokio::test]
async fn whatever_a_server_says_the_last_good_version_stays() {
    let folder = Folder::new();
    let certificates = Certificates::new(&folder);
    let server = Server::start(&certificates).await;
    server.say("200 OK", "", "ads.example\n");
    let first = office(&folder, &certificates, server.url("/a")).await;
    until(&first, "fetched", |list| list.names == 1).await;
    first.close().await;
    let rows = [
        ("404 Not Found", "", "gone", "status 404"),
        ("200 OK", "", "<html>\n<p>We are sorry</p>\n", "no name stands in it"),
        ("200 OK", "content-encoding: gzip\r\n", "spy.example\n", "encodes the list"),
        ("302 Found", "location: http://lists.example/\r\n", "", "leads elsewhere"),
        ("302 Found", "location: /a\r\n", "", "leads elsewhere too often"),
        ("200 OK", "content-length: 9999\r\n", "spy.example\n", "HTTP"),
    ];
    for (status, headers, body, why) in rows {
        server.say(status, headers, body);
        let office = office(&folder, &certificates, server.url("/a")).await;
        let told = |list: &ListState| list.names == 1 && list.error.as_ref().is_some_and(|error| error.contains(why));
        until(&office, why, told).await;
        assert!(is_blocked(&office, "ads.example.").await && !is_blocked(&office, "spy.example.").await, "{why}");
        office.close().await;
    }
    let elsewhere = format!("location: https://{NAME}:{}/b\r\n", server.port);
    server.say("301 Moved Permanently", &elsewhere, "");
    let asked = server.shared.answered.load(Ordering::SeqCst);
    let office = office(&folder, &certificates, server.url("/a")).await;
    until(&office, "moved", |list| list.error.is_some()).await;
    assert_eq!(server.shared.answered.load(Ordering::SeqCst) - asked, 5, "a circle is left after four moves");
    assert_eq!(files(&folder.path().join("lists")), 3);
}

#[tokio::test]
async fn a_server_that_never_ends_keeps_no_other_list_waiting() {
    let folder = Folder::new();
    let certificates = Certificates::new(&folder);
    let server = Server::start(&certificates).await;
    server.say("200 OK", "", "ads.example\n");
    // Connections wait in its queue for ever.
    let stuck = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let slow: List = format!("https://{NAME}:{}/slow", stuck.local_addr().unwrap().port()).try_into().unwrap();
    let upstream = Upstream::start().await;
    upstream.set(NAME, RecordType::A, answers(vec![a(&format!("{NAME}."), 60, "127.0.0.1")]));
    let office = Office::open_behind(upstream, |config| {
        (config.extra_roots, config.lists_folder) = (Some(certificates.ca.clone()), Some(lists(&folder)));
        config.block_lists = vec![slow, server.url("/a")];
    });
    let deadline = Instant::now() + PATIENCE;
    while !is_blocked(&office, "ads.example.").await {
        assert!(Instant::now() < deadline, "{:?}", office.dns.lists());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_server_without_the_right_certificate_is_not_believed() {
    let folder = Folder::new();
    let (certificates, others) = (Certificates::new(&folder), Folder::new());
    let server = Server::start(&certificates).await;
    server.say("200 OK", "", "ads.example\n");
    let other = Certificates::new(&others);
    let office = office(&folder, &other, server.url("/a")).await;
    until(&office, "refused", |list| list.error.as_ref().is_some_and(|error| error.contains("certificate"))).await;
    assert!(!is_blocked(&office, "ads.example.").await);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_told_and_what_it_held_holds_on() {
    let folder = Folder::new();
    let file = folder.write("ads.txt", "ads.example\n");
    let upstream = Upstream::start().await;
    upstream.set("ads.example", RecordType::A, answers(vec![a("ads.example.", 600, "203.0.113.1")]));
    upstream.set("spy.example", RecordType::A, answers(vec![a("spy.example.", 600, "203.0.113.1")]));
    let list = List::try_from(file.display().to_string()).unwrap();
    let office = Office::open_behind(upstream, |config| config.block_lists = vec![list]);
    until(&office, "read", |list| (list.names, list.error.as_deref()) == (1, None)).await;
    let told = |why: &'static str| {
        move |list: &ListState| list.names == 1 && list.error.as_ref().is_some_and(|error| error.contains(why))
    };
    std::fs::remove_file(&file).unwrap();
    until(&office, "gone", told("No such file")).await;
    std::fs::create_dir(&file).unwrap();
    until(&office, "a folder", told("Is a directory")).await;
    assert!(is_blocked(&office, "ads.example.").await && !is_blocked(&office, "spy.example.").await);
    std::fs::remove_dir(&file).unwrap();
    std::fs::write(&file, "spy.example\nads.example\n").unwrap();
    until(&office, "mended", |list| (list.names, list.error.as_deref()) == (2, None)).await;
    assert!(is_blocked(&office, "spy.example.").await);
}

#[tokio::test]
async fn what_a_list_holds_is_refused_with_the_reason_and_what_it_says_besides_is_counted() {
    let folder = Folder::new();
    let list = folder.write("list", "\u{feff}ads.example\n||spy.example^$all\nsite.example##.banner\n/path/\n");
    let office = Office::open_with(|config| config.block_lists = vec![List::File(list)]).await;
    let deadline = Instant::now() + PATIENCE;
    while office.dns.lists()[0].names == 0 {
        assert!(Instant::now() < deadline, "the list is read");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let state = office.dns.lists().remove(0);
    assert_eq!((state.names, state.foreign_lines), (2, 2));
    for name in ["ads.example.", "www.spy.example."] {
        let answer = office.send(&with_option(name, 10, b"clientid")).await.unwrap();
        assert_eq!(answer[3] & 0xf, 3, "{name}");
        assert_eq!(option(&answer, 15).unwrap(), b"\0\x0fa block list of this office holds the name");
    }
}

#[tokio::test]
async fn nothing_passes_a_list_that_is_being_read() {
    let folder = Folder::new();
    // Enough to take longer than any answer here, and less than anybody is held, with what is asked for at its end.
    let many: String = (0..50_000).map(|number| format!("n{number}.filler.example\n")).collect();
    let list = folder.write("list", &format!("{many}ads.example\n"));
    let upstream = Upstream::start().await;
    for name in ["ads.example", "www.example"] {
        upstream.set(name, RecordType::A, answers(vec![a(&format!("{name}."), 600, "203.0.113.1")]));
    }
    let office = Office::open_behind(upstream, |config| config.block_lists = vec![List::File(list)]);
    let asked = async |name| {
        let answer = office.ask(name, RecordType::A).await;
        (answer.metadata.response_code, answer.answers.len())
    };
    let (ads, www, own) = tokio::join!(asked("ads.example."), asked("www.example."), asked("nanogate.office.example."));
    assert_eq!(own, (ResponseCode::NoError, 1));
    assert_eq!(ads, (ResponseCode::NXDomain, 0));
    assert_eq!(www, (ResponseCode::NoError, 1));
    assert_eq!(office.dns.lists()[0].names, 50_001);
    assert_eq!(office.upstream.heard("ads.example", RecordType::A), 0);
}

#[tokio::test]
async fn a_list_that_is_not_there_keeps_nobody_waiting() {
    let folder = Folder::new();
    let upstream = Upstream::start().await;
    upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 600, "203.0.113.1")]));
    let url: List = format!("https://{NAME}:1/never").try_into().unwrap();
    let lists = vec![List::File(folder.path().join("none")), url];
    let kept = self::lists(&folder);
    let office =
        Office::open_behind(upstream, |config| (config.block_lists, config.lists_folder) = (lists, Some(kept)));
    let start = Instant::now();
    assert_eq!(office.ask("www.example.", RecordType::A).await.answers.len(), 1);
    assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
}

#[tokio::test]
async fn the_next_process_blocks_from_its_first_answer_on() {
    let folder = Folder::new();
    let file = folder.path().join("ads.txt");
    let list: List = file.display().to_string().try_into().unwrap();
    let open = async || {
        let upstream = Upstream::start().await;
        upstream.set("ads.example", RecordType::A, answers(vec![a("ads.example.", 600, "203.0.113.1")]));
        let (kept, list) = (lists(&folder), list.clone());
        Office::open_behind(upstream, |config| (config.lists_folder, config.block_lists) = (Some(kept), vec![list]))
    };
    std::fs::write(&file, "||ads.example^\n").unwrap();
    let first = open().await;
    until(&first, "read", |list| list.names == 1 && !list.awaited).await;
    first.close().await;
    assert_eq!(files(&lists(&folder)), 1);

    // Were the list read, it would be gone.
    std::fs::remove_file(&file).unwrap();
    let second = open().await;
    assert!(is_blocked(&second, "ads.example.").await);
    until(&second, "told", |list| list.names == 1 && list.error.is_some()).await;
    second.close().await;

    let kept = std::fs::read_dir(lists(&folder)).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&kept).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&kept, bytes).unwrap();
    let third = open().await;
    assert!(!is_blocked(&third, "ads.example.").await, "what is damaged says nothing");
    std::fs::write(&file, "||other.example^\n").unwrap();
    until(&third, "read again", |list| list.names == 1).await;
    third.close().await;
    let fourth = open().await;
    assert!(is_blocked(&fourth, "other.example.").await && !is_blocked(&fourth, "ads.example.").await);
}
