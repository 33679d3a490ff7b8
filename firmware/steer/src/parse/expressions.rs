//! A rule's expressions, small machine instructions, as the rule they make.

use super::Rule;
use crate::netlink::{Attribute, attributes, text, u32_of};
use crate::ruleset::{Action, Family, Protocol, Steered};

const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;
const NFTA_DATA_VALUE: u16 = 1;

/// Expressions as far as our rules use them. All of ours work on register 1 and are checked for it.
#[derive(Debug, PartialEq, Eq)]
enum Expr<'a> {
    /// Loads a property of the packet.
    Meta {
        key: u32,
    },
    /// Goes on where the register equals this.
    Equal(&'a [u8]),
    /// Loads bytes of a header.
    Payload {
        base: u32,
        offset: u32,
        length: u32,
    },
    /// Goes on where the register's value is in this set, or where it is not.
    Lookup {
        set: String,
        inverted: bool,
    },
    /// Loads a constant.
    Immediate(&'a [u8]),
    /// Redirects to the port in the register.
    Redirect,
    Reject {
        kind: u32,
        code: u8,
    },
    /// Anything else, by name.
    Other(String),
}

const META_IIFNAME: u32 = 6;
const META_NFPROTO: u32 = 15;
const META_L4PROTO: u32 = 16;
const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;
/// Both TCP and UDP have the destination port here.
const PORT_OFFSET: u32 = 2;
const LOOKUP_INVERTED: u32 = 1;
const REJECT_TCP_RST: u32 = 1;
const REJECT_ICMPX: u32 = 2;
const ICMPX_PORT_UNREACH: u8 = 1;

/// Reads a rule's list of expressions; `None` where it is broken.
pub(super) fn rule(list: &[u8]) -> Option<Rule> {
    let expressions = attributes(list).map(expression).collect::<Option<Vec<_>>>()?;
    Some(steered(&expressions).map_or_else(|| Rule::Foreign(names(&expressions)), Rule::Steered))
}

fn expression(attribute: Attribute<'_>) -> Option<Expr<'_>> {
    let name = text(attribute.inner(NFTA_EXPR_NAME)?.value)?;
    let data = attribute.inner(NFTA_EXPR_DATA).map(|data| data.value).unwrap_or_default();
    Some(known(&name, Fields(data)).unwrap_or(Expr::Other(name)))
}

/// The attributes of one expression.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn find(self, kind: u16) -> Option<Attribute<'a>> {
        attributes(self.0).find(|attribute| attribute.kind == kind)
    }

    fn number(self, kind: u16) -> Option<u32> {
        u32_of(self.find(kind)?.value)
    }

    fn data(self, kind: u16) -> Option<&'a [u8]> {
        Some(self.find(kind)?.inner(NFTA_DATA_VALUE)?.value)
    }

    fn name(self, kind: u16) -> Option<String> {
        text(self.find(kind)?.value)
    }

    /// Whether a register is register 1. The kernel names its first four bytes `NFT_REG32_00` (8) or the whole of it
    /// `NFT_REG_1` (1).
    fn register(self, kind: u16) -> Option<()> {
        matches!(self.number(kind)?, 1 | 8).then_some(())
    }
}

fn known<'a>(name: &str, fields: Fields<'a>) -> Option<Expr<'a>> {
    match name {
        "meta" => {
            fields.register(1)?;
            Some(Expr::Meta { key: fields.number(2)? })
        }
        "cmp" => {
            fields.register(1)?;
            (fields.number(2)? == 0).then_some(())?;
            Some(Expr::Equal(fields.data(3)?))
        }
        "payload" => {
            fields.register(1)?;
            Some(Expr::Payload { base: fields.number(2)?, offset: fields.number(3)?, length: fields.number(4)? })
        }
        "lookup" => {
            fields.register(2)?;
            let flags = fields.number(5).unwrap_or(0);
            (fields.number(3).is_none() && flags <= LOOKUP_INVERTED).then_some(())?;
            Some(Expr::Lookup { set: fields.name(1)?, inverted: flags == LOOKUP_INVERTED })
        }
        "immediate" => {
            fields.register(1)?;
            Some(Expr::Immediate(fields.data(2)?))
        }
        "redir" => {
            fields.register(1)?;
            // The end of the range is the same register or is not given.
            fields.number(2).is_none_or(|last| Some(last) == fields.number(1)).then_some(Expr::Redirect)
        }
        "reject" => {
            let code = fields.find(2).and_then(|code| code.value.first().copied());
            Some(Expr::Reject { kind: fields.number(1)?, code: code.unwrap_or(0) })
        }
        _ => None,
    }
}

/// The rule, where the expressions are one of ours and nothing more.
fn steered(expressions: &[Expr<'_>]) -> Option<Steered> {
    let (from, rest) = match expressions {
        [Expr::Meta { key: META_IIFNAME }, Expr::Equal(name), rest @ ..] => (Some(text(name)?), rest),
        rest => (None, rest),
    };
    let [
        Expr::Meta { key: META_NFPROTO },
        Expr::Equal([family]),
        Expr::Payload { base: NETWORK_HEADER, offset, length },
        Expr::Lookup { set: to, inverted: elsewhere },
        Expr::Meta { key: META_L4PROTO },
        Expr::Equal([protocol]),
        Expr::Payload { base: TRANSPORT_HEADER, offset: PORT_OFFSET, length: 2 },
        Expr::Equal([high, low]),
        action @ ..,
    ] = rest
    else {
        return None;
    };
    let family = [Family::V4, Family::V6].into_iter().find(|known| known.nfproto() == *family)?;
    let protocol = [Protocol::Tcp, Protocol::Udp].into_iter().find(|known| known.number() == *protocol)?;
    (family.destination() == (*offset, *length)).then_some(())?;
    let action = match action {
        [Expr::Immediate([high, low]), Expr::Redirect] => Action::Redirect(u16::from_be_bytes([*high, *low])),
        [Expr::Reject { kind: REJECT_ICMPX, code: ICMPX_PORT_UNREACH }] => Action::Reject,
        [Expr::Reject { kind: REJECT_TCP_RST, .. }] => Action::Reset,
        _ => return None,
    };
    let (to, elsewhere, port) = (to.clone(), *elsewhere, u16::from_be_bytes([*high, *low]));
    Some(Steered { from, family, to, elsewhere, protocol, port, action })
}

fn names(expressions: &[Expr<'_>]) -> String {
    let name = |expression: &Expr<'_>| match expression {
        Expr::Meta { .. } => "meta".to_owned(),
        Expr::Equal(_) => "cmp".to_owned(),
        Expr::Payload { .. } => "payload".to_owned(),
        Expr::Lookup { set, .. } => format!("lookup @{set}"),
        Expr::Immediate(_) => "immediate".to_owned(),
        Expr::Redirect => "redir".to_owned(),
        Expr::Reject { .. } => "reject".to_owned(),
        Expr::Other(name) => name.clone(),
    };
    expressions.iter().map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
