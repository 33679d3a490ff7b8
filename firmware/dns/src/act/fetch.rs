//! Lists that others write, fetched in the background. The last good version stays on disk and in force, whatever the server
//! says or does.

mod http;
mod store;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use gate_core::UnixMicros;
use parking_lot::Mutex;
use thiserror::Error;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Act;
use super::exchange::Trust;
use super::lookup::Hosts;
use super::upstream::{Asker, LookupError};
use crate::config::{List, ListUrl};

use http::{Body, Fetched};
pub(super) use store::kept_file;
use store::{Tags, read_tags};

/// How long a whole list may take: some hundred megabytes over a slow line.
const LONGEST: Duration = Duration::from_secs(1800);
/// Lists that are fetched at the same time.
const AT_ONCE: usize = 4;
/// A server that failed is asked again after this long…
const RETRY_MIN: Duration = Duration::from_secs(60);
/// … doubled each time up to this.
const RETRY_MAX: Duration = Duration::from_secs(3600);

/// Why a list could not be fetched.
#[derive(Debug, Error)]
pub(crate) enum FetchError {
    #[error("{0}")]
    Lookup(#[from] LookupError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    #[error("the server answers with status {0}")]
    Status(u16),
    #[error("the server leads elsewhere too often, or not to an `https://` address")]
    Redirect,
    #[error("the server encodes the list, though it was asked not to")]
    Encoded,
    #[error("the server takes too long")]
    Slow,
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    #[error("no name stands in it")]
    Empty,
}

/// Fetches lists, and knows how that went.
pub(super) struct Fetcher {
    asker: Arc<Asker>,
    hosts: Hosts,
    trust: Trust,
    states: Mutex<HashMap<ListUrl, FetchState>>,
}

/// How a list's server does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FetchState {
    /// When it last said what the newest version is.
    pub(super) asked: Option<UnixMicros>,
    /// Why it gave none the last time, unless it has since.
    pub(super) error: Option<String>,
}

impl Fetcher {
    pub(super) fn new(asker: Arc<Asker>, trust: Trust) -> Self {
        Self { asker, hosts: Hosts::new(), trust, states: Mutex::default() }
    }

    pub(super) fn state(&self, url: &ListUrl) -> FetchState {
        self.states.lock().get(url).cloned().unwrap_or_default()
    }

    /// Puts the newest version into `folder`; whether there was a newer one.
    async fn fetch(&self, url: &ListUrl, folder: &Path) -> Result<bool, FetchError> {
        let tags = read_tags(folder, url);
        match self.request(url, &tags).await? {
            Fetched::Unchanged => Ok(false),
            Fetched::New { body, tags } => {
                self.keep(folder, url, body, tags).await?;
                Ok(true)
            }
        }
    }

    async fn keep(&self, folder: &Path, url: &ListUrl, mut body: Body, tags: Tags) -> Result<(), FetchError> {
        let mut draft = store::Draft::open(folder, url).await?;
        while let Some(piece) = body.next().await? {
            draft.write(&piece).await?;
        }
        draft.keep(tags).await
    }
}

impl Act {
    /// Keeps the lists with an address as new as the configuration asks, until `stop`.
    pub(crate) async fn fetch_lists(self: Arc<Self>, stop: CancellationToken) {
        let Some(folder) = self.config.lists_folder.clone() else { return };
        let mut due: HashMap<ListUrl, (Instant, Duration)> = HashMap::new();
        loop {
            let changed = self.desk.changed.notified();
            let urls = self.urls();
            due.retain(|url, _| urls.contains(url));
            let now = Instant::now();
            let wanted = urls.into_iter().map(|url| (due.get(&url).copied().unwrap_or((now, RETRY_MIN)), url));
            let fetching = wanted.filter(|((at, _), _)| *at <= now).map(|((_, retry), url)| {
                let (act, folder) = (&self, &folder);
                async move { (act.fetch_one(&url, folder, retry).await, url) }
            });
            // One slow server keeps no other list waiting.
            let fetched = stream::iter(fetching).buffer_unordered(AT_ONCE).collect::<Vec<_>>();
            let Some(fetched) = stop.run_until_cancelled(fetched).await else { return };
            due.extend(fetched.into_iter().map(|(next, url)| (url, next)));
            let next = due.values().map(|(at, _)| *at).min().unwrap_or_else(far_ahead);
            tokio::select! {
                () = stop.cancelled() => return,
                () = changed => {}
                () = sleep_until(next) => {}
            }
        }
    }

    fn urls(&self) -> Vec<ListUrl> {
        let url = |list| match list {
            List::Url(url) => Some(url),
            List::File(_) => None,
        };
        self.lists().into_iter().filter_map(url).collect()
    }

    /// Fetches a list; when it is due again, and how long to wait after that should it fail.
    async fn fetch_one(&self, url: &ListUrl, folder: &Path, retry: Duration) -> (Instant, Duration) {
        let fetched = timeout(LONGEST, self.fetcher.fetch(url, folder)).await.unwrap_or(Err(FetchError::Slow));
        let error = fetched.as_ref().err().map(ToString::to_string);
        {
            let mut states = self.fetcher.states.lock();
            let state = states.entry(url.clone()).or_default();
            state.error = error;
            if fetched.is_ok() {
                state.asked = Some(self.clock.now());
            }
        }
        match fetched {
            Ok(news) => {
                info!(%url, news, "a block list was looked for");
                if news {
                    self.desk.changed.notify_waiters();
                }
                let period = Duration::from_secs(self.config.block_lists_seconds.into());
                (if period.is_zero() { far_ahead() } else { Instant::now() + period }, RETRY_MIN)
            }
            Err(error) => {
                warn!(%url, %error, "a block list could not be fetched; the last good one stays in force");
                (Instant::now() + retry, (retry * 2).min(RETRY_MAX))
            }
        }
    }
}

/// Later than anybody will run.
fn far_ahead() -> Instant {
    Instant::now() + Duration::from_secs(86_400 * 365)
}
