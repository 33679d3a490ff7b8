//! `nanogate`: one binary, several processes.
//!
//! ```text
//!   nanogate run ── config ── provision ── supervisor ─┬─ worker dns
//!                                       sockets        ├─ worker proxy      each: confine, journal,
//!                                                      ├─ worker admin      build the room, serve, drain
//!                                                      └─ worker steer
//!   nanogate scan, audit, ca, status … ── command
//! ```
//!
//! **Invariant:** siblings meet only here. A room gets what it needs from the others through ports that it names itself.
//!
//! **Invariant:** a worker looks at no byte of the network before it has given up what it does not need.

mod bounded;
mod cli;
mod command;
mod config;
mod console;
mod fence;
mod heartbeat;
mod packs;
mod papers;
mod print;
mod process;
mod provision;
mod run_state;
mod setup;
mod sockets;
mod supervisor;
mod switch;
mod worker;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{
    AccountVerb, AuditVerb, CaVerb, Cli, DnsVerb, FallbackVerb, PackVerb, PolicyVerb, SteerVerb, TokenVerb, Verb,
};

/// How a command ends; CONTRACTS.md fixes the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    /// The answer is "no": findings, verification failed, policy denies.
    No,
}

/// Why a command could not answer.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    /// Wrong usage or bad input: one line that names file, line and key.
    #[error("{0}")]
    Input(String),
    /// Whoever read our output has had enough of it.
    #[error("the output was closed")]
    ClosedPipe,
    /// A fault of ours or of the machine.
    #[error("{0}")]
    Internal(String),
}

impl CommandError {
    fn input(what: impl std::fmt::Display) -> Self {
        Self::Input(what.to_string())
    }

    fn internal(what: impl std::fmt::Display) -> Self {
        Self::Internal(what.to_string())
    }
}

fn main() -> ExitCode {
    // clap itself ends with 2 on wrong usage and 0 on --help, as the contract wants.
    let cli = Cli::parse();
    match dispatch(cli.verb) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::No) => ExitCode::from(1),
        Err(CommandError::ClosedPipe) => ExitCode::SUCCESS,
        Err(CommandError::Input(message)) => {
            eprintln!("nanogate: {}", one_line(&message));
            ExitCode::from(2)
        }
        Err(CommandError::Internal(message)) => {
            eprintln!("nanogate: {}", one_line(&message));
            ExitCode::from(70)
        }
    }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn dispatch(verb: Verb) -> Result<Outcome, CommandError> {
    match verb {
        Verb::Run { config } => supervisor::run(&config.config),
        Verb::Worker { name, config, papers, left } => worker::run(name, &config.config, papers, left),
        Verb::Check { config } => command::check(&config.config),
        Verb::Scan(args) => command::scan(&args),
        Verb::Policy { verb: PolicyVerb::Check { file } } => command::policy_check(&file),
        Verb::Pack { verb } => match verb {
            PackVerb::Build { dir, output, sign } => command::pack_build(&dir, output.as_deref(), &sign),
            PackVerb::Verify { file, key, json } => command::pack_verify(&file, &key, json),
            PackVerb::List { file, config, json } => command::pack_list(file.as_deref(), config.as_deref(), json),
            PackVerb::Install { file, config, allow_older } => {
                command::pack_install(&file, &config.config, allow_older)
            }
        },
        Verb::Audit { verb: AuditVerb::Verify(args) } => command::audit_verify(&args),
        Verb::Audit { verb: AuditVerb::Head(args) } => command::audit_head(&args),
        Verb::Audit { verb: AuditVerb::Tail { at, count, follow } } => command::audit_tail(&at, count, follow),
        Verb::Audit { verb: AuditVerb::Export { at, format } } => command::audit_export(&at, format),
        Verb::Ca { verb: CaVerb::Show { config, json } } => command::ca_show(&config.config, json),
        Verb::Ca { verb: CaVerb::Export { config, format, next } } => command::ca_export(&config.config, format, next),
        Verb::Ca { verb: CaVerb::Seal { config } } => command::ca_seal(&config.config),
        Verb::Ca { verb: CaVerb::Unseal { config } } => command::ca_unseal(&config.config),
        Verb::Ca { verb: CaVerb::Activate { config } } => command::ca_activate(&config.config),
        Verb::Dns { verb: DnsVerb::Query { name, kind, config, client, fresh, trace, json } } => {
            let question = command::DnsQuestion { name: &name, kind: &kind, client, fresh, trace, json };
            command::dns_query(&config.config, &question)
        }
        Verb::Steer { verb: SteerVerb::Show { config } } => command::steer_show(&config.config),
        Verb::Freeze { verb, config, json } => command::freeze(&config.config, verb, json),
        Verb::Bypass { minutes, config, json } => command::bypass(&config.config, minutes, json),
        Verb::Fallback { verb: FallbackVerb::List { config, json } } => command::fallback_list(&config.config, json),
        Verb::Fallback { verb: FallbackVerb::Revoke { config, id } } => command::fallback_revoke(&config.config, &id),
        Verb::Status { config, json } => command::status(&config.config, json),
        Verb::Account { verb: AccountVerb::List { config, json } } => command::account_list(&config.config, json),
        Verb::Account { verb: AccountVerb::Hash { config, vendor, organization } } => {
            command::account_hash(&config.config, &vendor, organization)
        }
        Verb::Password => command::password(),
        Verb::Token { verb } => match verb {
            TokenVerb::Add { config, scope, name } => command::token_add(&config.config, &scope, &name),
            TokenVerb::List { config, json } => command::token_list(&config.config, json),
            TokenVerb::Revoke { config, id } => command::token_revoke(&config.config, &id),
        },
    }
}
