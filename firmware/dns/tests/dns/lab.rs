//! Servers that are not ours, started for one test, and the certificate authority of the lab.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::office::{PATIENCE, query};

/// The name in the certificates of the lab's servers.
pub(crate) const NAME: &str = "dns.lab.example";

/// A folder of one test; goes with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("gate-dns-lab-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The lab's certificate authority and one certificate, in files.
pub(crate) struct Certificates {
    pub(crate) ca: PathBuf,
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl Certificates {
    /// For [`NAME`] and 127.0.0.1.
    pub(crate) fn new(folder: &Folder) -> Self {
        let authority = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&authority).unwrap();
        let issuer = Issuer::new(params, authority);
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec![NAME.to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let cert = leaf.signed_by(&key, &issuer).unwrap();
        Self {
            ca: folder.write("ca.pem", &ca.pem()),
            cert: folder.write("cert.pem", &cert.pem()),
            key: folder.write("key.pem", &key.serialize_pem()),
        }
    }
}

/// A process that ends with the test.
pub(crate) struct Server {
    process: Child,
    folder: Folder,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a server that answers plain DNS on a free port; another process may take that in between, so a few are
    /// tried. `command` writes its configuration into the folder.
    pub(crate) async fn start(command: impl Fn(&Folder, SocketAddr) -> Command) -> Self {
        for _ in 0..5 {
            let folder = Folder::new();
            let address = free_address();
            let process = command(&folder, address)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(fs::File::create(folder.path().join("log")).unwrap())
                .spawn()
                .unwrap();
            let mut server = Self { process, folder, address };
            if server.is_ready().await {
                return server;
            }
            eprintln!("{}", fs::read_to_string(server.folder.path().join("log")).unwrap_or_default());
        }
        panic!("the server does not start");
    }

    /// Asks it directly.
    pub(crate) fn ask(&self, message: &Message) -> Option<Message> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.connect(self.address).unwrap();
        let mut buffer = [0; 4096];
        socket.send(&message.to_vec().unwrap()).ok()?;
        let length = socket.recv(&mut buffer).ok()?;
        Message::from_vec(&buffer[..length]).ok()
    }

    async fn is_ready(&mut self) -> bool {
        for _ in 0..200 {
            if self.ask(&query("www.lab.example.", RecordType::A)).is_some() {
                return true;
            }
            if self.process.try_wait().unwrap().is_some() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn free_address() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A program of a package that build.sh installs.
pub(crate) fn program(name: &str, package: &str) -> Command {
    let folders = ["/usr/sbin", "/usr/bin", "/sbin"].map(|folder| Path::new(folder).join(name));
    let found = folders.iter().find(|path| path.exists());
    Command::new(found.unwrap_or_else(|| panic!("apt-get install {package} (build.sh does it)")))
}

/// unbound with a zone of its own, and whatever is added to its configuration.
pub(crate) async fn unbound(more: &str) -> Server {
    let big = |i| format!("    local-data: 'big.lab.example. 300 IN TXT \"{i:02}{}\"'\n", "x".repeat(190));
    let zone = r#"    local-zone: "lab.example." static
    local-data: "lab.example. 300 IN SOA ns.lab.example. hostmaster.lab.example. 1 3600 900 86400 120"
    local-data: "www.lab.example. 300 IN A 203.0.113.10"
    local-data: "www.lab.example. 300 IN A 203.0.113.11"
    local-data: "www.lab.example. 300 IN AAAA 2001:db8::10"
    local-data: "mail.lab.example. 300 IN MX 10 www.lab.example."
    local-data: "_sip._tcp.lab.example. 300 IN SRV 1 2 5060 www.lab.example."
"#;
    bare_unbound(&format!("{zone}{}{more}", (0..20).map(big).collect::<String>())).await
}

/// unbound without a zone; it does not validate.
pub(crate) async fn bare_unbound(more: &str) -> Server {
    Server::start(|folder, address| {
        let config = format!(
            r#"server:
    interface: 127.0.0.1
    port: {}
    do-daemonize: no
    use-syslog: no
    chroot: ""
    username: ""
    directory: "{}"
    pidfile: ""
    module-config: "iterator"
    minimal-responses: no
{more}
remote-control:
    control-enable: no
"#,
            address.port(),
            folder.path().display(),
        );
        let mut command = program("unbound", "unbound");
        command.args(["-d", "-c"]).arg(folder.write("unbound.conf", &config));
        command
    })
    .await
}
