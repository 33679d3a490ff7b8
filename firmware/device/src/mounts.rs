//! The file systems of the kernel, and the root that nobody may write to.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::io::Errno;
use rustix::mount::{MountFlags, mount, mount_remount};

use crate::log::say;
use crate::network::{INTERFACE, LINK};

/// Where, which, and with which options.
const KERNEL: [(&str, &str, MountFlags, &str); 6] = [
    ("/proc", "proc", CLOSED, ""),
    ("/sys", "sysfs", CLOSED, ""),
    ("/dev", "devtmpfs", MountFlags::NOSUID.union(MountFlags::NOEXEC), "mode=0755,size=1m"),
    ("/run", "tmpfs", CLOSED, "mode=0755,size=8m"),
    ("/tmp", "tmpfs", CLOSED, "mode=1777,size=8m"),
    ("/sys/kernel/config", "configfs", CLOSED, ""),
];

const CLOSED: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC);

/// Mounts what the kernel offers. What it does not have (configfs comes with a module) is left out.
pub(crate) fn kernel() {
    for (target, kind, flags, options) in KERNEL {
        let options = std::ffi::CString::new(options).unwrap_or_default();
        match mount(kind, target, kind, flags, options.as_c_str()) {
            Ok(()) | Err(Errno::BUSY | Errno::NODEV | Errno::NOENT) => {}
            Err(error) => say!("{target} cannot be mounted: {error}"),
        }
    }
    // Workers that are not root hand their logs to us through pipes, and need nothing of the kernel's.
    let _ = fs::set_permissions("/dev/kmsg", fs::Permissions::from_mode(0o600));
}

/// Settings of the kernel: nothing of it is shown to programs, nothing is redirected or spoofed, and nothing routed unless
/// the office wants a gateway.
const SETTINGS: [(&str, &str); 26] = [
    ("kernel/kptr_restrict", "2"),
    ("kernel/dmesg_restrict", "1"),
    ("kernel/unprivileged_bpf_disabled", "1"),
    ("kernel/perf_event_paranoid", "3"),
    ("kernel/yama/ptrace_scope", "3"),
    ("kernel/kexec_load_disabled", "1"),
    ("kernel/sysrq", "0"),
    ("kernel/panic_on_oops", "1"),
    ("user/max_user_namespaces", "0"),
    ("vm/unprivileged_userfaultfd", "0"),
    // The kernel would keep up to an eighth of the memory on each processor's own list of free pages, where no other finds it.
    ("vm/percpu_pagelist_high_fraction", "1000"),
    ("fs/protected_hardlinks", "1"),
    ("fs/protected_symlinks", "1"),
    ("fs/protected_fifos", "2"),
    ("fs/protected_regular", "2"),
    // Nobody here uses them.
    ("kernel/io_uring_disabled", "2"),
    ("net/core/bpf_jit_harden", "2"),
    ("net/ipv4/conf/all/rp_filter", "1"),
    // A host takes them where either setting says so, by IPv6 where the interface's own does. One that comes late has the
    // default's.
    ("net/ipv4/conf/all/accept_redirects", "0"),
    ("net/ipv4/conf/default/accept_redirects", "0"),
    ("net/ipv4/conf/eth0/accept_redirects", "0"),
    ("net/ipv4/conf/all/send_redirects", "0"),
    ("net/ipv6/conf/all/accept_redirects", "0"),
    ("net/ipv6/conf/default/accept_redirects", "0"),
    ("net/ipv6/conf/eth0/accept_redirects", "0"),
    ("net/ipv4/tcp_syncookies", "1"),
];

/// What makes a router of this machine, whose clients are on the cable that its own router is on.
const ROUTING: [(&str, &str); 6] = [
    // It would tell them of the shorter way past it; the setting for all interfaces alone forbids nothing.
    ("net/ipv4/conf/default/send_redirects", "0"),
    ("net/ipv4/conf/eth0/send_redirects", "0"),
    // A router hears no other one's advertisements otherwise, and loses its own IPv6 address.
    ("net/ipv6/conf/default/accept_ra", "2"),
    ("net/ipv6/conf/eth0/accept_ra", "2"),
    ("net/ipv4/ip_forward", "1"),
    ("net/ipv6/conf/all/forwarding", "1"),
];

/// Writes the kernel's settings.
pub(crate) fn harden() {
    write(&SETTINGS);
}

/// The office's traffic goes through this machine from now on.
pub(crate) fn route() {
    write(&ROUTING);
}

/// It goes no further than here any more.
pub(crate) fn keep_to_itself() {
    write(&[("net/ipv4/ip_forward", "0"), ("net/ipv6/conf/all/forwarding", "0")]);
}

/// One that this kernel does not have is left out, and so is an interface that is not there yet.
fn write(settings: &[(&str, &str)]) {
    let absent = !Path::new(LINK).exists();
    for (key, value) in settings.iter().filter(|(key, _)| !(absent && key.contains(INTERFACE))) {
        if let Err(error) = fs::write(format!("/proc/sys/{key}"), value) {
            say!("{key} is not set: {error}");
        }
    }
}

/// Makes the root in memory read-only, and tries. From here on only /data, /run and /tmp change.
pub(crate) fn seal_root() {
    let sealed = mount_remount("/", MountFlags::RDONLY, c"");
    match (sealed, fs::write("/etc/probe", "")) {
        (Ok(()), Err(error)) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => say!("the root is read-only"),
        (sealed, _) => say!("the root stays writable: {sealed:?}"),
    }
}
