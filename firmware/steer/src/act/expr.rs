//! The two expressions that nftnl lacks: a lookup in a set by its name, and `redirect`.
#![allow(unsafe_code, reason = "libnftnl is C; nftnl's trait asks for its pointers")]

use std::ffi::{CStr, CString};
use std::ptr::NonNull;

use nftnl::Rule;
use nftnl::expr::{Expression, Register};
use nftnl::nftnl_sys as sys;

/// Goes on where the value in register 1 is in the set of this name, which may be made in the same transaction; or where it
/// is not.
pub(super) struct LookupByName {
    pub(super) set: CString,
    pub(super) inverted: bool,
}

/// Turns the packet to the port in register 1 of the machine itself.
pub(super) struct Redirect;

/// `NFT_LOOKUP_F_INV`: the value must not be in the set.
const INVERTED: u32 = 1;

/// `NF_NAT_RANGE_PROTO_SPECIFIED`: there is a port. nft sends it too.
const PORT_GIVEN: u32 = 1 << 1;

impl Expression for LookupByName {
    fn to_expr(&self, _rule: &Rule) -> NonNull<sys::nftnl_expr> {
        let expr = allocate(c"lookup");
        let register = Register::Reg1.to_raw();
        // SAFETY: `expr` was just allocated as a lookup, whose attributes these are; the string is NUL-terminated, lives
        // through the call, and libnftnl copies it.
        unsafe {
            sys::nftnl_expr_set_u32(expr.as_ptr(), sys::NFTNL_EXPR_LOOKUP_SREG as u16, register);
            sys::nftnl_expr_set_str(expr.as_ptr(), sys::NFTNL_EXPR_LOOKUP_SET as u16, self.set.as_ptr());
            if self.inverted {
                sys::nftnl_expr_set_u32(expr.as_ptr(), sys::NFTNL_EXPR_LOOKUP_FLAGS as u16, INVERTED);
            }
        }
        expr
    }
}

impl Expression for Redirect {
    fn to_expr(&self, _rule: &Rule) -> NonNull<sys::nftnl_expr> {
        let expr = allocate(c"redir");
        let register = Register::Reg1.to_raw();
        // SAFETY: `expr` was just allocated as a redirect, whose attributes these are, each of 32 bits.
        unsafe {
            sys::nftnl_expr_set_u32(expr.as_ptr(), sys::NFTNL_EXPR_REDIR_REG_PROTO_MIN as u16, register);
            sys::nftnl_expr_set_u32(expr.as_ptr(), sys::NFTNL_EXPR_REDIR_REG_PROTO_MAX as u16, register);
            sys::nftnl_expr_set_u32(expr.as_ptr(), sys::NFTNL_EXPR_REDIR_FLAGS as u16, PORT_GIVEN);
        }
        expr
    }
}

/// Allocates an expression that libnftnl knows. It belongs to the rule that it is added to.
fn allocate(name: &CStr) -> NonNull<sys::nftnl_expr> {
    // SAFETY: the name is NUL-terminated and only read.
    let expr = unsafe { sys::nftnl_expr_alloc(name.as_ptr()) };
    NonNull::new(expr).expect("libnftnl knows lookup and redir, and a few bytes of memory are left")
}
