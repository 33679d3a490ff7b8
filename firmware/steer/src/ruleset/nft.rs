//! The rule set in nft's own syntax, as `nft list table` prints it.

use std::fmt::{self, Display, Formatter, Write};

use super::{Action, Base, Chain, Elements, Family, Hook, Kind, Protocol, Rule, RuleSet, Set, Steered};

impl RuleSet {
    /// The table in nft's own syntax.
    pub fn to_nft(&self) -> String {
        self.to_string()
    }
}

impl Display for RuleSet {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "table inet {} {{", self.table)?;
        if self.dormant {
            f.write_str("\tflags dormant\n\n")?;
        }
        let blocks = self.sets.iter().map(|set| set as &dyn Display);
        let blocks = blocks.chain(self.chains.iter().map(|chain| chain as &dyn Display));
        for (place, block) in blocks.enumerate() {
            if place > 0 {
                f.write_char('\n')?;
            }
            block.fmt(f)?;
        }
        f.write_str("}\n")
    }
}

impl Display for Set {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\tset {} {{", self.name)?;
        match &self.elements {
            Elements::V4(addresses) => {
                f.write_str("\t\ttype ipv4_addr\n")?;
                // As many in a line as nft has.
                elements(f, addresses.iter(), 2)?;
            }
            Elements::V6(addresses) => {
                f.write_str("\t\ttype ipv6_addr\n")?;
                elements(f, addresses.iter(), 1)?;
            }
            Elements::Foreign { key_type, count } => {
                writeln!(f, "\t\t# not ours: {count} elements of type {key_type}")?;
            }
        }
        f.write_str("\t}\n")
    }
}

fn elements<T: Display>(f: &mut Formatter<'_>, addresses: impl Iterator<Item = T>, per_line: usize) -> fmt::Result {
    let mut any = false;
    for (place, address) in addresses.enumerate() {
        any = true;
        match place {
            0 => write!(f, "\t\telements = {{ {address}")?,
            place if place % per_line == 0 => write!(f, ",\n\t\t\t     {address}")?,
            _ => write!(f, ", {address}")?,
        }
    }
    if any { f.write_str(" }\n") } else { Ok(()) }
}

impl Display for Chain {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\tchain {} {{", self.name)?;
        if let Some(base) = &self.base {
            writeln!(f, "\t\t{base}")?;
        }
        for rule in &self.rules {
            writeln!(f, "\t\t{rule}")?;
        }
        f.write_str("\t}\n")
    }
}

impl Display for Base {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Filter => "filter",
            Kind::Nat => "nat",
            Kind::Route => "route",
        };
        let hook = match self.hook {
            Hook::Prerouting => "prerouting",
            Hook::Input => "input",
            Hook::Forward => "forward",
            Hook::Output => "output",
            Hook::Postrouting => "postrouting",
            Hook::Ingress => "ingress",
        };
        write!(f, "type {kind} hook {hook} priority ")?;
        match (self.hook, self.priority) {
            (Hook::Prerouting, -100) => f.write_str("dstnat")?,
            (_, 0) => f.write_str("filter")?,
            (_, priority) => write!(f, "{priority}")?,
        }
        write!(f, "; policy {};", if self.accept { "accept" } else { "drop" })
    }
}

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steered(rule) => rule.fmt(f),
            Self::Foreign(expressions) => write!(f, "# not ours: {expressions}"),
        }
    }
}

impl Display for Steered {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(interface) = &self.from {
            write!(f, "iifname \"{interface}\" ")?;
        }
        let family = match self.family {
            Family::V4 => "ip",
            Family::V6 => "ip6",
        };
        let protocol = match self.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        };
        let not = if self.elsewhere { "!= " } else { "" };
        write!(f, "{family} daddr {not}@{} {protocol} dport {} ", self.to, self.port)?;
        match self.action {
            Action::Redirect(port) => write!(f, "redirect to :{port}"),
            // nft's short form of `reject with icmpx port-unreachable`.
            Action::Reject => f.write_str("reject"),
            Action::Reset => f.write_str("reject with tcp reset"),
        }
    }
}
