//! The Apple profile, read by somebody else's parser.

use std::io::Write;
use std::process::{Command, Stdio};

use super::{authority, pem};

/// Prints what the page promises about a profile; fails on anything that is not a property list.
const READ: &str = r#"
import plistlib, ssl, sys
p = plistlib.loads(sys.stdin.buffer.read())
ca, = p["PayloadContent"]
print(p["PayloadOrganization"])
print(p["PayloadType"], ca["PayloadType"], p["PayloadRemovalDisallowed"])
print(len({p["PayloadUUID"], ca["PayloadUUID"]}), p["PayloadIdentifier"] + ".ca" == ca["PayloadIdentifier"])
print(ssl.DER_cert_to_PEM_cert(ca["PayloadContent"]), end="")
"#;

fn read(profile: &str) -> String {
    let mut python = Command::new("python3")
        .args(["-c", READ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    python.stdin.take().unwrap().write_all(profile.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn carries_the_root_under_the_office_s_name() {
    let authority = authority();
    let root = pem("CERTIFICATE", authority.cert_der());
    let expected = format!("Example Office\nConfiguration com.apple.security.root False\n2 True\n{root}");
    assert_eq!(read(&authority.mobileconfig("Example Office")), expected);
}

#[test]
fn a_name_cannot_break_out_of_the_profile() {
    let name = "A & B </string><key>x</key>\u{0}\u{1f600} \"C\"";
    assert_eq!(
        read(&authority().mobileconfig(name)).lines().next(),
        Some("A & B </string><key>x</key> \u{1f600} \"C\"")
    );
}

#[test]
fn the_same_root_gives_the_same_profile() {
    let (one, two) = (authority(), authority());
    assert_eq!(one.mobileconfig("x"), one.mobileconfig("x"));
    assert_ne!(one.mobileconfig("x"), two.mobileconfig("x"));
}
