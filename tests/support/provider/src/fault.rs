//! Misbehaviour on request: the header `x-fake: gzip, pace=5, events=200`.

use std::time::Duration;

use crate::coding::Coding;

/// Everything a request may ask for; the default is good behaviour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// `gzip`, `deflate`, `br`, `zstd`: the answer's content coding.
    pub(crate) coding: Coding,
    /// `429`, `529` or any other status: the provider's own error instead of an answer.
    pub(crate) status: Option<u16>,
    /// `slow-head=MS`: waits before the answer's head.
    pub(crate) slow_head: Duration,
    /// `pace=MS`: the pause between two events.
    pub(crate) pace: Option<Duration>,
    /// `stepped`: every event after the first waits until somebody asks for `/fake/step`.
    pub(crate) stepped: bool,
    /// `untyped`, or `type=TYPE`: the answer says nothing of what it is, or this.
    pub(crate) content_type: Option<String>,
    /// `words=N`: length of the answer; a stream sends about one event for each.
    pub(crate) words: Option<usize>,
    /// `echo` or `echo=N`: it says what it was told last, in pieces of N characters.
    pub(crate) echo: Option<usize>,
    /// What breaks, if anything.
    pub(crate) breakage: Option<Breakage>,
}

/// How an exchange goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breakage {
    /// `stall-head`: nothing is ever answered.
    StallHead,
    /// `stall`: the head and the first event, then silence.
    Stall,
    /// `reset-mid-stream`: RST of the stream on h2, of the connection on h1, after the third event.
    ResetStream,
    /// `drop-connection`: RST of the whole connection after the third event.
    DropConnection,
    /// `no-answer`: the connection is closed instead of an answer.
    NoAnswer,
}

impl Default for Fault {
    fn default() -> Self {
        Self {
            coding: Coding::Identity,
            status: None,
            slow_head: Duration::ZERO,
            pace: None,
            stepped: false,
            content_type: None,
            words: None,
            echo: None,
            breakage: None,
        }
    }
}

impl Fault {
    /// Reads the header; a word it does not know is an error, so that no test asks for something that never happens.
    pub(crate) fn parse(header: &str) -> Result<Self, String> {
        let mut fault = Self::default();
        for word in header.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            let number = || value.parse::<u64>().map_err(|_| format!("x-fake: `{word}` needs a number"));
            match key {
                "slow-head" => fault.slow_head = Duration::from_millis(number()?),
                "pace" => fault.pace = Some(Duration::from_millis(number()?)),
                "stepped" => fault.stepped = true,
                "untyped" => fault.content_type = Some(String::new()),
                "type" => fault.content_type = Some(value.to_owned()),
                "words" => fault.words = Some(usize::try_from(number()?).map_err(|e| e.to_string())?),
                "echo" if value.is_empty() => fault.echo = Some(usize::MAX),
                "echo" => fault.echo = Some(usize::try_from(number()?.max(1)).map_err(|e| e.to_string())?),
                "stall-head" => fault.breakage = Some(Breakage::StallHead),
                "stall" => fault.breakage = Some(Breakage::Stall),
                "reset-mid-stream" => fault.breakage = Some(Breakage::ResetStream),
                "drop-connection" => fault.breakage = Some(Breakage::DropConnection),
                "no-answer" => fault.breakage = Some(Breakage::NoAnswer),
                _ => match (Coding::parse(key), key.parse::<u16>()) {
                    (Some(coding), _) => fault.coding = coding,
                    (None, Ok(status @ 400..=599)) => fault.status = Some(status),
                    _ => return Err(format!("x-fake: `{word}` is not something this provider does")),
                },
            }
        }
        Ok(fault)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Breakage, Fault};
    use crate::coding::Coding;

    #[test]
    fn reads_what_it_knows_and_refuses_the_rest() {
        let fault = Fault::parse("gzip, pace=5, stall").unwrap();
        assert_eq!((fault.coding, fault.pace), (Coding::Gzip, Some(Duration::from_millis(5))));
        assert_eq!(fault.breakage, Some(Breakage::Stall));
        assert_eq!(Fault::parse("529").unwrap().status, Some(529));
        assert_eq!(Fault::parse("echo").unwrap().echo, Some(usize::MAX));
        assert_eq!(Fault::parse("echo=3").unwrap().echo, Some(3));
        assert_eq!(Fault::parse("").unwrap(), Fault::default());
        for bad in ["sleepy", "200", "pace=soon", "pace"] {
            assert!(Fault::parse(bad).is_err(), "{bad}");
        }
    }
}
