//! The command line, as CONTRACTS.md promises it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
    /// The kernel's rule set.
    Steer {
        #[command(subcommand)]
        verb: SteerVerb,
    },
    /// Bearer tokens for the inspection API and the metrics.
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
    /// One of the processes that `run` supervises.
    #[command(hide = true)]
    Worker {
        name: ProcessName,
        #[command(flatten)]
        config: ConfigArg,
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
    #[arg(long, conflicts_with_all = ["paths", "format"])]
    pub(crate) jsonl: bool,
    #[arg(long, value_enum, default_value_t = ScanFormat::Text)]
    pub(crate) format: ScanFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScanFormat {
    Text,
    Json,
    Sarif,
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
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CaFormat {
    Pem,
    Der,
    Mobileconfig,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SteerVerb {
    /// Print the live rule set in nft's own syntax.
    Show {
        #[command(flatten)]
        config: ConfigArg,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenVerb {
    /// Make a token and print it once.
    Add {
        #[command(flatten)]
        config: ConfigArg,
        /// What to call it.
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
