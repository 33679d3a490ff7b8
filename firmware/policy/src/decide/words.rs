/// What people are told about a kind of finding. Kinds that are not here are told by their own name.
const WORDS: [(&str, &str); 19] = [
    ("api_key", "API key pattern detected"),
    ("bank_account", "bank account number detected"),
    ("card", "payment card number detected"),
    ("case_number", "case number detected"),
    ("confidential", "confidential content detected"),
    ("date_of_birth", "date of birth detected"),
    ("diagnosis", "health information detected"),
    ("email", "e-mail address detected"),
    ("health_id", "health insurance or patient number detected"),
    ("iban", "IBAN detected"),
    ("ip_address", "IP address detected"),
    ("legal_privilege", "privileged legal content detected"),
    ("national_id", "national identity number detected"),
    ("passport", "passport number detected"),
    ("password", "password detected"),
    ("password_hash", "password hash detected"),
    ("phone", "phone number detected"),
    ("private_key", "private key detected"),
    ("token", "access token detected"),
];

/// The words for a kind, such as `private key detected`.
pub(super) fn detected(kind: &str) -> String {
    let known = WORDS.binary_search_by_key(&kind, |(known, _)| known).map(|at| WORDS[at].1.to_owned());
    known.unwrap_or_else(|_| format!("{} detected", kind.replace('_', " ")))
}

#[cfg(test)]
mod tests {
    use super::{WORDS, detected};

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        assert!(WORDS.is_sorted_by(|(one, _), (two, _)| one < two));
    }

    #[test]
    fn every_kind_has_words() {
        assert_eq!(detected("api_key"), "API key pattern detected");
        assert_eq!(detected("private_key"), "private key detected");
        assert_eq!(detected("prompt_injection"), "prompt injection detected");
    }
}
