//! Sets, chains and rules as messages of a transaction.

use std::ffi::CStr;
use std::net::{Ipv4Addr, Ipv6Addr};

use nftnl::expr::{
    Cmp, CmpOp, IcmpCode, Immediate, Ipv4HeaderField, Ipv6HeaderField, Meta, NetworkHeaderField, Payload, Register,
    RejectionType, TcpHeaderField, TransportHeaderField, UdpHeaderField, Verdict,
};
use nftnl::set::{Set as NftSet, SetKey};
use nftnl::{Chain as NftChain, ChainType, Hook as NftHook, MsgType, Policy, ProtoFamily, Rule as NftRule, Table};

use super::expr::{LookupByName, Redirect};
use super::{ApplyError, Transaction, c_string};
use crate::ruleset::{Action, Base, Chain, Elements, Family, Hook, Kind, Protocol, Rule, Set, Steered};

/// The kernel compares interface names in fields of this length, NUL to the end.
const IFNAMSIZ: usize = 16;

pub(super) fn set(table: &Table, set: &Set, id: u32, name: &CStr, to: &mut Transaction) {
    match &set.elements {
        Elements::V4(addresses) => addresses_of::<Ipv4Addr>(table, name, id, addresses, to),
        Elements::V6(addresses) => addresses_of::<Ipv6Addr>(table, name, id, addresses, to),
        // Only ever read, never wanted.
        Elements::Foreign { .. } => {}
    }
}

fn addresses_of<'a, K: SetKey + 'a>(
    table: &Table,
    name: &CStr,
    id: u32,
    keys: impl IntoIterator<Item = &'a K>,
    to: &mut Transaction,
) {
    let mut set = NftSet::<K>::new_named(name, id, table, ProtoFamily::Inet);
    keys.into_iter().for_each(|key| set.add(key));
    let name = name.to_string_lossy();
    to.add(&set, MsgType::Add, format!("add set {name}"), "nf_tables");
    for message in set.elems_iter() {
        to.add(&message, MsgType::Add, format!("add elements to set {name}"), "nf_tables");
    }
}

pub(super) fn chain(table: &Table, chain: &Chain, name: &CStr, to: &mut Transaction) -> Result<(), ApplyError> {
    let mut message = NftChain::new(name, table);
    let mut module = "nf_tables";
    if let Some(base) = &chain.base {
        hook(&mut message, base);
        module = if base.kind == Kind::Nat { "nft_chain_nat" } else { "nf_tables_inet" };
    }
    to.add(&message, MsgType::Add, format!("add chain {}", chain.name), module);
    for rule in &chain.rules {
        // Rules of others are only ever read, never wanted.
        let Rule::Steered(rule) = rule else { continue };
        let words = format!("add rule `{rule}` to chain {}", chain.name);
        let module = if let Action::Redirect(_) = rule.action { "nft_redir" } else { "nft_reject_inet" };
        to.add(&steered(&message, rule)?, MsgType::Add, words, module);
    }
    Ok(())
}

fn hook(message: &mut NftChain<'_>, base: &Base) {
    let place = match base.hook {
        Hook::Prerouting => NftHook::PreRouting,
        Hook::Input => NftHook::In,
        Hook::Forward => NftHook::Forward,
        Hook::Output => NftHook::Out,
        Hook::Postrouting => NftHook::PostRouting,
        Hook::Ingress => NftHook::Ingress,
    };
    message.set_hook(place, base.priority);
    message.set_type(match base.kind {
        Kind::Filter => ChainType::Filter,
        Kind::Nat => ChainType::Nat,
        Kind::Route => ChainType::Route,
    });
    message.set_policy(if base.accept { Policy::Accept } else { Policy::Drop });
}

/// The order of the expressions is nft's, so that nft prints the rule as it would its own.
fn steered<'a>(chain: &'a NftChain<'a>, rule: &Steered) -> Result<NftRule<'a>, ApplyError> {
    let mut message = NftRule::new(chain);
    if let Some(interface) = &rule.from {
        let mut name = [0_u8; IFNAMSIZ];
        name.iter_mut().zip(interface.bytes()).for_each(|(to, from)| *to = from);
        message.add_expr(&Meta::IifName);
        message.add_expr(&Cmp::new(CmpOp::Eq, &name[..]));
    }
    message.add_expr(&Meta::NfProto);
    message.add_expr(&Cmp::new(CmpOp::Eq, rule.family.nfproto()));
    message.add_expr(&Payload::Network(match rule.family {
        Family::V4 => NetworkHeaderField::Ipv4(Ipv4HeaderField::Daddr),
        Family::V6 => NetworkHeaderField::Ipv6(Ipv6HeaderField::Daddr),
    }));
    message.add_expr(&LookupByName { set: c_string(&rule.to)?, inverted: rule.elsewhere });
    message.add_expr(&Meta::L4Proto);
    message.add_expr(&Cmp::new(CmpOp::Eq, rule.protocol.number()));
    message.add_expr(&Payload::Transport(match rule.protocol {
        Protocol::Tcp => TransportHeaderField::Tcp(TcpHeaderField::Dport),
        Protocol::Udp => TransportHeaderField::Udp(UdpHeaderField::Dport),
    }));
    message.add_expr(&Cmp::new(CmpOp::Eq, &rule.port.to_be_bytes()[..]));
    act(&mut message, rule.action);
    Ok(message)
}

fn act(message: &mut NftRule<'_>, action: Action) {
    match action {
        Action::Redirect(port) => {
            message.add_expr(&Immediate::new(port.to_be_bytes(), Register::Reg1));
            message.add_expr(&Redirect);
        }
        Action::Reject => message.add_expr(&Verdict::Reject(RejectionType::Icmp(IcmpCode::PortUnreach))),
        Action::Reset => message.add_expr(&Verdict::Reject(RejectionType::TcpRst)),
    }
}
