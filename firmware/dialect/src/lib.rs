//! The providers' wire formats: which model is asked, what must not be edited, how a refusal looks, what it cost.
//!
//! ```text
//!                      request ──► read_request ──► RequestFacts   model, stream, frozen bytes, current turn
//!   table of formats   verdict ──► denial       ──► Denial         403 in the provider's own error shape
//!   openai anthropic   answer  ──► UsageReader  ──► Usage          tokens, read on the side of the stream
//!                      event   ──► read_event  ──► Delta          the next piece of which text of a streamed answer
//!   gemini generic     call    ──► Call         ──► Envelope       gRPC and Connect, their messages read without a schema
//! ```
//!
//! A format is one file with one constant of type [`format::Format`] in it, listed in [`format::FORMATS`]: adding a
//! provider's format is adding a file and a line.
//!
//! **Invariant:** no request fails here. What cannot be understood is [`Dialect::Generic`], without a model and without
//! usage; what is too deep or broken off is frozen rather than guessed at.
//!
//! **Invariant:** one pass over the bytes, without recursion, and memory that does not grow with them: nesting, frozen
//! ranges and the captured usage object are capped, each by a named constant that a test reaches. Only [`message_text`] goes
//! down into messages, to a stated depth, and copies their text, as much as its caller allows.
//!
//! **Invariant:** no answer is ever held back or changed: [`UsageReader`] is shown bytes that are already on their way.

#![forbid(unsafe_code)]

mod format;

mod json;

mod request;

mod denial;

mod shadow;

mod usage;

mod deltas;

mod calls;

mod anthropic;
mod gemini;
mod generic;
mod openai;

pub use calls::{
    Call, CallDenial, CallEnd, Codec, ENVELOPE_HEAD, Envelope, Follower, MessageError, MessageText, message_text,
};
pub use deltas::{Delta, StreamEvent, read_event, shell};
pub use denial::{Denial, denial, refusal, spoken};
pub use format::{Dialect, values_of};
pub use json::unescaped;
pub use request::{Attachment, RequestFacts, read_request};
pub use shadow::{name_looks_like_ai, request_looks_like_ai};
pub use usage::{Reading, UsageReader};
