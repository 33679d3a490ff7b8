//! Kernel modules: the image's build wrote down which, in the order in which they need each other, so that nothing has to
//! search for them here. Once they are loaded no other can be, by anybody.

use std::fs::{self, File};
use std::path::Path;

use rustix::io::Errno;
use rustix::system::finit_module;

use crate::log::say;

/// One `path [parameter=value …]` a line.
pub(crate) const ORDER: &str = "/lib/modules/order";
/// What only the rescue system needs: sticks.
pub(crate) const RESCUE: &str = "/lib/modules/order-rescue";

/// Loads all of a list; a device that this board lacks is no error.
pub(crate) fn load(list: &str) {
    let order = fs::read_to_string(list).unwrap_or_default();
    for line in order.lines() {
        let (path, parameters) = line.split_once(' ').unwrap_or((line, ""));
        if let Err(error) = load_one(Path::new(path), parameters) {
            say!("module {path}: {error}");
        }
    }
}

/// No code enters the kernel after this, whoever asks.
pub(crate) fn close() {
    if let Err(error) = fs::write("/proc/sys/kernel/modules_disabled", "1") {
        say!("modules can still be loaded: {error}");
    }
}

fn load_one(path: &Path, parameters: &str) -> Result<(), std::io::Error> {
    let file = File::open(path)?;
    let parameters = std::ffi::CString::new(parameters)?;
    match finit_module(&file, &parameters, 0) {
        Ok(()) | Err(Errno::EXIST | Errno::NODEV) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
