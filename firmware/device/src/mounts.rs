//! The file systems of the kernel, and the root that nobody may write to.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::io::Errno;
use rustix::mount::{MountFlags, mount, mount_remount};

use crate::log::say;

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

/// Makes the root in memory read-only. From here on only /data, /run and /tmp change.
pub(crate) fn seal_root() {
    if let Err(error) = mount_remount("/", MountFlags::RDONLY, c"") {
        say!("the root stays writable: {error}");
    }
}
