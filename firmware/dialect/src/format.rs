//! The table of formats, and how one is chosen.

use gate_core::HostName;
use serde_json::Value;

use crate::{anthropic, gemini, generic, openai};

/// A provider's way of writing requests, answers and errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Chat completions, responses, completions and embeddings; most vendors speak it.
    OpenAi,
    /// Messages.
    Anthropic,
    /// `generateContent` and its siblings.
    Gemini,
    /// Everything else: read as JSON without knowing what it means.
    #[default]
    Generic,
}

/// Every format, asked in this order; the generic one claims nothing and stands last.
pub(crate) static FORMATS: [&Format; 4] = [&anthropic::FORMAT, &gemini::FORMAT, &openai::FORMAT, &generic::FORMAT];

/// All that the rest of this crate needs to know about one dialect.
#[derive(Debug)]
pub(crate) struct Format {
    pub(crate) dialect: Dialect,
    /// Hosts, with all names below them, that speak it where the path does not say otherwise.
    pub(crate) hosts: &'static [&'static str],
    /// Vendors that do, by their identifiers in `kb8-providers`.
    pub(crate) vendors: &'static [&'static str],
    /// Whether a path without its query can only be this dialect's.
    pub(crate) claims: fn(path: &str) -> bool,
    /// What the path tells about the request.
    pub(crate) from_path: fn(path: &str) -> PathFacts,
    /// Top-level members that hold the conversation.
    pub(crate) conversation: &'static [&'static str],
    /// What may never be edited, wherever in the body it stands.
    pub(crate) frozen: &'static [FrozenRule],
    /// The error object for a status and a reason.
    pub(crate) error: fn(status: u16, reason: &str) -> Value,
    pub(crate) usage: UsageFields,
}

/// What a path tells about the request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PathFacts {
    pub(crate) model: Option<String>,
    pub(crate) stream: bool,
}

/// Content that a provider signed or encrypted: it comes back as it was or not at all.
#[derive(Debug)]
pub(crate) struct FrozenRule {
    /// The value of the object's `type` without which the rule does not apply.
    pub(crate) tag: Option<&'static str>,
    /// The member that carries the signature or the ciphertext.
    pub(crate) key: &'static str,
    pub(crate) extent: Extent,
}

/// How much a [`FrozenRule`] freezes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The object: its other members are covered by the signature.
    Object,
    /// The member's value alone.
    Member,
}

/// Where an answer says how many tokens were used. A point in a name leads into an object.
#[derive(Debug)]
pub(crate) struct UsageFields {
    /// The members whose objects hold the counts.
    pub(crate) containers: &'static [&'static str],
    /// Counts that are members of the answer itself.
    pub(crate) loose: &'static [&'static str],
    /// Alternatives, the largest wins; the fields of one alternative are added up.
    pub(crate) input: &'static [&'static [&'static str]],
    pub(crate) output: &'static [&'static [&'static str]],
    /// Parts of the input that a cache had, and that went into one; the largest wins, as it does below.
    pub(crate) cached: &'static [&'static str],
    pub(crate) written: &'static [&'static str],
    /// What the model thought, which `output` holds as well; or does not, where `total` is the sum of all three.
    pub(crate) reasoning: &'static [&'static str],
    pub(crate) total: &'static [&'static str],
}

impl UsageFields {
    /// Every name there is.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        let sums = self.input.iter().chain(self.output).flat_map(|sum| sum.iter());
        let parts = [self.cached, self.written, self.reasoning, self.total].into_iter().flatten();
        sums.chain(parts).copied()
    }
}

/// The format of a request: its path speaks first, because several vendors offer several formats on one host.
pub(crate) fn choose(vendor: &str, host: &HostName, path: &str) -> &'static Format {
    let by_path = FORMATS.into_iter().find(|format| (format.claims)(path));
    let by_host = || FORMATS.into_iter().find(|format| format.hosts.iter().any(|known| host.is_within(known)));
    by_path.or_else(by_host).unwrap_or_else(|| by_vendor(vendor))
}

/// The format that a vendor speaks where neither path nor host tell.
pub(crate) fn by_vendor(vendor: &str) -> &'static Format {
    FORMATS.into_iter().find(|format| format.vendors.contains(&vendor)).unwrap_or(&generic::FORMAT)
}

/// The format of a dialect.
pub(crate) fn of(dialect: Dialect) -> &'static Format {
    FORMATS.into_iter().find(|format| format.dialect == dialect).unwrap_or(&generic::FORMAT)
}

/// The path without query and fragment.
pub(crate) fn without_query(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap_or_default()
}

/// Whether a path ends in these segments, a trailing slash forgiven, and case: some providers route without it.
pub(crate) fn ends_in(path: &str, segments: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    let split = path.len().checked_sub(segments.len()).and_then(|at| path.split_at_checked(at));
    split
        .is_some_and(|(before, end)| end.eq_ignore_ascii_case(segments) && (before.is_empty() || before.ends_with('/')))
}

/// The segment that follows `before`, whatever its case, such as the model after `models` in `/v1/models/x`.
pub(crate) fn segment_after<'a>(path: &'a str, before: &str) -> Option<&'a str> {
    let mut segments = path.split('/');
    segments.find(|segment| segment.eq_ignore_ascii_case(before))?;
    segments.next().filter(|segment| !segment.is_empty())
}

/// Whether a path has segments that a server may take away together with their neighbours, or empty ones.
pub(crate) fn has_dots(path: &str) -> bool {
    let plain = path.strip_prefix('/').unwrap_or(path);
    plain.split(['/', '\\']).any(|segment| matches!(decoded(segment).as_str(), "" | "." | ".."))
        || path.to_ascii_lowercase().contains("%2f")
}

/// The values of the parameters of these names in a query or an urlencoded form, percent encoding undone. Too many rather
/// than too few: some servers end a parameter at a semicolon, too, and some know its name in any case.
pub fn values_of<'a>(pairs: &'a str, names: &'a [&'a str]) -> impl Iterator<Item = String> + 'a {
    let pairs = pairs.split(['&', ';']).filter_map(|pair| pair.split_once('='));
    let wanted = |name: &str| names.iter().any(|known| decoded(name).trim().eq_ignore_ascii_case(known));
    pairs.filter(move |(name, _)| wanted(name)).map(|(_, value)| decoded(&value.replace('+', " ")).trim().to_owned())
}

/// A piece of a path without its percent encoding, which a provider undoes once as well.
pub(crate) fn decoded(segment: &str) -> String {
    let hex = |digit: Option<&u8>| digit.and_then(|digit| char::from(*digit).to_digit(16));
    let mut bytes = segment.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    while let Some((byte, rest)) = bytes.split_first() {
        let pair = (*byte == b'%').then(|| Some(hex(rest.first())? << 4 | hex(rest.get(1))?)).flatten();
        let (decoded, rest) = match pair {
            Some(value) => (value as u8, &rest[2..]),
            None => (*byte, rest),
        };
        out.push(decoded);
        bytes = rest;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests;
