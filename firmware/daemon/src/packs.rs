//! The rule sources of `firmware/packs/`, carried by the binary; `build.rs` makes the list.

include!(concat!(env!("OUT_DIR"), "/packs.rs"));
