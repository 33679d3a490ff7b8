//! Who is asked about a name, and what of the answer is believed.

mod alias;
mod shortage;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use gate_core::ZoneKey;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tracing::warn;

use self::shortage::Shortage;
use super::circle::Circles;
use super::dnssec::{Proofs, Validator};
use super::doubt::Doubt;
use super::exchange::{ExchangeError, Trust, TrustError};
use super::seats::{Seat, Seats};
use super::seldom::Seldom;
use super::state::{KeyOrigin, KeyState};
use super::upstream::{Asker, Crowd, Timeouts, UpstreamState};
use crate::config::{Anchors, Forward, Group, KeyError, forward_of, way};
use crate::decide::leads_inside;
use crate::parse::{Answer, Explanation, Name, Question, Security};
use crate::{Config, Identity};

/// A client may have so many times the places that are free: some clients that each take all they may leave some free for
/// whoever comes next.
const SHARE: usize = 8;

/// All ways to an answer.
pub(crate) struct Routes {
    /// The internet's names.
    main: Way,
    /// The internet's names for groups with upstreams of their own, by [`way`].
    others: ArcSwap<HashMap<u64, Arc<Way>>>,
    /// The office's zones, as configured.
    forwards: Vec<Route>,
    trust: Trust,
    /// Where the keys that DNSSEC starts from come from, and they. Locked while ways are opened, so that none misses others.
    keys: Mutex<(KeyOrigin, Anchors)>,
    /// What all ways keep for their validators.
    proofs: Arc<Proofs>,
    /// Tells that answers were withheld.
    withheld: Seldom,
}

/// One way to the internet's names.
struct Way {
    route: Route,
    validator: Option<Validator>,
}

/// Some upstreams, and the limits of those who wait for them: one dead server keeps nobody else waiting.
struct Route {
    asker: Arc<Asker>,
    pending: Arc<Semaphore>,
    clients: Seats,
    shortage: Shortage,
}

impl Way {
    fn new(config: &Config, anchors: Anchors, asker: Arc<Asker>, number: u64, proofs: &Arc<Proofs>) -> Self {
        let validator = Validator::new(config, anchors, Arc::clone(&asker), number, Arc::clone(proofs));
        Self { validator, route: Route::new(asker, config) }
    }

    async fn ask(&self, question: &Question) -> Result<Answer, ExchangeError> {
        match &self.validator {
            Some(validator) => validator.ask(question).await,
            None => self.route.asker.ask(question).await,
        }
    }
}

impl Route {
    fn new(asker: Arc<Asker>, config: &Config) -> Self {
        let pending = Arc::new(Semaphore::new(config.pending.min(Semaphore::MAX_PERMITS)));
        Self { asker, pending, clients: Seats::new(config.pending_per_client), shortage: Shortage::default() }
    }

    /// A place among those who wait for these servers.
    fn place(&self, client: Option<IpAddr>) -> Result<Place, Full> {
        let share = self.pending.available_permits().saturating_mul(SHARE).max(1);
        let seat = client.map(|client| self.clients.take_of(client, share).ok_or(Full::Client)).transpose()?;
        if let Ok(slot) = Arc::clone(&self.pending).try_acquire_owned() {
            return Ok((slot, seat));
        }
        // It is none of those who have a place.
        drop(seat);
        self.shortage.met(Instant::now(), || self.clients.heaviest());
        Err(Full::All)
    }
}

/// A place among those who wait, and one of its client's own.
type Place = (OwnedSemaphorePermit, Option<Seat>);

/// Why a question finds no place to wait.
pub(crate) enum Full {
    /// Its client has too many waiting.
    Client,
    All,
}

