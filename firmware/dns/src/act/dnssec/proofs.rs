use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::parse::{Answer, Question, kind};

/// Most bytes kept, of all ways together: the keys and delegations of some thousand zones.
const BYTES: usize = 2 << 20;
/// Longest answer kept; a zone's keys with all their signatures stay far below.
const ANSWER_MAX: usize = 16 << 10;
/// What an entry takes beside its name and its answer, about.
const ENTRY: usize = 256;

/// What upstreams have said of keys and delegations, which many names have in common, and until when it holds. One for all
/// ways to the internet; the number of the way is a part of the question.
pub(crate) struct Proofs(Mutex<Kept>);

struct Kept {
    answers: LruCache<Question, (Arc<Answer>, Instant)>,
    bytes: usize,
}

impl Default for Proofs {
    fn default() -> Self {
        Self(Mutex::new(Kept { answers: LruCache::unbounded(), bytes: 0 }))
    }
}

impl Proofs {
    pub(super) fn get(&self, question: &Question) -> Option<Arc<Answer>> {
        let mut kept = self.0.lock();
        let (answer, until) = kept.answers.get(question)?;
        if Instant::now() < *until {
            return Some(Arc::clone(answer));
        }
        kept.take(question);
        None
    }

    /// Keeps an answer if the validator will want it for other names too.
    pub(super) fn put(&self, question: &Question, answer: &Arc<Answer>, until: Instant) {
        let more = cost(question, answer);
        if !matches!(question.kind, kind::DNSKEY | kind::DS) || more > ANSWER_MAX {
            return;
        }
        let mut kept = self.0.lock();
        kept.take(question);
        while kept.bytes + more > BYTES
            && let Some((old, (answer, _))) = kept.answers.pop_lru()
        {
            kept.bytes -= cost(&old, &answer);
        }
        kept.bytes += more;
        kept.answers.put(question.clone(), (Arc::clone(answer), until));
    }

    /// Asks for it anew the next time.
    pub(super) fn take(&self, question: &Question) {
        self.0.lock().take(question);
    }

    pub(super) fn forget(&self) {
        let mut kept = self.0.lock();
        kept.answers.clear();
        kept.bytes = 0;
    }
}

impl Kept {
    fn take(&mut self, question: &Question) {
        if let Some((answer, _)) = self.answers.pop(question) {
            self.bytes -= cost(question, &answer);
        }
    }
}

/// Bytes of memory that an entry takes.
fn cost(question: &Question, answer: &Answer) -> usize {
    ENTRY + question.name.len() + answer.bytes()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{ANSWER_MAX, BYTES, Proofs, cost};
    use crate::parse::{Answer, Name, Question, Wanted, kind};

    fn question(name: &str, kind: u16, way: u64) -> Question {
        Question { name: Name::of_text(name).folded().into(), kind, dnssec_ok: true, checking_disabled: true, way }
    }

    /// Of so many bytes in one record, a key whatever was asked: any bytes have the form of one.
    fn answer(question: &Question, length: u16) -> Arc<Answer> {
        let mut message = vec![0, 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
        message.extend_from_slice(&question.name);
        message
            .extend([question.kind, 1, 0xc00c, kind::DNSKEY, 1, 0, 300, length].iter().flat_map(|w| w.to_be_bytes()));
        message.resize(message.len() + usize::from(length), 7);
        Arc::new(Answer::read(&message, Wanted { id: 0, question }).unwrap())
    }

    /// Entries, and the bytes that they take.
    fn size(proofs: &Proofs) -> (usize, usize) {
        let kept = proofs.0.lock();
        let bytes = kept.answers.iter().map(|(question, (answer, _))| cost(question, answer)).sum();
        assert_eq!(kept.bytes, bytes, "what is counted is what is there");
        (kept.answers.len(), bytes)
    }

    #[test]
    fn all_ways_together_keep_no_more_than_there_is_room_for() {
        let (proofs, until) = (Proofs::default(), Instant::now() + Duration::from_secs(60));
        let root = question("", kind::DNSKEY, 0);
        proofs.put(&root, &answer(&root, 900), until);
        for number in 0..4000_u64 {
            let key = question(&format!("z{number}.example"), kind::DNSKEY, number % 3);
            assert!(proofs.get(&root).is_some(), "what is used stays");
            proofs.put(&key, &answer(&key, 4000), until);
            let (_, bytes) = size(&proofs);
            assert!(bytes <= BYTES, "{bytes}");
        }
        let (entries, bytes) = size(&proofs);
        assert!(entries > 300 && bytes > BYTES - 5000, "{entries} {bytes}");
        proofs.forget();
        assert_eq!(size(&proofs), (0, 0));
    }

    #[test]
    fn only_what_is_wanted_again_is_kept_and_for_its_own_way() {
        let (proofs, until) = (Proofs::default(), Instant::now() + Duration::from_secs(60));
        for kind in [kind::A, kind::TXT, kind::SOA, kind::RRSIG] {
            let other = question("www.example", kind, 0);
            proofs.put(&other, &answer(&other, 40), until);
        }
        let long = question("long.example", kind::DNSKEY, 0);
        proofs.put(&long, &answer(&long, u16::try_from(ANSWER_MAX).unwrap()), until);
        assert_eq!(size(&proofs), (0, 0));
        let key = question("example", kind::DNSKEY, 1);
        proofs.put(&key, &answer(&key, 40), until);
        assert!(proofs.get(&key).is_some() && proofs.get(&question("example", kind::DNSKEY, 2)).is_none());
        proofs.put(&key, &answer(&key, 40), Instant::now());
        assert!(proofs.get(&key).is_none(), "it is over");
        assert_eq!(size(&proofs), (0, 0));
    }
}
