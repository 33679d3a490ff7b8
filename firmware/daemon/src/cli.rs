//! The command line, as CONTRACTS.md promises it.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use gate_core::KnowledgeBase;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as WordError, StrDeserializer};

/// Keeps the office's secrets out of other people's AI.
#[derive(Debug, Parser)]
#[command(name = "nanogate", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run the daemon: DNS, steering, proxy, admin page and journal. SIGTERM drains, SIGHUP reloads the policy.
    Run {
        #[command(flatten)]
        config: ConfigArg,
    },
    /// Parse and validate everything the daemon would read; start nothing.
    Check {
        #[command(flatten)]
        config: ConfigArg,
    },
    /// Scan files, folders (honouring .gitignore) or standard input for secrets and personal data.
    Scan(ScanArgs),
    /// The policy file.
    Policy {
        #[command(subcommand)]
        verb: PolicyVerb,
    },
    /// Packs of rules: build, check, look into, put in force.
    Pack {
        #[command(subcommand)]
        verb: PackVerb,
    },
    /// The journal.
    Audit {
        #[command(subcommand)]
        verb: AuditVerb,
    },
    /// The local certificate authority.
    Ca {
        #[command(subcommand)]
        verb: CaVerb,
    },
    /// The resolver.
    Dns {
        #[command(subcommand)]
        verb: DnsVerb,
    },
    /// The kernel's rule set.
    Steer {
        #[command(subcommand)]
        verb: SteerVerb,
    },
    /// Tokens for the inspection API, the metrics and the CONNECT proxy.
    Token {
        #[command(subcommand)]
        verb: TokenVerb,
    },
    /// Health, versions, mode and processes.
    Status {
        #[command(flatten)]
        config: ConfigArg,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// The panic switch: cuts every AI connection and lets none start, until it is turned off again.
    Freeze {
        verb: FreezeVerb,
        #[command(flatten)]
        config: ConfigArg,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// For so many minutes nothing is opened: inspected clients are watched. What policy denies stays denied.
    Bypass {
        /// 1 to 480; 0 ends one.
        minutes: u64,
        #[command(flatten)]
        config: ConfigArg,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Clients that refuse the office's certificate and are watched instead of inspected for a day.
    Fallback {
        #[command(subcommand)]
        verb: FallbackVerb,
    },
    /// Accounts at providers: which clients use, and which are the office's own by the policy.
    Account {
        #[command(subcommand)]
        verb: AccountVerb,
    },
    /// Read a password from standard input and print its hash, for `password_hash` in the file that sets up a device.
    Password,
    /// One of the processes that `run` supervises.
    #[command(hide = true)]
    Worker {
        name: ProcessName,
        #[command(flatten)]
        config: ConfigArg,
        /// The descriptor with what it begins with: the text that this file had when the supervisor read it, and more.
        #[arg(long, value_name = "NUMBER")]
        papers: i32,
        /// The descriptor where the process before it left what it could not write.
        #[arg(long, value_name = "NUMBER")]
        left: i32,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArg {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// The processes of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum)]
pub(crate) enum ProcessName {
    Dns,
    Proxy,
    Admin,
    Steer,
}

impl ProcessName {
    pub(crate) const ALL: [Self; 4] = [Self::Steer, Self::Dns, Self::Proxy, Self::Admin];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Proxy => "proxy",
            Self::Admin => "admin",
            Self::Steer => "steer",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    /// Files and folders; standard input when there are none.
    pub(crate) paths: Vec<PathBuf>,
    /// Read rows `{"id","text"}` from standard input, write one verdict row each in the same order.
    #[arg(long, conflicts_with_all = ["paths", "format", "color", "no_ignore"])]
    pub(crate) jsonl: bool,
    #[arg(long, value_enum, default_value_t = ScanFormat::Text)]
    pub(crate) format: ScanFormat,
    /// Colours in text; `auto` looks at the terminal and at NO_COLOR.
    #[arg(long, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub(crate) color: Colour,
    /// Scan with this pack and not with the built-in one. Its signature is not asked for.
    #[arg(long, value_name = "FILE")]
    pub(crate) pack: Option<PathBuf>,
    /// Scan as the puck with this configuration does: with the pack in force there and the office's code words.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Leave out findings that are less sure, from 0 to 100.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) min_confidence: u8,
    /// Only findings of this knowledge base, such as kb1-secrets; may be repeated.
    #[arg(long, value_name = "KB", value_parser = knowledge_base)]
    pub(crate) kb: Vec<KnowledgeBase>,
    /// Only findings of this rule; may be repeated.
    #[arg(long, value_name = "ID")]
    pub(crate) rule: Vec<String>,
    /// Scan also what .gitignore and .ignore leave out; .nanogateignore still counts.
    #[arg(long)]
    pub(crate) no_ignore: bool,
    /// Threads that scan; as many as there are cores when not given.
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScanFormat {
    Text,
    Json,
    Sarif,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    Auto,
    Always,
    Never,
}

fn knowledge_base(word: &str) -> Result<KnowledgeBase, WordError> {
    let word: StrDeserializer<'_, WordError> = word.into_deserializer();
    KnowledgeBase::deserialize(word)
}

#[derive(Debug, Subcommand)]
pub(crate) enum PackVerb {
    /// Compile a folder of rules into one file; two builds of equal sources give equal bytes.
    Build {
        /// The folder that holds pack.toml, allow.toml and kb1-… to kb7-….
        dir: PathBuf,
        /// The file to write; `<name>-<version>.ngpack` in this folder when not given.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Sign with this Ed25519 key (PKCS#8 PEM); may be repeated.
        #[arg(long, value_name = "KEY")]
        sign: Vec<PathBuf>,
    },
    /// Check a pack: its form, its rules, their examples, its signature.
    Verify {
        file: PathBuf,
        /// Public key (PEM) that must have signed it; one of several is enough.
        #[arg(long, value_name = "PUB")]
        key: Vec<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// What rules a pack holds: of a file, of the pack in force, or of the built-in one.
    List {
        #[arg(conflicts_with = "config")]
        file: Option<PathBuf>,
        /// The configuration of the puck whose pack in force is shown.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Put a pack in force that one of packs.trust has signed; the daemon takes it at once.
    Install {
        file: PathBuf,
        #[command(flatten)]
        config: ConfigArg,
        /// Install a version that is older than the one in force.
        #[arg(long)]
        allow_older: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyVerb {
    /// Validate a policy file.
    Check { file: PathBuf },
}

/// Where the journal lies: the configuration names it, or the folder itself for a copy taken elsewhere.
#[derive(Debug, Args)]
pub(crate) struct JournalArgs {
    /// The configuration file of the daemon.
    #[arg(long, value_name = "FILE", required_unless_present = "dir")]
    pub(crate) config: Option<PathBuf>,
    /// A journal folder that holds one folder a process.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub(crate) dir: Option<PathBuf>,
    /// Only this process's chain: dns, proxy, admin, steer or supervisor.
    #[arg(long)]
    pub(crate) process: Option<String>,
    /// Public key of the device that wrote it, in PEM; without one the key beside the chains.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditVerb {
    /// Check every chain and signature, offline; names the first bad record.
    Verify(JournalArgs),
    /// Print the newest signed head of each chain, for a witness outside.
    Head(JournalArgs),
    /// Print the last records.
    Tail {
        #[command(flatten)]
        at: JournalArgs,
        /// How many records.
        #[arg(short = 'n', long, default_value_t = 20)]
        count: usize,
        /// Go on printing as records arrive, until interrupted.
        #[arg(short, long)]
        follow: bool,
    },
    /// Print every record.
    Export {
        #[command(flatten)]
        at: JournalArgs,
        #[arg(long, value_enum, default_value_t = ExportFormat::Jsonl)]
        format: ExportFormat,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    Jsonl,
    Csv,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CaVerb {
    /// Subject, fingerprint and the names it may sign.
    Show {
        #[command(flatten)]
        config: ConfigArg,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write the certificate to standard output.
    Export {
        #[command(flatten)]
        config: ConfigArg,
        #[arg(long, value_enum, default_value_t = CaFormat::Pem)]
        format: CaFormat,
        /// The successor's, which is to be installed before it takes over.
        #[arg(long)]
        next: bool,
    },
    /// Seal a private key that an earlier version left in plain text. Not needed otherwise: new ones are sealed.
    Seal {
        #[command(flatten)]
        config: ConfigArg,
    },
    /// Print the private key in plain text, to be kept where no device reaches it: put back in the place of the sealed one, it
    /// is sealed again.
    Unseal {
        #[command(flatten)]
        config: ConfigArg,
    },
    /// Let the successor take over, once the devices trust it. The one in force is gone then.
    Activate {
        #[command(flatten)]
        config: ConfigArg,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CaFormat {
    Pem,
    Der,
    Mobileconfig,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DnsVerb {
    /// Have the running resolver answer a question, and say which group, rule, cache entry or upstream decided and whether the
    /// signatures hold; exit 1 when the answer is no. Where none runs, its settings answer.
    Query {
        name: String,
        /// The type of record.
        #[arg(default_value = "A")]
        kind: String,
        #[command(flatten)]
        config: ConfigArg,
        /// Answer as for this client.
        #[arg(long, value_name = "IP")]
        client: Option<IpAddr>,
        /// Past the cache: ask an upstream in any case.
        #[arg(long)]
        fresh: bool,
        /// Also say who was asked.
        #[arg(long)]
        trace: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SteerVerb {
    /// Print the live rule set in nft's own syntax.
    Show {
        #[command(flatten)]
        config: ConfigArg,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FreezeVerb {
    On,
    Off,
    /// Says where the switch stands; exit 1 when it is on.
    Status,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FallbackVerb {
    /// Which, why, and for how long still; exit 1 when there are none.
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Have one inspected again, at once.
    Revoke {
        #[command(flatten)]
        config: ConfigArg,
        /// As `fallback list` shows it.
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountVerb {
    /// Those that inspected clients used, from the journal; exit 1 when there are none.
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Read a key, a token or the name of an organisation from standard input and print what policy and journal know it by on
    /// this device.
    Hash {
        #[command(flatten)]
        config: ConfigArg,
        /// Identifier of the vendor, such as `openai`.
        vendor: String,
        /// It is the name of an organisation, project or workspace and no key.
        #[arg(long)]
        organization: bool,
    },
}

/// What a token opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TokenScope {
    /// `POST /api/v1/inspect`.
    Inspect,
    /// `GET /metrics`.
    Metrics,
    /// The CONNECT proxy.
    Proxy,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenVerb {
    /// Make a token and print it once.
    Add {
        #[command(flatten)]
        config: ConfigArg,
        /// What it opens; several may be named. By default the inspection API and the metrics.
        #[arg(long, value_name = "SCOPE")]
        scope: Vec<TokenScope>,
        /// What to call it. For the proxy it is who shows it, in policy and journal.
        name: String,
    },
    /// Names and dates of the tokens.
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// End a token at once.
    Revoke {
        #[command(flatten)]
        config: ConfigArg,
        /// As `token list` shows it.
        id: String,
    },
}
