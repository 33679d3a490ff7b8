use gate_core::Why;

/// All that a candidate rests on, small enough to be copied about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grounds(u16);

impl Grounds {
    /// In the order of [`Why`], which is that of the words in a finding.
    const ALL: [Why; 9] = [
        Why::Anchor,
        Why::Keyword,
        Why::Shape,
        Why::CheckDigit,
        Why::Structure,
        Why::Entropy,
        Why::Context,
        Why::Encoded,
        Why::Model,
    ];

    /// The same and `why`, if `holds`.
    #[must_use]
    pub(crate) fn with(self, why: Why, holds: bool) -> Self {
        Self(self.0 | u16::from(holds) << why as u16)
    }

    pub(crate) fn words(self) -> Vec<Why> {
        Self::ALL.into_iter().filter(|why| self.0 >> *why as u16 & 1 == 1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Grounds, Why};

    #[test]
    fn words_come_in_their_order_and_once() {
        let grounds = Grounds::default().with(Why::Model, true).with(Why::Anchor, true).with(Why::Entropy, false);
        assert_eq!(grounds.with(Why::Model, true).words(), [Why::Anchor, Why::Model]);
        assert!(Grounds::ALL.is_sorted());
    }
}
