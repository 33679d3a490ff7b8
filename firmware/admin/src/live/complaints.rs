use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// How long a chain that fails again is not mentioned again: polls come several times a second.
const QUIET: Duration = Duration::from_secs(60);

/// The chains whose failure was logged lately. What is older is forgotten, so there are at most as many as chains.
#[derive(Debug, Default)]
pub(super) struct Complaints(HashMap<String, Instant>);

impl Complaints {
    /// Whether the failure of a chain is to be logged now; if so, it counts as logged.
    pub(super) fn due(&mut self, process: &str, now: Instant) -> bool {
        self.0.retain(|_, logged| now.duration_since(*logged) < QUIET);
        if self.0.contains_key(process) {
            return false;
        }
        self.0.insert(process.to_owned(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Complaints;

    #[test]
    fn each_chain_is_mentioned_once_a_minute() {
        let (mut complaints, start) = (Complaints::default(), Instant::now());
        let mut due = |process, second| complaints.due(process, start + Duration::from_secs(second));
        let mentioned = (0..180).filter(|second| due("dns", *second)).count();
        assert_eq!(mentioned, 3);
        assert_eq!((due("dns", 179), due("proxy", 179)), (false, true));
        assert_eq!((due("proxy", 238), due("proxy", 239)), (false, true));
        due("steer", 400);
        assert_eq!(complaints.0.len(), 1, "what is long over is forgotten");
    }
}
