use std::io;

use super::{ApplyError, Step, explain, remove, verify};
use crate::decide::{Desired, Mode, render};
use crate::ruleset::RuleSet;

fn set(mode: Mode) -> RuleSet {
    let desired =
        Desired { table: "nanogate".to_owned(), mode, proxy_port: 8443, http_port: 8088, ..Desired::default() };
    render(&desired).unwrap()
}

#[test]
fn a_difference_is_named_by_its_first_line() {
    let sent = set(Mode::Gateway);
    verify(&sent, &sent.clone()).unwrap();
    let mut live = sent.clone();
    live.chains[0].rules.remove(1);
    let error = verify(&sent, &live).unwrap_err().to_string();
    assert_eq!(
        error,
        "table nanogate is not what was sent: expected `ip6 daddr @own6 tcp dport 443 redirect to :8443`, \
         the kernel holds `ip daddr @own4 tcp dport 80 redirect to :8088`"
    );
    live = RuleSet { dormant: true, ..sent.clone() };
    assert!(verify(&sent, &live).unwrap_err().to_string().contains("`flags dormant`"));
}

#[test]
fn the_kernels_errors_say_what_to_do() {
    use rustix::io::Errno;

    let step = Step { words: "add chain steer".to_owned(), module: "nft_chain_nat" };
    let rows = [
        (Errno::PERM, "table t: needs CAP_NET_ADMIN"),
        (Errno::NOENT, "the kernel lacks the module nft_chain_nat, needed to add chain steer"),
        (Errno::OPNOTSUPP, "the kernel lacks the module nft_chain_nat, needed to add chain steer"),
        (Errno::NOMEM, "table t: cannot add chain steer: Cannot allocate memory (os error 12)"),
    ];
    for (errno, words) in rows {
        let source = io::Error::from_raw_os_error(errno.raw_os_error());
        assert_eq!(explain("t", Some(&step), source).to_string(), words);
    }
    let source = io::Error::from_raw_os_error(Errno::PROTONOSUPPORT.raw_os_error());
    assert!(explain("t", None, source).to_string().contains("nfnetlink"));
}

#[test]
fn a_name_that_is_no_tables_never_reaches_the_kernel() {
    for name in ["", "a b", "nanogate\0"] {
        assert!(matches!(remove(name), Err(ApplyError::Name(_))), "{name:?}");
    }
}
