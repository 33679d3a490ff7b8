//! Why an answer is none, in the words of extended errors (RFC 8914).

/// The option's number (RFC 8914 section 2).
pub(crate) const EXTENDED_ERROR: u16 = 15;

/// A reason that a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Explanation {
    TooFast,
    TooManyWaiting,
    NoUpstream,
    /// Upstreams were not asked, or not for long: more is asked than there are seats for.
    Crowded,
    /// The kernel does not send connections to its addresses to the proxy yet.
    NotRedirected,
    UpstreamFailed,
    /// What an upstream answered says nothing of the name that it was asked for.
    OfAnotherName,
    UpstreamRefused,
    UpstreamNotUnderstood,
    UpstreamOddCode,
    UpstreamMalformed,
    Blocked,
    /// The name is another name of one that is blocked.
    AliasBlocked,
    /// The name is that of a resolver that would be asked in place of this one.
    OtherResolver,
    /// It leads to more names than anybody looks at.
    TooManyAliases,
    /// Its addresses lie inside (DNS rebinding).
    Inside,
    /// The question came back from an upstream.
    Circle,
    NotLocal,
    OtherOpcode,
    OtherClass,
    Transfer,
    /// A type that is no type of records.
    NoKind,
    Bogus,
    SignatureExpired,
    SignatureNotYetValid,
    NoSignature,
}

impl Explanation {
    /// The code of RFC 8914 section 4, and a reason for people.
    fn words(self) -> (u16, &'static str) {
        match self {
            Self::TooFast => (0, "this device asks too fast"),
            Self::TooManyAliases => (0, "the answer has too many aliases"),
            Self::Crowded => (0, "too many questions are on their way to upstream resolvers"),
            Self::TooManyWaiting => (0, "too many questions of this device are waiting for an answer"),
            Self::UpstreamMalformed => (0, "the upstream resolver's answer is malformed"),
            Self::NotRedirected => (0, "connections to its addresses do not go through this device yet"),
            Self::Circle => (0, "the question came back from the resolver that it was sent to"),
            Self::Bogus => (6, "the answer does not fit its signatures (DNSSEC)"),
            Self::SignatureExpired => (7, "the signatures of the answer have expired (DNSSEC)"),
            Self::SignatureNotYetValid => (8, "the signatures of the answer are not valid yet (DNSSEC)"),
            Self::NoSignature => (10, "the answer should be signed and is not (DNSSEC)"),
            Self::Blocked => (15, "a block list of this office holds the name"),
            Self::AliasBlocked => (15, "it leads to a name that a block list of this office holds"),
            Self::OtherResolver => {
                (15, "public resolvers for encrypted DNS are refused here: this network resolves for itself")
            }
            Self::Inside => (15, "a name of the internet leads to an address inside (DNS rebinding)"),
            Self::NotLocal => (18, "only devices of this network are answered"),
            Self::OtherOpcode => (21, "only questions are answered"),
            Self::OtherClass => (21, "only questions of class IN are answered"),
            Self::Transfer => (21, "zones are not transferred here"),
            Self::NoKind => (21, "no type of records is asked for"),
            Self::NoUpstream => (22, "no upstream resolver answered"),
            Self::UpstreamFailed => (22, "the upstream resolver found no answer (SERVFAIL)"),
            Self::OfAnotherName => (0, "the upstream resolver answered for another name"),
            Self::UpstreamRefused => (22, "the upstream resolver refuses to answer this question (REFUSED)"),
            Self::UpstreamNotUnderstood => (23, "the upstream resolver does not understand this question"),
            Self::UpstreamOddCode => (23, "the upstream resolver answers with a code that no answer has"),
        }
    }

    /// The reason for people.
    pub(crate) fn text(self) -> &'static str {
        self.words().1
    }

    /// The option as it stands in an OPT record.
    pub(crate) fn option(self) -> Vec<u8> {
        let (code, text) = self.words();
        let length = u16::try_from(2 + text.len()).expect("a short text");
        [&EXTENDED_ERROR.to_be_bytes(), &length.to_be_bytes(), &code.to_be_bytes(), text.as_bytes()].concat()
    }
}
