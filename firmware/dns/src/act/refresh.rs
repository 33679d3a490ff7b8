//! Gateway mode: the catalogue's names are resolved without anybody asking. A client that knows a provider's address, or
//! asks another resolver, meets an address that is redirected already.

use std::sync::Arc;
use std::time::Duration;

use gate_core::HostName;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::{Act, Freshness, Kept, lookup};
use crate::decide::View;
use crate::parse::{Name, Question, kind};

/// Questions of a round on their way at once: some hundred names take seconds, and clients hardly notice.
const AT_ONCE: usize = 8;
/// The next round comes this soon after one that mostly failed: the way out may not have been up yet.
const RETRY: Duration = Duration::from_secs(30);

/// How a round went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Round {
    asked: usize,
    failed: usize,
}

impl Act {
    /// Resolves every steered name that the catalogue spells out, round after round.
    pub(crate) async fn refresh(self: Arc<Self>, tasks: TaskTracker, stop: CancellationToken, cut: CancellationToken) {
        let every = Duration::from_secs(self.config.learn_refresh_seconds.into());
        loop {
            let Some(round) = stop.run_until_cancelled(self.round(&tasks, &cut)).await else { return };
            let Round { asked, failed } = round;
            let pause = if failed * 2 > asked {
                warn!(asked, failed, "most names of AI providers could not be resolved; trying again soon");
                RETRY.min(every)
            } else {
                info!(asked, failed, addresses = self.learnt.len(), "resolved the names of AI providers");
                every
            };
            if stop.run_until_cancelled(tokio::time::sleep(jittered(pause, random_share()))).await.is_none() {
                return;
            }
        }
    }

    async fn round(self: &Arc<Self>, tasks: &TaskTracker, cut: &CancellationToken) -> Round {
        let (mut round, mut running) = (Round::default(), JoinSet::new());
        let questions = questions(&self.view());
        for question in questions {
            if running.len() >= AT_ONCE {
                round.count(running.join_next().await);
            }
            running.spawn(Arc::clone(self).learn_unasked(question, tasks.clone(), cut.clone()));
        }
        while let Some(outcome) = running.join_next().await {
            round.count(Some(outcome));
        }
        round
    }

    /// Learns from the kept answer or an upstream's; whether there was one.
    async fn learn_unasked(self: Arc<Self>, question: Question, tasks: TaskTracker, cut: CancellationToken) -> bool {
        let name = Name::read(&question.name).map(|name| name.text()).unwrap_or_default();
        let kept = self.cache.lock().get(&question, self.clock.now());
        let answer = match kept {
            Some(Kept { answer, state: Freshness::Fresh | Freshness::Due, .. }) => Some(answer),
            _ => {
                let work = || Arc::clone(&self).fetch(question.clone(), (None, false), cut);
                self.flights.join(question.clone(), &tasks, work).await.and_then(Result::ok)
            }
        };
        let Some(answer) = answer.filter(|answer| answer.is_conclusive()) else { return false };
        self.learn_addresses(&name, &answer);
        true
    }
}

impl Round {
    fn count<E>(&mut self, outcome: Option<Result<bool, E>>) {
        self.asked += 1;
        self.failed += usize::from(!matches!(outcome, Some(Ok(true))));
    }
}

fn questions(view: &View) -> Vec<Question> {
    let hosts = view.catalogue.steered_names().filter_map(|(name, _)| HostName::parse(name.as_bytes()).ok());
    hosts.flat_map(|host| [kind::A, kind::AAAA].map(|kind| lookup::question(&host, kind))).collect()
}

/// Up to a tenth sooner or later, so that the pucks of a whole country do not ask in step.
fn jittered(pause: Duration, share: u8) -> Duration {
    pause.mul_f64(0.9 + 0.2 * f64::from(share) / 255.0)
}

/// No randomness: in step with the others, which is no reason to stop.
fn random_share() -> u8 {
    let mut byte = [0];
    let _ = getrandom::fill(&mut byte);
    byte[0]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::jittered;

    #[test]
    fn the_pause_differs_by_a_tenth() {
        let pause = Duration::from_secs(600);
        assert_eq!(jittered(pause, 0), Duration::from_secs(540));
        assert_eq!(jittered(pause, 255).as_secs_f64().round() as u64, 660);
    }
}
