//! Aliases from a zone of the office to the internet and back: neither side's servers know what the other's hold, so each is
//! asked for its own part.

use hickory_proto::op::Message;

use super::Routes;
use crate::act::exchange::ExchangeError;
use crate::config::forward_of;
use crate::decide::is_of_the_internet;
use crate::parse::{Answer, Explanation, Name, Question, Rcode, Security, Wanted};
use crate::{Config, Identity};

/// Steps from one side to the other; more are a circle, or somebody's joke.
const STEPS: usize = 8;

impl Routes {
    /// Asks whoever knows the name, and whoever knows the name that it is an alias of. No log names a `silent` question.
    pub(crate) async fn ask(
        &self,
        question: &Question,
        silent: bool,
        config: &Config,
        identity: &Identity,
    ) -> Result<Answer, ExchangeError> {
        let mut answer = self.ask_one(question, silent, config, identity).await?;
        let mut asked = question.clone();
        let from_outside = forward_of(&config.forward, &question.name).is_none();
        for _ in 0..STEPS {
            let target = answer.is_conclusive().then(|| answer.open_end(question.kind)).flatten();
            let Some(target) = target.filter(|name| leads_across(&asked, name, config, identity)) else {
                return Ok(told(question, answer));
            };
            // The target may end with a part of the asked name, whose spelling we made up.
            answer = answer.spelled(&question.name);
            let target = answer.open_end(question.kind).unwrap_or(target);
            asked.name = target.folded().into();
            let rest = self.ask_one(&asked, silent, config, identity).await?.spelled(target.sent());
            if !rest.is_conclusive() {
                return Ok(told(question, rest));
            }
            answer = joined(question, &answer, &rest).ok_or(ExchangeError::TooLong)?;
            // Whoever owns a name of the internet may call it by the office's: his page would reach that as its own.
            if from_outside && self.rebinds((question, silent), &answer, config, identity) {
                return Ok(Answer::failure(question, Explanation::Inside));
            }
        }
        Ok(Answer::failure(question, Explanation::TooManyAliases))
    }
}

/// Whether a name must be asked of somebody else than what was asked. Names without a server on the internet are not asked of it.
fn leads_across(asked: &Question, target: &Name, config: &Config, identity: &Identity) -> bool {
    let [from, to] = [&asked.name, target.folded()].map(|name| forward_of(&config.forward, name));
    from != to && (to.is_some() || is_of_the_internet(target, identity))
}

/// The aliases of one answer, and what another says of the name that they end with. Nobody vouches for both together.
fn joined(question: &Question, aliases: &Answer, rest: &Answer) -> Option<Answer> {
    let mut message = Message::from_vec(aliases.message()).ok()?;
    let rest = Message::from_vec(rest.message()).ok()?;
    message.metadata.id = 0;
    message.metadata.response_code = rest.metadata.response_code;
    message.answers.extend(rest.answers);
    message.authorities = rest.authorities;
    message.additionals = rest.additionals;
    let answer = Answer::read(&message.to_vec().ok()?, Wanted { id: 0, question }).ok()?;
    Some(answer.marked(Security::Unchecked))
}

/// What a client may see of an answer, whatever way it came: codes that speak of us and the upstream tell the client, which
/// would try no other resolver, something wrong of its own question.
fn told(question: &Question, answer: Answer) -> Answer {
    const REFUSED: u8 = Rcode::Refused as u8;
    const NOT_UNDERSTOOD: [u8; 2] = [Rcode::FormErr as u8, Rcode::NotImp as u8];
    let own = || answer.extended_error().map(Into::into);
    let failure = |why: Explanation| Answer::failure_with(question, own().or(Some(why.option().into())));
    match answer.rcode() {
        _ if answer.leads_too_far() => Answer::failure(question, Explanation::TooManyAliases),
        _ if answer.is_conclusive() && answer.is_of_others() => Answer::failure(question, Explanation::OfAnotherName),
        _ if answer.is_conclusive() => answer,
        REFUSED => failure(Explanation::UpstreamRefused),
        code if NOT_UNDERSTOOD.contains(&code) => failure(Explanation::UpstreamNotUnderstood),
        code if code != Rcode::ServFail as u8 => failure(Explanation::UpstreamOddCode),
        // Of another name, where an alias led to it, or without a word of why.
        _ if !answer.asks(question) || answer.extended_error().is_none() => failure(Explanation::UpstreamFailed),
        _ => answer,
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{Message, MessageType, OpCode, Query};
    use hickory_proto::rr::rdata::{A, CNAME};
    use hickory_proto::rr::{Name as Owner, RData, Record, RecordType};

    use super::joined;
    use crate::parse::{Answer, Name, Question, Wanted, kind};

    /// An answer to a question that is spelled as somebody made it up.
    fn answer(made_up: &str, records: &[(&str, RData)]) -> Answer {
        let name = |text: &str| Owner::from_ascii(text).unwrap();
        let mut message = Message::new(7, MessageType::Response, OpCode::Query);
        message.add_query(Query::query(name(made_up), RecordType::A));
        for (owner, data) in records {
            message.add_answer(Record::from_rdata(name(owner), 60, data.clone()));
        }
        let asked = question(made_up);
        Answer::read(&message.to_vec().unwrap(), Wanted { id: 7, question: &asked }).unwrap()
    }

    fn question(text: &str) -> Question {
        let name = Name::of_text(&text.to_ascii_lowercase()).folded().into();
        Question { name, kind: kind::A, dnssec_ok: false, checking_disabled: false, way: 0 }
    }

    #[test]
    fn no_spelling_that_was_made_up_is_left() {
        let asked = question("x.corp.test9.example.");
        let alias = RData::CNAME(CNAME(Owner::from_ascii("www.outside.TeSt9.eXAMple.").unwrap()));
        let aliases = answer("x.CoRp.TeSt9.eXAMple.", &[("x.CoRp.TeSt9.eXAMple.", alias)]).spelled(&asked.name);
        let target = aliases.open_end(kind::A).unwrap();
        let address = RData::A(A::new(203, 0, 113, 9));
        let made_up = "wWw.OUTSIde.tESt9.EXaMPLE.";
        let rest = answer(made_up, &[(made_up, address.clone()), (made_up, address)]).spelled(target.sent());
        let both = Message::from_vec(joined(&asked, &aliases, &rest).unwrap().message()).unwrap();
        assert_eq!(both.answers.len(), 3);
        let spelled = format!("{:?}", both.answers.iter().map(ToString::to_string).collect::<Vec<_>>());
        let targets = spelled.matches(&target.text()).count();
        assert_eq!(targets, 3, "where it leads is spelled as it is asked there: {spelled}");
        for made_up in ["wWw", "OUTSIde", "tESt9", "EXaMPLE", "CoRp"] {
            assert!(!spelled.contains(made_up), "{spelled}");
        }
    }
}
