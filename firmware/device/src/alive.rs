//! Is the office being answered? A question over the loopback, as any client would ask it, is the only proof that counts;
//! what the watchdog gets follows from it alone.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const RESOLVER: &str = "127.0.0.1:53";
const BETWEEN: Duration = Duration::from_secs(1);
/// How long an answer may take before it counts as none.
const WAIT: Duration = Duration::from_secs(2);

/// Asks again and again in a thread of its own; the main loop reads when the last answer came.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    begun: Instant,
    /// Milliseconds after `begun`, plus one; 0 before the first answer.
    answered: Arc<AtomicU64>,
}

impl Probe {
    /// Starts asking for `name`, which the resolver knows by itself.
    pub(crate) fn start(name: String) -> Self {
        let probe = Self { begun: Instant::now(), answered: Arc::default() };
        let own = probe.clone();
        std::thread::spawn(move || {
            let mut id = 1_u16;
            loop {
                if asks(RESOLVER, &name, id).is_some() {
                    own.note();
                }
                id = id.wrapping_add(1);
                std::thread::sleep(BETWEEN);
            }
        });
        probe
    }

    fn note(&self) {
        let millis = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.answered.store(millis + 1, Ordering::Relaxed);
    }

    /// When the last answer came.
    pub(crate) fn last(&self) -> Option<Instant> {
        let millis = self.answered.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.begun + Duration::from_millis(millis))
    }
}

/// Asks once for the A record of `name` (RFC 1035 section 4); Some if an answer to this question came.
fn asks(resolver: &str, name: &str, id: u16) -> Option<()> {
    let socket = UdpSocket::bind("127.0.0.1:0").ok()?;
    socket.set_read_timeout(Some(WAIT)).ok()?;
    socket.connect(resolver).ok()?;
    socket.send(&question(name, id)).ok()?;
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer).ok()?;
    is_answer(&answer[..length], id).then_some(())
}

fn question(name: &str, id: u16) -> Vec<u8> {
    let mut message = Vec::with_capacity(64);
    message.extend(id.to_be_bytes());
    // Recursion desired; one question.
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).unwrap_or(0));
        message.extend(label.as_bytes());
    }
    // The root; A; IN.
    message.extend([0, 0, 1, 0, 1]);
    message
}

/// An answer with our number, no error, and at least one record.
fn is_answer(message: &[u8], id: u16) -> bool {
    let [id_high, id_low, flags, code, _, _, count_high, count_low, ..] = *message else { return false };
    u16::from_be_bytes([id_high, id_low]) == id
        && flags & 0x80 != 0
        && code & 0x0f == 0
        && (count_high, count_low) != (0, 0)
}

#[cfg(test)]
mod tests {
    use super::{asks, is_answer, question};
    use std::net::UdpSocket;

    /// A resolver that gives one answer, made from the question.
    fn resolver(answer: impl FnOnce(Vec<u8>) -> Option<Vec<u8>> + Send + 'static) -> String {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let address = socket.local_addr().expect("bound").to_string();
        std::thread::spawn(move || {
            let mut bytes = [0; 512];
            let (length, client) = socket.recv_from(&mut bytes).expect("a question");
            if let Some(answer) = answer(bytes[..length].to_vec()) {
                socket.send_to(&answer, client).expect("sent");
            }
        });
        address
    }

    fn answered(mut question: Vec<u8>) -> Vec<u8> {
        question[2] |= 0x80;
        question[7] = 1;
        question
    }

    #[test]
    fn an_answer_is_proof_of_life() {
        let address = resolver(|question| Some(answered(question)));
        assert_eq!(asks(&address, "nanogate.lan", 7), Some(()));
    }

    #[test]
    fn an_error_somebody_elses_answer_and_silence_are_none() {
        let failed = resolver(|question| {
            let mut answer = answered(question);
            answer[3] |= 2;
            Some(answer)
        });
        assert_eq!(asks(&failed, "nanogate.lan", 7), None);
        let other = resolver(|question| {
            let mut answer = answered(question);
            answer[1] ^= 1;
            Some(answer)
        });
        assert_eq!(asks(&other, "nanogate.lan", 7), None);
        assert_eq!(asks(&resolver(|_| None), "nanogate.lan", 7), None);
    }

    #[test]
    fn our_own_question_sent_back_is_no_answer() {
        assert!(!is_answer(&question("nanogate.lan", 7), 7));
        assert!(!is_answer(&[], 0));
    }
}
