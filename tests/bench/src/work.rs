//! What the connections do, and how long each step of it took.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::Work;
use crate::connect::{Failure, Sender, Target};

/// Time before the first sample counts: caches fill, the leaf certificate is minted, the CPU wakes up.
const WARM_UP: Duration = Duration::from_secs(1);

/// Ordinary prose without anything to find: what nearly all prompts are.
const PROSE: &str = "Please compare the three offers for the new warehouse and write a short recommendation. The first \
    one is cheaper in the beginning, the second has the better location near the ring road, and the third can be \
    extended in two years. Consider rent, transport, staff and the date on which each of them would be ready. ";

#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) target: Target,
    pub(crate) work: Work,
    pub(crate) body: Bytes,
    pub(crate) bearer: HeaderValue,
    pub(crate) fake: HeaderValue,
    pub(crate) pause_ms: u32,
    pub(crate) bytes: u64,
}

/// What the connections took, of one worker or of all.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) all: usize,
    pub(crate) samples: Vec<Duration>,
    /// Decisions that are not `allow`; only of `--work decisions`.
    pub(crate) denied: usize,
    /// In microseconds; only of `--work events`.
    pub(crate) events: Vec<Vec<u64>>,
}

impl Taken {
    fn add(&mut self, other: Self) {
        self.all += other.all;
        self.samples.extend(other.samples);
        self.denied += other.denied;
        self.events.extend(other.events);
    }
}

/// A small generator (xorshift32) with a seed for each worker: every run pauses alike, no two workers do.
struct Pauses(u32);

impl Pauses {
    fn of_worker(number: usize) -> Self {
        // Any odd constant spreads neighbouring numbers; zero is the one state that xorshift never leaves.
        Self(u32::try_from(number + 1).unwrap_or(1).wrapping_mul(0x9e37_79b9) | 1)
    }

    /// Uniform between nothing and twice the mean, in microseconds steps.
    fn next(&mut self, mean_ms: u32) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        Duration::from_micros(u64::from(self.0) % (u64::from(mean_ms) * 2000 + 1))
    }
}

/// A chat completion with about so many bytes of prose in its prompt, or the prose alone for the inspection API.
pub(crate) fn body(prompt_bytes: usize, work: Work) -> String {
    let prompt: String = PROSE.chars().cycle().take(prompt_bytes).collect();
    if work == Work::Decisions {
        return serde_json::json!({ "text": prompt }).to_string();
    }
    let stream = matches!(work, Work::Streams | Work::Events);
    serde_json::json!({
        "model": "gpt-5-mini", "stream": stream,
        "messages": [{ "role": "system", "content": "You are a careful assistant." }, { "role": "user", "content": prompt }],
    })
    .to_string()
}

/// Runs `concurrency` workers for the given time, or until each has its bulk; what all of them took.
pub(crate) async fn run(job: Job, concurrency: usize, time: Duration) -> Result<Taken, Failure> {
    let (begin, stop) = (Instant::now() + WARM_UP, Arc::new(AtomicBool::new(false)));
    let mut workers = tokio::task::JoinSet::new();
    for number in 0..concurrency {
        let (job, stop) = (job.clone(), Arc::clone(&stop));
        if job.work == Work::Bulk {
            workers.spawn(bulk(job));
        } else {
            workers.spawn(worker(job, Pauses::of_worker(number), begin, stop));
        }
    }
    if job.work != Work::Bulk {
        tokio::time::sleep_until(begin + time).await;
        stop.store(true, Ordering::Relaxed);
    }
    let mut taken = Taken::default();
    while let Some(done) = workers.join_next().await {
        taken.add(done??);
    }
    Ok(taken)
}

async fn bulk(job: Job) -> Result<Taken, Failure> {
    let mut sender = job.target.connect().await?;
    let started = Instant::now();
    let path = format!("/bulk/{}", job.bytes);
    let request = Request::get(path).header(HOST, &job.target.host).body(Full::default())?;
    let mut body = sender.send_request(request).await?.into_body();
    let mut left = job.bytes;
    while let Some(frame) = body.frame().await {
        left = left.saturating_sub(frame?.data_ref().map_or(0, |data| data.len() as u64));
    }
    if left > 0 {
        return Err(format!("the bulk ended {left} bytes early").into());
    }
    Ok(Taken { all: 1, samples: vec![started.elapsed()], ..Taken::default() })
}

