//! Where orders from the console are carried out: the switch, the password, and what the device wants noted.

use std::sync::Arc;
use std::time::Duration;

use gate_admin::Accounts;
use gate_core::{AdminEvent, Event, Journal};
use gate_proxy::Switch;
use tokio::sync::mpsc;

use super::button::{Button, WINDOW};
use crate::config::Config;
use crate::console::{Asker, Console, Note, Order, Reply};
use crate::provision;
use crate::switch::Holder;

/// Who gave an order at the console.
const PERSON: &str = "console";
/// Whose notes are taken.
const DEVICE: &str = "device";
/// Orders that wait; more wait in the socket.
const WAITING: usize = 4;

/// Carries out what the console is told.
pub(super) struct Desk {
    config: Config,
    accounts: Option<Accounts>,
    pub(super) button: Button,
    journal: Arc<dyn Journal>,
    pub(super) switch: Holder,
    orders: mpsc::Receiver<(Order, Asker)>,
}

impl Desk {
    /// Opens the console. Without one everything else still runs, so that is only said.
    pub(super) fn open(config: &Config, journal: Arc<dyn Journal>) -> Self {
        let (sender, orders) = mpsc::channel(WAITING);
        let file = config.console_socket();
        match Console::open(&file) {
            Ok(console) => {
                tokio::spawn(async move { while sender.send(console.next().await).await.is_ok() {} });
            }
            Err(error) => tracing::error!(%error, file = %file.display(), "the console cannot be opened"),
        }
        let accounts = Accounts::open(&provision::admin_state_dir(&config.data))
            .inspect_err(|error| tracing::error!(%error, "the accounts cannot be read"))
            .ok();
        let switch = Holder::load(&config.data);
        Self { config: config.clone(), accounts, button: Button::new(), journal, switch, orders }
    }

    /// Waits for the next thing to do and does it. May be dropped at any time: an order that was taken is carried out whole.
    pub(super) async fn work(&mut self) {
        tokio::select! {
            Some((order, asker)) = self.orders.recv() => {
                let reply = self.carry_out(order);
                tokio::spawn(asker.reply(reply));
            }
            () = self.button.run_out() => self.note(PERSON, "claim_by_button_end", Ok(()), None),
            () = self.switch.run_out() => self.note(PERSON, "bypass_end", Ok(()), None),
        }
    }

    fn carry_out(&mut self, order: Order) -> Reply {
        let done = match order {
            Order::Status => Ok(()),
            Order::Freeze(on) => {
                let done = self.switch.freeze(on);
                tracing::warn!(on, "freeze");
                self.note(PERSON, if on { "freeze" } else { "thaw" }, done.clone(), None);
                done
            }
            Order::Bypass(0) => self.bypass(None),
            Order::Bypass(seconds) => self.bypass(Some(Duration::from_secs(seconds))),
            Order::ResetPassword => self.reset_password(),
            Order::ClaimByButton => self.claim_by_button(),
            Order::Note(note) => self.take_note(note),
        };
        let switch = match self.switch.stands() {
            Switch::Normal => "normal",
            Switch::Frozen => "frozen",
            Switch::Bypassed => "bypassed",
        };
        let bypass_seconds = self.switch.bypass_seconds();
        let claimed = self.is_claimed();
        Reply { ok: done.is_ok(), error: done.err(), switch: switch.to_owned(), bypass_seconds, claimed }
    }

    /// Whether somebody has set the password. Accounts that cannot be read let nobody in, so nobody can claim either.
    fn is_claimed(&self) -> bool {
        self.accounts.as_ref().is_none_or(|accounts| accounts.claimed().unwrap_or(true))
    }

    /// The page takes a first password without the code for a while.
    fn claim_by_button(&mut self) -> Result<(), String> {
        let done = if self.is_claimed() { Err("it is claimed already".to_owned()) } else { Ok(()) };
        if done.is_ok() {
            self.button.press();
        }
        self.note(PERSON, "claim_by_button", done.clone(), Some(format!("for {} s", WINDOW.as_secs())));
        done
    }

    fn bypass(&mut self, time: Option<Duration>) -> Result<(), String> {
        let done = self.switch.bypass(time);
        let command = if time.is_some() { "bypass" } else { "bypass_end" };
        tracing::warn!(seconds = time.map_or(0, |time| time.as_secs()), "bypass");
        self.note(PERSON, command, done.clone(), time.map(|time| format!("{} s", time.as_secs())));
        done
    }

    /// Whoever holds the device may claim it again; the new code goes where the first one went.
    fn reset_password(&mut self) -> Result<(), String> {
        let accounts = Accounts::open(&provision::admin_state_dir(&self.config.data));
        let done = accounts.and_then(|accounts| accounts.reset()).map_err(|error| error.to_string()).and_then(|code| {
            println!("claim code: {code}   (the password was reset)");
            // The file is the admin process's again.
            provision::own_everything(&self.config).map_err(|error| error.to_string())
        });
        self.note(PERSON, "password_reset", done.clone(), None);
        done
    }

    fn take_note(&self, note: Note) -> Result<(), String> {
        if !note.is_plain() {
            return Err("a note is a word of small letters and one line".to_owned());
        }
        let Note { what, ok, detail } = note;
        self.append(DEVICE, what, ok, detail);
        Ok(())
    }

    fn note(&self, actor: &str, command: &str, done: Result<(), String>, detail: Option<String>) {
        let (ok, detail) = match done {
            Ok(()) => (true, detail),
            Err(error) => (false, Some(error)),
        };
        self.append(actor, command.to_owned(), ok, detail);
    }

    fn append(&self, actor: &str, command: String, ok: bool, detail: Option<String>) {
        let event = Event::Admin(AdminEvent { client: None, actor: Some(actor.to_owned()), command, ok, detail });
        if let Err(error) = self.journal.append(&event) {
            tracing::error!(%error, "the supervisor's journal takes no records");
        }
    }
}
