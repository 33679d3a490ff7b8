use sha2::{Digest, Sha256};

use super::{Authority, base64_lines};
use crate::hex;

impl Authority {
    /// An Apple configuration profile that installs the root. Its identifiers come from the fingerprint, so that
    /// installing it twice replaces it, and removing the profile removes the trust.
    pub fn mobileconfig(&self, organisation: &str) -> String {
        let digest = Sha256::digest(&self.cert_der);
        let organisation = escape(organisation);
        let (profile, payload) = (uuid(&digest[..16]), uuid(&digest[16..]));
        let name = hex(&digest[..8]);
        let cert = base64_lines(&self.cert_der, "\t\t\t", 52);
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>PayloadContent</key>
	<array>
		<dict>
			<key>PayloadCertificateFileName</key>
			<string>nanogate-ca.cer</string>
			<key>PayloadContent</key>
			<data>
{cert}			</data>
			<key>PayloadDescription</key>
			<string>Lets this device accept AI traffic that the office inspects. It is valid for AI services only.</string>
			<key>PayloadDisplayName</key>
			<string>{organisation} Nano-Gate CA</string>
			<key>PayloadIdentifier</key>
			<string>local.nanogate.{name}.ca</string>
			<key>PayloadType</key>
			<string>com.apple.security.root</string>
			<key>PayloadUUID</key>
			<string>{payload}</string>
			<key>PayloadVersion</key>
			<integer>1</integer>
		</dict>
	</array>
	<key>PayloadDisplayName</key>
	<string>{organisation} Nano-Gate</string>
	<key>PayloadIdentifier</key>
	<string>local.nanogate.{name}</string>
	<key>PayloadOrganization</key>
	<string>{organisation}</string>
	<key>PayloadRemovalDisallowed</key>
	<false/>
	<key>PayloadScope</key>
	<string>System</string>
	<key>PayloadType</key>
	<string>Configuration</string>
	<key>PayloadUUID</key>
	<string>{profile}</string>
	<key>PayloadVersion</key>
	<integer>1</integer>
</dict>
</plist>
"#
        )
    }
}

/// 16 bytes as a version 8 UUID (RFC 9562 section 5.8: "custom").
fn uuid(bytes: &[u8]) -> String {
    let mut bytes = bytes.to_vec();
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex(&bytes).to_uppercase();
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

/// What XML reads as markup, and the control characters it does not allow at all.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}
