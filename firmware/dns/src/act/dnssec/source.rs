use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use hickory_net::NetError;
use hickory_net::runtime::TokioRuntimeProvider;
use hickory_net::xfer::DnsHandle;
use hickory_proto::op::{DnsRequest, DnsResponse};
use lru::LruCache;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::act::exchange::ExchangeError;
use crate::act::upstream::Asker;
use crate::parse::{Answer, Name, Question};

/// Answers kept: the keys and delegations that many names have in common.
const ANSWERS: usize = 1024;
/// What was just asked is asked again while it is checked, whatever its lifetime.
const KEEP_MIN: Duration = Duration::from_secs(10);
/// Keys are looked at again at least so often.
const KEEP_MAX: Duration = Duration::from_secs(3600);

/// Where the validator gets messages from: the upstreams, and what they have said lately.
#[derive(Clone)]
pub(super) struct Source {
    asker: Arc<Asker>,
    kept: Arc<Mutex<Answers>>,
}

/// What upstreams have said, and until when it holds.
type Answers = LruCache<Question, (Arc<Answer>, Instant)>;

impl Source {
    pub(super) fn new(asker: Arc<Asker>) -> Self {
        let most = NonZeroUsize::new(ANSWERS).expect("not zero");
        Self { asker, kept: Arc::new(Mutex::new(LruCache::sparse(most))) }
    }

    pub(super) fn asker(&self) -> &Asker {
        &self.asker
    }

    /// Asks for everything anew from now on.
    pub(super) fn forget(&self) {
        self.kept.lock().clear();
    }

    /// Asks now, and keeps the answer for the validator.
    pub(super) async fn fetch(&self, question: &Question) -> Result<Arc<Answer>, ExchangeError> {
        let answer = Arc::new(self.asker.ask(question).await?);
        if answer.is_conclusive() {
            let lifetime = Duration::from_secs(answer.lifetime().unwrap_or_default().into());
            let until = Instant::now() + lifetime.clamp(KEEP_MIN, KEEP_MAX);
            self.kept.lock().put(question.clone(), (Arc::clone(&answer), until));
        }
        Ok(answer)
    }

    async fn answer(self, question: Option<Question>) -> Result<DnsResponse, NetError> {
        let question = question.ok_or("a question without a name")?;
        let kept = self.kept.lock().get(&question).filter(|(_, until)| Instant::now() < *until).cloned();
        let answer = match kept {
            Some((answer, _)) => answer,
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
            // Each way to the internet has a validator of its own.
            way: 0,
        });
        Box::pin(stream::once(self.clone().answer(question)))
    }
}
