use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::Message;
use hickory_proto::rr::{Name as ZoneName, RecordType};
use tokio::time::Instant;

use super::proofs::Proofs;
use super::rrset::Work;
use crate::act::exchange::ExchangeError;
use crate::act::upstream::Asker;
use crate::parse::{Name, Question, message};

/// Keys are believed at least so long: to check one answer some are asked for several times.
const KEEP_MIN: Duration = Duration::from_secs(10);
/// Keys are looked at again at least so often.
const KEEP_MAX: Duration = Duration::from_secs(3600);

/// Where keys and delegations come from: the upstreams, and what they have said lately.
pub(super) struct Source {
    asker: Arc<Asker>,
    /// The number of this way to the internet, see [`Question::way`].
    way: u64,
    proofs: Arc<Proofs>,
}

impl Source {
    pub(super) fn new(asker: Arc<Asker>, way: u64, proofs: Arc<Proofs>) -> Self {
        Self { asker, way, proofs }
    }

    pub(super) fn asker(&self) -> &Asker {
        &self.asker
    }

    /// Asks for everything anew from now on.
    pub(super) fn forget(&self) {
        self.proofs.forget();
    }

    /// Does not believe any longer what was said of a name's keys and delegation: it proved nothing, and may have been one
    /// upstream's fault, or a moment's.
    pub(super) fn doubt(&self, name: &ZoneName) {
        [RecordType::DS, RecordType::DNSKEY].iter().for_each(|kind| self.proofs.take(&self.question(name, *kind)));
    }

    fn question(&self, name: &ZoneName, kind: RecordType) -> Question {
        let name = Name::of_labels(name.iter()).folded().into();
        Question { name, kind: kind.into(), dnssec_ok: true, checking_disabled: true, way: self.way }
    }

    /// What is said of a name; `None` where that is neither yes nor no.
    pub(super) async fn ask(
        &self,
        name: &ZoneName,
        kind: RecordType,
        work: &Work,
    ) -> Result<Option<Message>, ExchangeError> {
        let question = self.question(name, kind);
        let answer = match self.proofs.get(&question) {
            Some(answer) => answer,
            None => {
                let answer = Arc::new(if work.elsewhere {
                    self.asker.ask_elsewhere(&question).await?
                } else {
                    self.asker.ask(&question).await?
                });
                if answer.is_conclusive() {
                    let lifetime = Duration::from_secs(answer.lifetime().unwrap_or_default().into());
                    self.proofs.put(&question, &answer, Instant::now() + lifetime.clamp(KEEP_MIN, KEEP_MAX));
                }
                answer
            }
        };
        Ok(answer.is_conclusive().then(|| message::read(answer.message())).flatten())
    }
}
