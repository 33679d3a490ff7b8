//! What a request carries that nobody can read.

use gate_core::{Action, Attachment, FileKind, Reason, Unread};
use http::StatusCode;

use super::super::super::attached;
use super::super::super::refusal::Refusal;
use super::{Case, UPLOADS};

impl Case<'_> {
    /// What is attached to the conversation.
    pub(super) fn read_attachments(&mut self, body: &[u8]) -> Result<(), Refusal> {
        let inspector = self.inspector;
        let hash = &inspector.hash;
        let one = |one: &gate_dialect::Attachment| {
            let text = body.get(one.span.clone()).unwrap_or_default();
            if one.is_link {
                return attached::link(hash, text);
            }
            let file = attached::packed(hash, text);
            let kind = if file.kind == FileKind::Unknown && one.is_sound { FileKind::Audio } else { file.kind };
            Attachment { kind, ..file }
        };
        let files: Vec<Attachment> = self.facts.attachments.iter().map(one).collect();
        let more = self.facts.more_attachments;
        self.attachments.more = more;
        self.carry(files)?;
        if more > 0 { self.ask_unseen() } else { Ok(()) }
    }

    /// Notes files and asks the policy whether the request may carry them: all are noted, whatever it says of the first.
    pub(super) fn carry(&mut self, files: Vec<Attachment>) -> Result<(), Refusal> {
        let asked: Vec<(FileKind, u64)> = files.iter().map(|file| (file.kind, file.bytes)).collect();
        files.into_iter().for_each(|file| self.attachments.add(file));
        asked.into_iter().try_for_each(|(kind, bytes)| self.ask_upload(kind, bytes))
    }

    /// Asks it of files that there may be where nobody looked.
    pub(super) fn ask_unseen(&mut self) -> Result<(), Refusal> {
        self.ask_upload(FileKind::Unknown, u64::MAX)
    }

    fn ask_upload(&mut self, kind: FileKind, bytes: u64) -> Result<(), Refusal> {
        if self.prompt.is_answer {
            return Ok(());
        }
        let rule = || Reason::Policy(UPLOADS.to_owned());
        match self.judge.upload(self.prompt.client, kind, bytes) {
            Action::Allow => {}
            Action::Alert => self.unread = Some(rule()),
            Action::Redact | Action::Deny => {
                let text = "The policy does not let files of this type or size leave.";
                return Err(Refusal::new(StatusCode::FORBIDDEN, rule(), text.to_owned()));
            }
        }
        Ok(())
    }

    /// Asks the policy whether what cannot be read may pass, and notes that it does.
    pub(super) fn leave_unread(&mut self, what: Unread, reason: Reason) -> Result<(), Refusal> {
        match self.judge.unread(self.prompt.client, what) {
            Action::Allow => {}
            Action::Alert => self.unread = Some(reason),
            Action::Redact | Action::Deny => return Err(Refusal::forbidden(reason)),
        }
        match what {
            Unread::Costly => self.ask_unseen(),
            // Who leaves it has looked at its beginning, or asks.
            Unread::Opaque => Ok(()),
        }
    }
}
