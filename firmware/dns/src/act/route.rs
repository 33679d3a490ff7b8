//! Who is asked about a name, and what of the answer is believed.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

use super::circle::Circles;
use super::dnssec::Validator;
use super::exchange::{ExchangeError, Trust, TrustError};
use super::seats::{Seat, Seats};
use super::upstream::{Asker, Timeouts, UpstreamState};
use crate::Config;
use crate::config::{Anchors, forward_of};
use crate::decide::is_inside;
use crate::parse::{Answer, Name, Question, Security};

/// EDE "Blocked" (RFC 8914 section 4.16).
const BLOCKED: u16 = 15;

/// All ways to an answer.
pub(crate) struct Routes {
    /// The internet's names.
    main: Route,
    validator: Option<Validator>,
    /// The office's zones, as configured.
    forwards: Vec<Route>,
}

/// Some upstreams, and the limits of those who wait for them: one dead server keeps nobody else waiting.
struct Route {
    asker: Arc<Asker>,
    pending: Arc<Semaphore>,
    clients: Seats,
}

impl Route {
    fn new(asker: Arc<Asker>, config: &Config) -> Self {
        let pending = Arc::new(Semaphore::new(config.pending.min(Semaphore::MAX_PERMITS)));
        Self { asker, pending, clients: Seats::new(config.pending_per_client) }
    }
}

/// Why a question finds no place to wait.
pub(crate) enum Full {
    /// Its client has too many waiting.
    Client,
    All,
}

impl Routes {
    pub(crate) fn new(config: &Config, asker: Arc<Asker>) -> Result<Self, TrustError> {
        let anchors = Anchors::read(&config.dnssec_anchors).expect("the configuration was checked");
        let trust = Trust::new(config.extra_roots.as_deref())?;
        let forward = |upstreams| {
            let asker = Asker::new(upstreams, Timeouts::from(config), &trust);
            Route::new(Arc::new(asker), config)
        };
        Ok(Self {
            validator: Validator::new(config, anchors, Arc::clone(&asker)),
            main: Route::new(asker, config),
            forwards: config.forward.iter().map(|one| forward(&one.upstreams)).collect(),
        })
    }

    fn forward(&self, name: &[u8], config: &Config) -> Option<&Route> {
        Some(&self.forwards[forward_of(&config.forward, name)?])
    }

    /// A place among those who wait for the same servers.
    pub(crate) fn place(
        &self,
        name: &Name,
        client: IpAddr,
        config: &Config,
    ) -> Result<(OwnedSemaphorePermit, Seat), Full> {
        let route = self.forward(name.folded(), config).unwrap_or(&self.main);
        let seat = route.clients.take(client).ok_or(Full::Client)?;
        let slot = Arc::clone(&route.pending).try_acquire_owned().map_err(|_| Full::All)?;
        Ok((slot, seat))
    }

    /// Asks whoever knows the name.
    pub(crate) async fn ask(&self, question: &Question, config: &Config) -> Result<Answer, ExchangeError> {
        if let Some(route) = self.forward(&question.name, config) {
            return Ok(route.asker.ask(question).await?.marked(Security::Unchecked));
        }
        let answer = match &self.validator {
            Some(validator) => validator.ask(question).await?,
            None => self.main.asker.ask(question).await?,
        };
        Ok(if rebinds(question, &answer, config) { Answer::failure(question, BLOCKED) } else { answer })
    }

    /// Who will be asked, in words, and how they do.
    pub(super) fn describe<'a>(
        &'a self,
        question: &Question,
        config: &'a Config,
    ) -> (String, impl Fn() -> Vec<UpstreamState> + 'a) {
        let forward = self.forward(&question.name, config);
        let words =
            if forward.is_some() { "forwarded: it lies in a zone of the office" } else { "asked of the internet" };
        let asker = &forward.unwrap_or(&self.main).asker;
        (words.to_owned(), move || asker.states())
    }

    pub(super) async fn look_for_circles(&self, circles: &Circles) {
        for route in self.forwards.iter().chain([&self.main]) {
            route.asker.look_for_circles(circles).await;
        }
    }

    pub(crate) fn states(&self) -> Vec<UpstreamState> {
        self.main.asker.states()
    }
}

/// Whether a name of the internet claims to be a machine in here: a page could then reach it from a browser in here, as
/// its own origin (DNS rebinding).
fn rebinds(question: &Question, answer: &Answer, config: &Config) -> bool {
    if !config.rebinding_guard || config.rebinding_exempt.iter().any(|zone| zone.holds(&question.name)) {
        return false;
    }
    let Some(address) = answer.all_addresses().into_iter().find(|ip| is_inside(*ip)) else { return false };
    let name = Name::read(&question.name).map(|name| name.text()).unwrap_or_default();
    warn!(%name, %address, "a name of the internet leads inside; its answer is withheld");
    true
}
