//! Whether a signed image is one for this puck, now.

use thiserror::Error;

use crate::Manifest;

/// What the puck knows about the place an image would go to.
#[derive(Clone, Debug)]
pub struct Place {
    /// The board's name.
    pub board: String,
    /// Nothing older than this is taken: the newest image that ever ran well here, or the rescue system itself. As
    /// [`Manifest::sequence`].
    pub floor: u64,
    /// The images that were taken and did not start; they are not taken again.
    pub failed: Vec<u64>,
    /// Size of the slot's partition, in bytes.
    pub capacity: u64,
}

/// Why a signed image is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    #[error("it is for the board {0}")]
    Board(String),
    #[error("it is older ({sequence}) than what ran here before ({floor})")]
    Older { sequence: u64, floor: u64 },
    #[error("it was tried before and did not start")]
    Failed,
    #[error("it is too large for the slot: {bytes} bytes into {capacity}")]
    Large { bytes: u64, capacity: u64 },
    #[error("the file has {actual} bytes, and {expected} are signed")]
    Length { actual: u64, expected: u64 },
}

impl Place {
    pub(crate) fn judge(&self, manifest: &Manifest) -> Result<(), Refusal> {
        if manifest.board.as_str() != self.board {
            return Err(Refusal::Board(manifest.board.as_str().to_owned()));
        }
        if manifest.sequence < self.floor {
            return Err(Refusal::Older { sequence: manifest.sequence, floor: self.floor });
        }
        if self.failed.contains(&manifest.sequence) {
            return Err(Refusal::Failed);
        }
        if manifest.bytes > self.capacity {
            return Err(Refusal::Large { bytes: manifest.bytes, capacity: self.capacity });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, Refusal};
    use crate::testing::manifest;

    #[test]
    fn takes_what_is_for_this_board_new_enough_untried_and_fits() {
        let offered = manifest(&[7; 4096]);
        let right = Place {
            board: offered.board.as_str().to_owned(),
            floor: offered.sequence,
            failed: Vec::new(),
            capacity: 4096,
        };
        assert_eq!(right.judge(&offered), Ok(()));
        let sequence = offered.sequence;
        for (place, refusal) in [
            (Place { board: "toaster".to_owned(), ..right.clone() }, Refusal::Board(offered.board.as_str().to_owned())),
            (Place { floor: sequence + 1, ..right.clone() }, Refusal::Older { sequence, floor: sequence + 1 }),
            (Place { failed: vec![sequence + 1, sequence], ..right.clone() }, Refusal::Failed),
            (Place { capacity: 4095, ..right.clone() }, Refusal::Large { bytes: 4096, capacity: 4095 }),
        ] {
            assert_eq!(place.judge(&offered), Err(refusal));
        }
        assert_eq!(Place { failed: vec![sequence - 1, sequence + 1], ..right }.judge(&offered), Ok(()));
    }
}
