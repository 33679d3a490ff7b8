//! The kernel's objects as ours. The numbers are the kernel's interface (linux/netfilter/nf_tables.h).

use std::collections::BTreeSet;

use super::expressions;
use super::{Chain, Elements, Rule, Set};
use crate::netlink::{Attribute, attributes, text, u32_of};
use crate::ruleset::{Base, Hook, Kind};

pub(super) const NFT_TABLE_F_DORMANT: u32 = 1;

const NFTA_TABLE_FLAGS: u16 = 2;

const NFTA_CHAIN_NAME: u16 = 3;
const NFTA_CHAIN_HOOK: u16 = 4;
const NFTA_CHAIN_POLICY: u16 = 5;
const NFTA_CHAIN_TYPE: u16 = 7;
const NFTA_HOOK_HOOKNUM: u16 = 1;
const NFTA_HOOK_PRIORITY: u16 = 2;
const NF_ACCEPT: u32 = 1;

const NFTA_RULE_CHAIN: u16 = 2;
const NFTA_RULE_EXPRESSIONS: u16 = 4;

const NFTA_SET_NAME: u16 = 2;
const NFTA_SET_FLAGS: u16 = 3;
const NFTA_SET_KEY_TYPE: u16 = 4;
const NFTA_SET_ELEM_LIST_ELEMENTS: u16 = 3;
const NFTA_SET_ELEM_KEY: u16 = 1;
const NFTA_DATA_VALUE: u16 = 1;

/// nft's numbers of the two types that we use; the kernel only carries them.
const TYPE_IPADDR: u32 = 7;
const TYPE_IP6ADDR: u32 = 8;

fn find(object: &[u8], kind: u16) -> Option<Attribute<'_>> {
    attributes(object).find(|attribute| attribute.kind == kind)
}

fn number(object: &[u8], kind: u16) -> Option<u32> {
    find(object, kind).and_then(|attribute| u32_of(attribute.value))
}

fn name(object: &[u8], kind: u16) -> Option<String> {
    find(object, kind).and_then(|attribute| text(attribute.value))
}

pub(super) fn table_flags(object: &[u8]) -> Option<u32> {
    number(object, NFTA_TABLE_FLAGS)
}

pub(super) fn chain(object: &[u8]) -> Option<Chain> {
    let base = match find(object, NFTA_CHAIN_HOOK) {
        Some(hook) => Some(base(object, hook)?),
        None => None,
    };
    Some(Chain { name: name(object, NFTA_CHAIN_NAME)?, base, rules: Vec::new() })
}

fn base(object: &[u8], hook: Attribute<'_>) -> Option<Base> {
    let kind = match &*name(object, NFTA_CHAIN_TYPE)? {
        "filter" => Kind::Filter,
        "nat" => Kind::Nat,
        "route" => Kind::Route,
        _ => return None,
    };
    let place = match number(hook.value, NFTA_HOOK_HOOKNUM)? {
        0 => Hook::Prerouting,
        1 => Hook::Input,
        2 => Hook::Forward,
        3 => Hook::Output,
        4 => Hook::Postrouting,
        5 => Hook::Ingress,
        _ => return None,
    };
    let priority = number(hook.value, NFTA_HOOK_PRIORITY)?.cast_signed();
    let accept = number(object, NFTA_CHAIN_POLICY)? == NF_ACCEPT;
    Some(Base { kind, hook: place, priority, accept })
}

/// A rule and the chain it stands in.
pub(super) fn rule(object: &[u8]) -> Option<(String, Rule)> {
    let list = find(object, NFTA_RULE_EXPRESSIONS).map(|list| list.value).unwrap_or_default();
    Some((name(object, NFTA_RULE_CHAIN)?, expressions::rule(list)?))
}

/// A set without its elements. One with flags (intervals, maps, timeouts) is not ours.
pub(super) fn set(object: &[u8]) -> Option<Set> {
    let key_type = number(object, NFTA_SET_KEY_TYPE)?;
    let plain = number(object, NFTA_SET_FLAGS).is_none_or(|flags| flags == 0);
    let elements = match key_type {
        TYPE_IPADDR if plain => Elements::V4(BTreeSet::new()),
        TYPE_IP6ADDR if plain => Elements::V6(BTreeSet::new()),
        _ => Elements::Foreign { key_type, count: 0 },
    };
    Some(Set { name: name(object, NFTA_SET_NAME)?, elements })
}

/// Adds one message's elements to a set.
pub(super) fn add_elements(elements: &mut Elements, object: &[u8]) -> Option<()> {
    let list = find(object, NFTA_SET_ELEM_LIST_ELEMENTS).map(|list| list.value).unwrap_or_default();
    attributes(list).try_for_each(|element| {
        let key = element.inner(NFTA_SET_ELEM_KEY).and_then(|key| key.inner(NFTA_DATA_VALUE));
        match elements {
            Elements::V4(addresses) => _ = addresses.insert(<[u8; 4]>::try_from(key?.value).ok()?.into()),
            Elements::V6(addresses) => _ = addresses.insert(<[u8; 16]>::try_from(key?.value).ok()?.into()),
            Elements::Foreign { count, .. } => *count += 1,
        }
        Some(())
    })
}
