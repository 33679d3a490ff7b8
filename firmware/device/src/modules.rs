//! Kernel modules: the image's build wrote down which, in the order in which they need each other, so that nothing has to
//! search for them here. Once they are loaded no other can be, by anybody.

use std::fs::{self, File};

use rustix::io::Errno;
use rustix::system::finit_module;

use crate::log::say;

/// One `path [parameter=value …]` a line: what the board is made of, and what the rules for its traffic are made of.
pub(crate) const ORDERS: &[&str] = &["/lib/modules/order", "/lib/modules/order-rules"];
/// What only the rescue system needs: sticks.
pub(crate) const RESCUE: &[&str] = &["/lib/modules/order-rescue"];

/// Loads all of several lists, side by side: the kernel checks each module's signature, and there is more than one
/// processor. A device that this board lacks is no error.
pub(crate) fn load(lists: &[&str]) {
    let lists: Vec<String> = lists.iter().map(|list| fs::read_to_string(list).unwrap_or_default()).collect();
    let failed: Vec<&str> = std::thread::scope(|scope| {
        let loads: Vec<_> = lists
            .iter()
            .map(|list| scope.spawn(|| list.lines().filter(|line| load_one(line).is_err()).collect::<Vec<_>>()))
            .collect();
        loads.into_iter().flat_map(|load| load.join().unwrap_or_default()).collect()
    });
    // What one list needs of another is there now.
    for line in failed {
        if let Err(error) = load_one(line) {
            say!("module {line}: {error}");
        }
    }
}

/// No code enters the kernel after this, whoever asks.
pub(crate) fn close() {
    if let Err(error) = fs::write("/proc/sys/kernel/modules_disabled", "1") {
        say!("modules can still be loaded: {error}");
    }
}

fn load_one(line: &str) -> Result<(), std::io::Error> {
    let (path, parameters) = line.split_once(' ').unwrap_or((line, ""));
    let file = File::open(path)?;
    let parameters = std::ffi::CString::new(parameters)?;
    match finit_module(&file, &parameters, 0) {
        Ok(()) | Err(Errno::EXIST | Errno::NODEV) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