async fn worker(job: Job, mut pauses: Pauses, begin: Instant, stop: Arc<AtomicBool>) -> Result<Taken, Failure> {
    let mut taken = Taken::default();
    let mut kept = None;
    while !stop.load(Ordering::Relaxed) {
        if job.pause_ms > 0 {
            tokio::time::sleep(pauses.next(job.pause_ms)).await;
        }
        let started = Instant::now();
        let mut sender = match kept.take() {
            Some(sender) => sender,
            None => job.target.connect().await?,
        };
        let response = ask(&job, &mut sender).await?;
        let heard = listen(response, job.work, started).await?;
        taken.all += 1;
        taken.denied += usize::from(!heard.allowed);
        if started >= begin {
            taken.samples.push(heard.sample);
            if job.work == Work::Events {
                taken.events.push(heard.events);
            }
        }
        if job.work != Work::Connections {
            kept = Some(sender);
        }
    }
    Ok(taken)
}

async fn ask(job: &Job, sender: &mut Sender) -> Result<Response<Incoming>, Failure> {
    let path = if job.work == Work::Decisions { "/api/v1/inspect" } else { "/v1/chat/completions" };
    let mut request = Request::post(path)
        .header(HOST, &job.target.host)
        .header(AUTHORIZATION, &job.bearer)
        .header(CONTENT_TYPE, "application/json");
    if !job.fake.is_empty() {
        request = request.header("x-fake", &job.fake);
    }
    sender.ready().await?;
    let response = sender.send_request(request.body(Full::new(job.body.clone()))?).await?;
    if response.status() != StatusCode::OK {
        return Err(format!("the answer is {}", response.status()).into());
    }
    Ok(response)
}

/// One answer: the time to its end, or to its first event for a stream.
struct Heard {
    sample: Duration,
    events: Vec<u64>,
    allowed: bool,
}

async fn listen(response: Response<Incoming>, work: Work, started: Instant) -> Result<Heard, Failure> {
    let mut body = response.into_body();
    let (mut first, mut events, mut allowed) = (None, Vec::new(), work != Work::Decisions);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        first.get_or_insert_with(|| started.elapsed());
        if work == Work::Events {
            events.extend(ways(&data, since_1970())?);
        }
        // The first member of an answer that arrives in one piece.
        allowed |= data.starts_with(b"{\"decision\":\"allow\"");
    }
    let sample = match work {
        Work::Streams | Work::Events => first.ok_or("an answer without an event")?,
        Work::Requests | Work::Connections | Work::Decisions | Work::Bulk => started.elapsed(),
    };
    Ok(Heard { sample, events, allowed })
}

/// How long ago the origin sent each event among the bytes.
fn ways(data: &[u8], now: u64) -> Result<Vec<u64>, Failure> {
    let text = std::str::from_utf8(data)?;
    let sent = |event: &str| event.split_once('"').and_then(|(at, _)| at.parse::<u64>().ok());
    let ways = text.split("\"id\":\"at-").skip(1).map(|event| Some(now.saturating_sub(sent(event)?)));
    ways.collect::<Option<_>>().ok_or_else(|| "an event without its time".into())
}

fn since_1970() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Pauses, body, ways};
    use crate::Work;

    #[test]
    fn pauses_differ_between_workers_and_stay_in_their_range() {
        let (mut one, mut two) = (Pauses::of_worker(0), Pauses::of_worker(1));
        let pairs: Vec<_> = (0..1000).map(|_| (one.next(25), two.next(25))).collect();
        assert!(pairs.iter().all(|(a, b)| a.max(b) <= &Duration::from_millis(50)));
        assert!(pairs.iter().filter(|(a, b)| a == b).count() < 10);
        let mean = pairs.iter().map(|(a, _)| *a).sum::<Duration>() / 1000;
        assert!((20..30).contains(&mean.as_millis()), "{mean:?}");
    }

    #[test]
    fn the_prompt_has_the_size_it_was_asked_for() {
        let value: serde_json::Value = serde_json::from_str(&body(8192, Work::Streams)).unwrap();
        assert_eq!(value["messages"][1]["content"].as_str().unwrap().len(), 8192);
        assert_eq!(value["stream"], true);
        let value: serde_json::Value = serde_json::from_str(&body(4096, Work::Decisions)).unwrap();
        assert_eq!(value["text"].as_str().unwrap().len(), 4096);
    }

    #[test]
    fn an_event_says_when_it_was_sent() {
        let events = b"data: {\"id\":\"at-100\"}\n\ndata: {\"id\":\"at-140\"}\n\n";
        assert_eq!(ways(events, 150).unwrap(), [50, 10]);
        assert!(ways(b"data: {\"id\":\"at-x\"}", 150).is_err());
    }
}
