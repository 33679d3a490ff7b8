use std::collections::HashMap;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use hickory_net::NetError;
use hickory_net::runtime::TokioRuntimeProvider;
use hickory_net::xfer::DnsHandle;
use hickory_proto::op::{DnsRequest, DnsResponse};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::proofs::Proofs;
use crate::act::exchange::ExchangeError;
use crate::act::upstream::Asker;
use crate::parse::{Answer, Name, Question};

/// Keys are believed at least so long: to check one answer some are asked for several times.
const KEEP_MIN: Duration = Duration::from_secs(10);
/// Keys are looked at again at least so often.
const KEEP_MAX: Duration = Duration::from_secs(3600);

/// Where the validator gets messages from: the upstreams, what they have said of keys lately, and what is being checked.
#[derive(Clone)]
pub(super) struct Source {
    asker: Arc<Asker>,
    /// The number of this way to the internet, see [`Question::way`].
    way: u64,
    proofs: Arc<Proofs>,
    in_hand: Arc<InHand>,
}

/// Answers that are being checked, and by how many.
type InHand = Mutex<HashMap<Question, (Arc<Answer>, usize)>>;

/// An answer that is being checked. The validator asks for it once more and is given the same one.
pub(super) struct Held {
    question: Question,
    answer: Arc<Answer>,
    in_hand: Arc<InHand>,
}

impl Deref for Held {
    type Target = Arc<Answer>;

    fn deref(&self) -> &Arc<Answer> {
        &self.answer
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut in_hand = self.in_hand.lock();
        if let Some((_, holders)) = in_hand.get_mut(&self.question) {
            *holders -= 1;
            if *holders == 0 {
                in_hand.remove(&self.question);
            }
        }
    }
}

impl Source {
    pub(super) fn new(asker: Arc<Asker>, way: u64, proofs: Arc<Proofs>) -> Self {
        Self { asker, way, proofs, in_hand: Arc::default() }
    }

    pub(super) fn asker(&self) -> &Asker {
        &self.asker
    }

    /// Asks for everything anew from now on.
    pub(super) fn forget(&self) {
        self.proofs.forget();
    }

    /// Asks now, and has the answer at hand for the validator until it is dropped.
    pub(super) async fn hold(&self, question: Question) -> Result<Held, ExchangeError> {
        let fetched = self.fetch(&question).await?;
        Ok(self.have(question, fetched))
    }

    /// Has an answer at hand for the validator until it is dropped.
    pub(super) fn have(&self, question: Question, answer: Arc<Answer>) -> Held {
        let answer = {
            let mut in_hand = self.in_hand.lock();
            // Whoever else checks it has the same one, so that no verdict is on another.
            let (answer, holders) = in_hand.entry(question.clone()).or_insert((answer, 0));
            *holders += 1;
            Arc::clone(answer)
        };
        Held { question, answer, in_hand: Arc::clone(&self.in_hand) }
    }

    async fn fetch(&self, question: &Question) -> Result<Arc<Answer>, ExchangeError> {
        let answer = Arc::new(self.asker.ask(question).await?);
        if answer.is_conclusive() {
            let lifetime = Duration::from_secs(answer.lifetime().unwrap_or_default().into());
            self.proofs.put(question, &answer, Instant::now() + lifetime.clamp(KEEP_MIN, KEEP_MAX));
        }
        Ok(answer)
    }

    fn known(&self, question: &Question) -> Option<Arc<Answer>> {
        let held = self.in_hand.lock().get(question).map(|(answer, _)| Arc::clone(answer));
        held.or_else(|| self.proofs.get(question))
    }

    async fn answer(self, question: Option<Question>) -> Result<DnsResponse, NetError> {
        let question = question.ok_or("a question without a name")?;
        let answer = match self.known(&question) {
            Some(answer) => answer,
            None => self.fetch(&question).await.map_err(|error| NetError::from(error.to_string()))?,
        };
        Ok(DnsResponse::from_buffer(answer.message().to_vec())?)
    }
}

impl DnsHandle for Source {
    type Response = Pin<Box<dyn Stream<Item = Result<DnsResponse, NetError>> + Send>>;
    type Runtime = TokioRuntimeProvider;

    fn send(&self, request: DnsRequest) -> Self::Response {
        let question = request.queries.first().map(|query| Question {
            name: Name::of_labels(query.name().iter()).folded().into(),
            kind: query.query_type().into(),
            dnssec_ok: true,
            checking_disabled: true,
            way: self.way,
        });
        Box::pin(stream::once(self.clone().answer(question)))
    }
}