impl Routes {
    pub(crate) fn new(config: &Config, asker: Arc<Asker>) -> Result<Self, TrustError> {
        let trust = Trust::new(config.extra_roots.as_deref(), Doubt::while_there_is(config.clock_unsure.as_deref()))?;
        let forward = |one: &Forward| {
            let asker = Asker::of_zones(one.zones.clone(), &one.upstreams, Timeouts::from(config), &trust);
            Route::new(Arc::new(asker), config)
        };
        let forwards = config.forward.iter().map(forward).collect();
        let anchors = Anchors::read(&config.dnssec_anchors).expect("the configuration was checked");
        let origin = if config.dnssec_anchors.is_empty() { KeyOrigin::Builtin } else { KeyOrigin::Settings };
        let proofs = Arc::default();
        let main = Way::new(config, anchors.clone(), asker, 0, &proofs);
        let keys = Mutex::new((origin, anchors));
        let routes =
            Self { main, others: ArcSwap::default(), forwards, trust, keys, proofs, withheld: Seldom::default() };
        routes.see_groups(&config.groups, config);
        Ok(routes)
    }

    /// Opens a way for each group that has upstreams of its own; those that are open stay so, with their connections.
    pub(crate) fn see_groups(&self, groups: &[Group], config: &Config) {
        let keys = self.keys.lock();
        let open = self.others.load_full();
        let new = |group: &Group, number| {
            let asker = Asker::new(&group.upstreams, Timeouts::from(config), &self.trust);
            Arc::new(Way::new(config, keys.1.clone(), Arc::new(asker), number, &self.proofs))
        };
        let mut others = HashMap::new();
        for group in groups.iter().filter(|group| !group.upstreams.is_empty()) {
            let number = way(&group.upstreams);
            others.entry(number).or_insert_with(|| open.get(&number).map_or_else(|| new(group, number), Arc::clone));
        }
        self.others.store(Arc::new(others));
    }

    /// Trusts other keys, at once, unless the owner's settings name some.
    pub(super) fn see_keys(&self, from: &str, keys: &[ZoneKey]) -> Result<(), KeyError> {
        let anchors = Anchors::of_keys(keys)?;
        let mut known = self.keys.lock();
        if known.0 == KeyOrigin::Settings {
            return Ok(());
        }
        let same = known.1.are(&anchors);
        *known = (KeyOrigin::Given(from.to_owned()), anchors.clone());
        if same {
            // Another pack with the same keys: no verdict changes.
            return Ok(());
        }
        let others = self.others.load_full();
        let ways = others.values().map(|way| &way.validator).chain([&self.main.validator]);
        ways.flatten().for_each(|validator| validator.trust(anchors.clone()));
        Ok(())
    }

    /// The keys that DNSSEC starts from.
    pub(super) fn keys(&self) -> KeyState {
        let keys = self.keys.lock();
        KeyState { origin: keys.0.clone(), keys: keys.1.told.clone() }
    }

    /// Who knows the internet's names for the puck itself, and whom its servers must be certified by.
    pub(super) fn own(&self) -> (Arc<Asker>, Trust) {
        (Arc::clone(&self.main.route.asker), self.trust.clone())
    }

    fn forward(&self, name: &[u8], config: &Config) -> Option<&Route> {
        Some(&self.forwards[forward_of(&config.forward, name)?])
    }

    /// A place among those who wait for the same servers; without a client one that nobody counts.
    pub(crate) fn place(
        &self,
        name: &Name,
        number: u64,
        client: Option<IpAddr>,
        config: &Config,
    ) -> Result<Place, Full> {
        if let Some(route) = self.forward(name.folded(), config) {
            return route.place(client);
        }
        match number {
            0 => self.main.route.place(client),
            // Its group is gone: whoever asks again has another.
            _ => self.others.load().get(&number).ok_or(Full::All)?.route.place(client),
        }
    }

