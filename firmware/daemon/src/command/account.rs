//! `nanogate account`: whose accounts at providers clients use, and what the policy calls an account by.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::Path;

use gate_audit::{FollowError, Records, export};
use gate_core::{AccountHash, AccountKind, Event, Position, UnixMicros};
use serde::Serialize;

use super::settings;
use crate::papers::Papers;
use crate::{CommandError, Outcome, print, provision, worker};

/// Longer than any token in bytes.
const LONGEST: u64 = 64 * 1024;

/// Accounts that are listed; those not seen for longest are left out.
const MOST: usize = 10_000;

/// One account in one client's hands.
#[derive(Serialize)]
struct Row {
    client: IpAddr,
    vendor: String,
    account: AccountHash,
    kind: AccountKind,
    /// As the policy had it then.
    known: bool,
    first_seen: UnixMicros,
    last_seen: UnixMicros,
}

/// What the journal tells of accounts; "no" when it tells of none.
pub(crate) fn account_list(file: &Path, json: bool) -> Result<Outcome, CommandError> {
    let config = settings(file)?;
    let dir = config.data.join("journal/proxy");
    let mut rows: BTreeMap<(IpAddr, String, AccountHash), Row> = BTreeMap::new();
    let records = if dir.exists() { Some(Records::open(dir, Position(0))) } else { None };
    for record in records.into_iter().flatten() {
        let record = match record {
            Ok((_, record)) => record,
            Err(error @ FollowError::Damaged { .. }) => {
                eprintln!("nanogate: {error}; stepped over");
                continue;
            }
            Err(error) => return Err(CommandError::input(error)),
        };
        let Event::Accounts(event) = record.event else { continue };
        for one in event.accounts {
            let row = Row {
                client: event.client,
                vendor: event.vendor.clone(),
                account: one.hash,
                kind: one.kind,
                known: event.known,
                first_seen: record.at,
                last_seen: record.at,
            };
            let entry = rows.entry((event.client, event.vendor.clone(), one.hash));
            entry.and_modify(|row| (row.known, row.last_seen) = (event.known, record.at)).or_insert(row);
        }
        if rows.len() > MOST {
            // A tenth at once: each time looks through all of them.
            let mut seen: Vec<UnixMicros> = rows.values().map(|row| row.last_seen).collect();
            let (_, oldest, _) = seen.select_nth_unstable(MOST / 10);
            let oldest = *oldest;
            rows.retain(|_, row| row.last_seen > oldest);
        }
    }
    let rows: Vec<_> = rows.into_values().collect();
    if json {
        print::line(serde_json::to_string(&rows).map_err(CommandError::internal)?)?;
    } else {
        rows.iter().try_for_each(show)?;
    }
    Ok(if rows.is_empty() { Outcome::No } else { Outcome::Done })
}

fn show(row: &Row) -> Result<(), CommandError> {
    let Row { client, vendor, account, kind, known, first_seen, last_seen } = row;
    let (first, last) = (export::rfc3339(*first_seen), export::rfc3339(*last_seen));
    let known = if *known { "known" } else { "UNKNOWN" };
    print::line(format_args!("{account}  {client}  {vendor}  {kind}  {known}  seen {first} to {last}"))
}

/// What an account that is read from standard input is called.
pub(crate) fn account_hash(file: &Path, vendor: &str, organization: bool) -> Result<Outcome, CommandError> {
    let config = settings(file)?;
    let catalogue = worker::catalogue()?;
    if !catalogue.vendors().iter().any(|known| known.id == vendor) {
        return Err(CommandError::input(format!(
            "`{vendor}` is no provider that is known, as the journal names them: openai"
        )));
    }
    let key = worker::proxy::account_key(&provision::kept_device_key(&config, &Papers::default())?);
    let mut value = Vec::new();
    io::stdin().lock().take(LONGEST).read_to_end(&mut value).map_err(CommandError::input)?;
    let kind = if organization { AccountKind::Organization } else { AccountKind::Key };
    let account = gate_proxy::account_of(&key, vendor, kind, &value);
    let account = account.ok_or_else(|| CommandError::input("nothing came from standard input"))?;
    print::line(account.hash)?;
    Ok(Outcome::Done)
}
