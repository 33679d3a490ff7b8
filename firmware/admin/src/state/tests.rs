use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use gate_core::UnixMicros;
use sha2::{Digest, Sha256};

use super::{Accounts, AccountsError, ClaimCode, HashedPassword, MAX_TOKENS, PROXY_TOKENS, ProxyToken, Scope};

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("gate-admin-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn open(&self) -> Accounts {
        Accounts::open(&self.0).unwrap()
    }

    fn file(&self) -> String {
        fs::read_to_string(self.0.join("admin.json")).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const NOW: UnixMicros = UnixMicros(1_800_000_000_000_000);

#[test]
fn the_claim_code_works_once_however_it_is_typed() {
    let folder = Folder::new("claim");
    let accounts = folder.open();
    let code = accounts.renew_claim().unwrap().unwrap().to_string();
    assert_eq!((code.len(), code.matches('-').count()), (14, 2));
    let typed = format!(" {} ", code.replace('-', " ").to_lowercase());
    accounts.check_claim(&typed).unwrap();
    accounts.claim(&typed, "$argon2id$…".to_owned()).unwrap();
    assert!(matches!(accounts.claim(&code, String::new()), Err(AccountsError::AlreadyClaimed)));
    assert!(accounts.renew_claim().unwrap().is_none());
    assert!(folder.open().claimed().unwrap(), "another process sees it");
}

#[test]
fn a_wrong_or_longer_code_is_refused() {
    let folder = Folder::new("wrong");
    let accounts = folder.open();
    let code = accounts.renew_claim().unwrap().unwrap().to_string();
    for wrong in ["", "AAAA-AAAA-AAAA", &code[..13], &format!("{code}2")] {
        assert!(matches!(accounts.check_claim(wrong), Err(AccountsError::WrongCode)), "{wrong}");
    }
    let newer = accounts.renew_claim().unwrap().unwrap().to_string();
    assert!(accounts.check_claim(&code).is_err(), "a newer code replaces the older one");
    accounts.check_claim(&newer).unwrap();
}

#[test]
fn claim_codes_use_every_letter() {
    let mut letters: Vec<char> =
        (0..200).flat_map(|_| ClaimCode::generate().unwrap().to_string().chars().collect::<Vec<_>>()).collect();
    letters.sort_unstable();
    letters.dedup();
    assert_eq!(letters.into_iter().collect::<String>(), "-23456789ABCDEFGHJKMNPQRSTVWXYZ");
}

#[test]
fn nothing_in_the_file_is_a_secret_and_nobody_else_reads_it() {
    let folder = Folder::new("secret");
    let accounts = folder.open();
    let code = accounts.renew_claim().unwrap().unwrap().to_string();
    let (_, secret) = accounts.create_token("gateway", &[Scope::Inspect], NOW).unwrap();
    let file = folder.file();
    assert!(!file.contains(&code) && !file.contains(&code.replace('-', "")) && !file.contains(&secret.to_string()));
    for name in ["admin.json", "admin.lock"] {
        assert_eq!(mode(&folder.0.join(name)), 0o600, "{name}");
    }
}

#[test]
fn a_token_opens_until_it_is_revoked_also_from_another_process() {
    let folder = Folder::new("token");
    let (daemon, command) = (folder.open(), folder.open());
    let (token, secret) = command.create_token(" ci ", &[Scope::Metrics, Scope::Inspect, Scope::Metrics], NOW).unwrap();
    let secret = secret.to_string();
    assert_eq!((token.name.as_str(), &token.scopes[..]), ("ci", &[Scope::Inspect, Scope::Metrics][..]));
    assert_eq!(daemon.token_of(&secret).unwrap(), Some(token.clone()));
    assert_eq!(daemon.token_of(&secret[..secret.len() - 1]).unwrap(), None);
    command.revoke_token(&token.id).unwrap();
    assert_eq!(daemon.token_of(&secret).unwrap(), None);
    assert!(matches!(command.revoke_token(&token.id), Err(AccountsError::NoSuchToken(_))));
}

#[test]
fn tokens_are_bounded() {
    let folder = Folder::new("many");
    let accounts = folder.open();
    for n in 0..MAX_TOKENS {
        accounts.create_token(&n.to_string(), &[Scope::Inspect], NOW).unwrap();
    }
    let more = accounts.create_token("more", &[Scope::Inspect], NOW).map(|_| ());
    assert!(matches!(more, Err(AccountsError::TooManyTokens)));
}

#[test]
fn a_nameless_or_useless_token_is_refused() {
    let folder = Folder::new("names");
    let accounts = folder.open();
    for name in ["", "  ", "a\nb", &"x".repeat(65)] {
        let made = accounts.create_token(name, &[Scope::Inspect], NOW).map(|_| ());
        assert!(matches!(made, Err(AccountsError::TokenName)), "{name:?}");
    }
    assert!(matches!(accounts.create_token("x", &[], NOW).map(|_| ()), Err(AccountsError::NoScope)));
}

#[test]
fn two_claims_at_once_end_in_one_owner() {
    let folder = Folder::new("race");
    let code = folder.open().renew_claim().unwrap().unwrap().to_string();
    let won: usize = std::thread::scope(|scope| {
        let claims: Vec<_> = (0..8)
            .map(|n| {
                let (accounts, code) = (folder.open(), code.clone());
                scope.spawn(move || usize::from(accounts.claim(&code, n.to_string()).is_ok()))
            })
            .collect();
        claims.into_iter().map(|claim| claim.join().unwrap()).sum()
    });
    assert_eq!(won, 1);
}

#[test]
fn a_broken_file_is_named_and_never_overwritten() {
    let folder = Folder::new("broken");
    let path = folder.0.join("admin.json");
    for (content, words) in [("{", "EOF"), (r#"{"passwort":"x"}"#, "passwort"), (&"x".repeat(300_000), "300000 bytes")]
    {
        fs::write(&path, content).unwrap();
        let error = Accounts::open(&folder.0).unwrap_err().to_string();
        assert!(error.contains("admin.json") && error.contains(words), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn accounts_that_are_out_of_reach_stand_as_they_were_and_are_never_new() {
    let folder = Folder::new("gone");
    let accounts = folder.open();
    accounts.set_password(HashedPassword::of("correct horse battery").unwrap()).unwrap();
    let kept = fs::read(Accounts::file(&folder.0)).unwrap();
    let away = folder.0.with_extension("away");
    fs::rename(&folder.0, &away).unwrap();
    assert!(accounts.claimed().unwrap(), "who runs goes on with what it has read");
    assert!(Accounts::open(&folder.0).is_err(), "nobody knows whose they are");
    let other = Accounts::open_or(&folder.0, Some(&kept)).unwrap();
    assert!(other.claimed().unwrap() && other.claim_by_button("phc".to_owned()).is_err());
    fs::rename(&away, &folder.0).unwrap();
    fs::remove_file(Accounts::file(&folder.0)).unwrap();
    assert!(!accounts.claimed().unwrap() && !other.claimed().unwrap(), "it is seen again, and is new");
}

#[test]
fn a_leftover_of_a_power_cut_does_no_harm() {
    let folder = Folder::new("cut");
    let accounts = folder.open();
    fs::write(folder.0.join("admin.new"), "{ half of a fi").unwrap();
    accounts.renew_claim().unwrap().unwrap();
    assert!(!folder.open().claimed().unwrap());
}

#[test]
fn a_reset_forgets_everything() {
    let folder = Folder::new("reset");
    let accounts = folder.open();
    let code = accounts.renew_claim().unwrap().unwrap().to_string();
    accounts.claim(&code, "phc".to_owned()).unwrap();
    let (_, secret) = accounts.create_token("t", &[Scope::Inspect], NOW).unwrap();
    let code = accounts.reset().unwrap().to_string();
    assert_eq!(accounts.token_of(&secret.to_string()).unwrap(), None);
    accounts.check_claim(&code).unwrap();
}

#[test]
fn a_password_that_was_brought_along_replaces_everything() {
    let folder = Folder::new("brought");
    let accounts = folder.open();
    let code = accounts.renew_claim().unwrap().unwrap().to_string();
    let (_, secret) = accounts.create_token("t", &[Scope::Inspect], NOW).unwrap();
    let hashed = HashedPassword::of("correct horse battery").unwrap();
    accounts.set_password(hashed.clone()).unwrap();
    assert_eq!(accounts.password().unwrap(), Some(hashed.to_string()));
    assert!(accounts.renew_claim().unwrap().is_none(), "there is nothing left to claim");
    assert!(accounts.check_claim(&code).is_err() && accounts.claim_by_button("phc".to_owned()).is_err());
    assert_eq!(accounts.token_of(&secret.to_string()).unwrap(), None);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_proxy_is_told_of_its_own_tokens_and_of_nothing_else() {
    let folder = Folder::new("proxy");
    let accounts = folder.open();
    let told = || ProxyToken::read_or(&folder.0, None).unwrap();
    assert!(told().is_empty());
    accounts.create_token("gateway", &[Scope::Inspect], NOW).unwrap();
    let (one, secret) = accounts.create_token("ci-1", &[Scope::Proxy, Scope::Metrics], NOW).unwrap();
    accounts.create_token("ci-2", &[Scope::Proxy], NOW).unwrap();
    let names = || told().into_iter().map(|token| token.name).collect::<Vec<_>>();
    assert_eq!(names(), ["ci-1", "ci-2"]);
    assert_eq!(told()[0].hash().unwrap(), <[u8; 32]>::from(Sha256::digest(secret.to_string())));
    let mode = |name: &str| fs::metadata(folder.0.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("admin.json"), mode(PROXY_TOKENS)), (0o600, 0o644));
    accounts.revoke_token(&one.id).unwrap();
    assert_eq!(names(), ["ci-2"]);
    // A life that ended between the two files is put right at the next start.
    fs::write(folder.0.join(PROXY_TOKENS), "[]").unwrap();
    accounts.settle().unwrap();
    assert_eq!(names(), ["ci-2"]);
    assert!(matches!(accounts.create_token("a:b", &[Scope::Proxy], NOW), Err(AccountsError::ProxyName)));
    accounts.reset().unwrap();
    assert!(names().is_empty());
}