    /// Asks whoever knows the name itself.
    async fn ask_one(
        &self,
        question: &Question,
        silent: bool,
        config: &Config,
        identity: &Identity,
    ) -> Result<Answer, ExchangeError> {
        if let Some(route) = self.forward(&question.name, config) {
            return Ok(route.asker.ask(question).await?.marked(Security::Unchecked));
        }
        let answer = match question.way {
            0 => self.main.ask(question).await?,
            number => {
                let other = self.others.load().get(&number).map(Arc::clone);
                other.ok_or(ExchangeError::Down)?.ask(question).await?
            }
        };
        let inside = self.rebinds((question, silent), &answer, config, identity);
        Ok(if inside { Answer::failure(question, Explanation::Inside) } else { answer })
    }

    /// Who will be asked, in words, and how they do.
    pub(super) fn describe<'a>(
        &'a self,
        question: &Question,
        config: &'a Config,
    ) -> (&'static str, impl Fn() -> Vec<UpstreamState> + use<'a>) {
        let forward = self.forward(&question.name, config);
        let other = self.others.load().get(&question.way).map(Arc::clone);
        let words = match (forward, &other) {
            (Some(_), _) => "forwarded: it lies in a zone of the office",
            (None, Some(_)) => "asked of the internet, through the upstreams of its group",
            (None, None) => "asked of the internet",
        };
        let states = move || match (forward, &other) {
            (Some(route), _) => route.asker.states(),
            (None, Some(other)) => other.route.asker.states(),
            (None, None) => self.main.route.asker.states(),
        };
        (words, states)
    }

    pub(super) async fn look_for_circles(&self, circles: &Circles) {
        for route in self.forwards.iter().chain([&self.main.route]) {
            route.asker.look_for_circles(circles).await;
        }
        for other in self.others.load_full().values() {
            other.route.asker.look_for_circles(circles).await;
        }
    }

    /// Whether more was asked a moment ago than there are seats for, of any upstreams.
    pub(super) fn crowd(&self) -> Option<Crowd> {
        self.all(|route| route.asker.crowd())
    }

    /// Whether a question found no place to wait a moment ago, for any upstreams.
    pub(super) fn shortage(&self) -> Option<Crowd> {
        self.all(|route| route.shortage.crowd(Instant::now()))
    }

    /// The largest crowd of any way.
    fn all(&self, crowd: impl Fn(&Route) -> Option<Crowd>) -> Option<Crowd> {
        let others = self.others.load();
        let routes = others.values().map(|way| &way.route).chain(&self.forwards).chain([&self.main.route]);
        routes.filter_map(crowd).max_by_key(|crowd| crowd.questions)
    }

    /// How the upstreams of everybody do, or those of a group.
    pub(crate) fn states(&self, number: u64) -> Vec<UpstreamState> {
        match number {
            0 => self.main.route.asker.states(),
            _ => self.others.load().get(&number).map(|other| other.route.asker.states()).unwrap_or_default(),
        }
    }

    /// How the servers of the office's zones do, in the order of the configuration.
    pub(crate) fn forward_states(&self) -> Vec<UpstreamState> {
        self.forwards.iter().flat_map(|route| route.asker.states()).collect()
    }

    /// Whether a name of the internet claims to be a machine in here: a page could then reach it from a browser in here, as
    /// its own origin (DNS rebinding).
    fn rebinds(
        &self,
        (question, silent): (&Question, bool),
        answer: &Answer,
        config: &Config,
        identity: &Identity,
    ) -> bool {
        if !config.rebinding_guard || config.rebinding_exempt.iter().any(|zone| zone.holds(&question.name)) {
            return false;
        }
        let mut addresses = answer.all_addresses().into_iter();
        let Some(address) = addresses.find(|ip| leads_inside(*ip, config, identity)) else { return false };
        // A page can ask for such names as fast as it likes.
        if let Some(untold) = self.withheld.may(Instant::now()) {
            let name = Name::read(&question.name).filter(|_| !silent).map(|name| name.text());
            let name = name.as_deref().unwrap_or("(of a silent group)");
            warn!(%name, %address, untold, "a name of the internet leads inside; its answer is withheld");
        }
        true
    }
}
