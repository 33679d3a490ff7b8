//! Which findings are wanted.

use gate_core::{Finding, KnowledgeBase};
use gate_scrub::Pack;

use crate::CommandError;
use crate::cli::ScanArgs;

/// Nothing chosen means everything.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    min_confidence: u8,
    kbs: Vec<KnowledgeBase>,
    rules: Vec<String>,
}

impl Filter {
    /// What the arguments choose; rules that the pack does not have are a mistake.
    pub(super) fn of(args: &ScanArgs, pack: &Pack) -> Result<Self, CommandError> {
        if let Some(unknown) = args.rule.iter().find(|id| pack.rules().all(|rule| rule.id != **id)) {
            return Err(CommandError::Input(format!(
                "--rule: the pack has no rule `{unknown}` (see `nanogate pack list`)"
            )));
        }
        Ok(Self { min_confidence: args.min_confidence, kbs: args.kb.clone(), rules: args.rule.clone() })
    }

    pub(super) fn keeps(&self, finding: &Finding) -> bool {
        finding.confidence >= self.min_confidence
            && (self.kbs.is_empty() || self.kbs.contains(&finding.kb))
            && (self.rules.is_empty() || self.rules.contains(&finding.rule))
    }
}
