//! What a value must fulfil beyond its pattern: check digits, structure, ranges.

mod contact;
mod device;
mod document;
mod identity;
mod money;
mod password;
mod token;

#[cfg(test)]
mod tests;

use gate_core::Why;
use serde::Deserialize;

use self::identity::{americas, asia, britain, central, health, nordic, south, western};
use self::money::crypto;
use super::unmarked::{base58check, mnemonic};

/// The list of all checks. A line says what is looked at, `number` (its digits, whatever stands between them) or `value`
/// (all its bytes); the function that decides; and what a value that passes rests on.
macro_rules! checks {
    ($($(#[$doc:meta])* $name:ident: $of:ident($judge:expr), $ground:ident;)+) => {
        /// A check that a rule names in `checks`, in snake case. Separators inside a number do not count.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum Check {
            $($(#[$doc])* $name,)+
        }

        impl Check {
            /// All of them, in the order of the list.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$name),+];

            /// What a value rests on that passes.
            pub(crate) fn ground(self) -> Why {
                match self {
                    $(Self::$name => Why::$ground,)+
                }
            }

            /// Whether `value` passes.
            pub(crate) fn passes(self, value: &[u8]) -> bool {
                match self {
                    $(Self::$name => checks!(@$of $judge, value),)+
                }
            }
        }
    };
    (@number $judge:expr, $value:ident) => { $judge(Digits::of($value).as_slice()) };
    (@value $judge:expr, $value:ident) => { $judge($value) };
}

impl Check {
    /// Whether it looks for words in all of a value, which costs far more than a check digit.
    pub(crate) fn reads_words(self) -> bool {
        matches!(
            self,
            Self::PasswordLike
                | Self::PasswordText
                | Self::PasswordStrong
                | Self::PasswordAdjacent
                | Self::PasswordHead
                | Self::Base32Seed
                | Self::SessionLike
                | Self::SecretLike
                | Self::NotSample
        )
    }
}

checks! {
    // Digits in general
    Luhn: number(luhn), CheckDigit;
    Verhoeff: number(verhoeff), CheckDigit;
    /// Not all the same digit, and no plain up or down count.
    Varied: number(varied), Entropy;

    // Money
    Card: number(money::card), CheckDigit;
    Iban: value(money::iban), CheckDigit;
    AbaRouting: number(money::aba_routing), CheckDigit;
    Bic: value(money::bic), Structure;
    MxClabe: number(money::mx_clabe), CheckDigit;
    Bech32: value(crypto::bech32), CheckDigit;
    Eip55: value(crypto::eip55), CheckDigit;
    /// Forty hexadecimal digits of one case, or of two that fit.
    Ethereum: value(crypto::ethereum), Structure;

    // How people and machines are reached
    /// A domain that mail goes to, and no remote of a source host.
    Email: value(contact::email), Structure;
    Upi: value(contact::upi), Structure;
    /// A country code and a plausible number of digits.
    Phone: number(contact::phone), Structure;
    /// As many digits as numbers within a country have.
    NationalPhone: number(contact::national_phone), Structure;
    PublicIpv4: value(device::public_ipv4), Structure;
    PublicIpv6: value(device::public_ipv6), Structure;
    Mac: value(device::mac), Structure;
    Imei: number(device::imei), CheckDigit;
    Vin: value(device::vin), Structure;

    // Documents
    Mrz: value(document::mrz), CheckDigit;
    Coordinates: value(document::coordinates), Structure;
    Address: value(document::address), Structure;
    /// No thing, place or day where a name could stand.
    PersonName: value(document::person_name), Structure;
    /// Begins with a given name.
    GivenName: value(document::given_name), Structure;

    // The Americas
    UsSsn: number(americas::us_ssn), Structure;
    UsItin: number(americas::us_itin), Structure;
    UsEin: number(americas::us_ein), Structure;
    CaSin: number(americas::ca_sin), CheckDigit;
    BrCpf: number(americas::br_cpf), CheckDigit;
    BrCnpj: value(americas::br_cnpj), CheckDigit;
    ArCuit: number(americas::ar_cuit), CheckDigit;
    ClRut: value(americas::cl_rut), CheckDigit;
    CoNit: number(americas::co_nit), CheckDigit;
    PeRuc: number(americas::pe_ruc), CheckDigit;
    EcCedula: number(americas::ec_cedula), CheckDigit;
    UyCedula: number(americas::uy_cedula), CheckDigit;
    MxCurp: value(americas::mx_curp), CheckDigit;
    MxRfc: value(americas::mx_rfc), Structure;

    // The United Kingdom and Ireland
    UkNhs: number(britain::uk_nhs), CheckDigit;
    UkNino: value(britain::uk_nino), Structure;
    UkUtr: number(britain::uk_utr), CheckDigit;
    UkDrivingLicence: value(britain::uk_driving_licence), Structure;
    IePps: value(britain::ie_pps), CheckDigit;

    // Western Europe
    BeNational: number(western::be_national), CheckDigit;
    NlBsn: number(western::nl_bsn), CheckDigit;
    FrNir: value(western::fr_nir), CheckDigit;
    FrSiret: number(western::fr_siret), CheckDigit;
    FrSiren: number(western::fr_siren), CheckDigit;
    FrFiscal: number(western::fr_fiscal), CheckDigit;
    EsDni: value(western::es_dni), CheckDigit;
    EsCif: value(western::es_cif), CheckDigit;
    EsNss: number(western::es_nss), CheckDigit;
    ItCodiceFiscale: value(western::it_codice_fiscale), CheckDigit;
    ItPartitaIva: number(western::it_partita_iva), CheckDigit;
    PtNif: number(western::pt_nif), CheckDigit;
    PtCartao: value(western::pt_cartao), CheckDigit;
    GrAmka: number(western::gr_amka), CheckDigit;
    GrAfm: number(western::gr_afm), CheckDigit;

    // Central and eastern Europe
    DeSteuerId: number(central::de_steuer_id), CheckDigit;
    DeAusweis: value(central::de_ausweis), CheckDigit;
    DeKvnr: value(central::de_kvnr), CheckDigit;
    DeRente: value(central::de_rente), CheckDigit;
    AtSvnr: number(central::at_svnr), CheckDigit;
    ChAhv: number(central::ch_ahv), CheckDigit;
    PlPesel: number(central::pl_pesel), CheckDigit;
    PlNip: number(central::pl_nip), CheckDigit;
    PlDowod: value(central::pl_dowod), CheckDigit;
    CzRodne: number(central::cz_rodne), CheckDigit;
    HuTaj: number(central::hu_taj), CheckDigit;
    HuAdo: number(central::hu_ado), CheckDigit;
    RoCnp: number(central::ro_cnp), CheckDigit;
    BgEgn: number(central::bg_egn), CheckDigit;
    HrOib: number(central::hr_oib), CheckDigit;
    Jmbg: number(central::jmbg), CheckDigit;
    RuSnils: number(central::ru_snils), CheckDigit;
    RuInn: number(central::ru_inn), CheckDigit;
    UaRnokpp: number(central::ua_rnokpp), CheckDigit;
    KzIin: number(central::kz_iin), CheckDigit;

    // The Nordic and Baltic countries
    SePersonnummer: number(nordic::se_personnummer), CheckDigit;
    NoFodselsnummer: number(nordic::no_fodselsnummer), CheckDigit;
    DkCpr: number(nordic::dk_cpr), Structure;
    DkCprMod11: number(nordic::dk_cpr_mod11), CheckDigit;
    FiHetu: value(nordic::fi_hetu), CheckDigit;
    IsKennitala: number(nordic::is_kennitala), CheckDigit;
    EeIsikukood: number(nordic::ee_isikukood), CheckDigit;
    LvPersonas: value(nordic::lv_personas), CheckDigit;

    // Asia and Oceania
    InAadhaar: number(asia::in_aadhaar), CheckDigit;
    InPan: value(asia::in_pan), Structure;
    InGstin: value(asia::in_gstin), CheckDigit;
    InEpic: number(asia::in_epic), CheckDigit;
    CnResident: value(asia::cn_resident), CheckDigit;
    HkId: value(asia::hk_id), CheckDigit;
    TwId: value(asia::tw_id), CheckDigit;
    KrRrn: number(asia::kr_rrn), Structure;
    KrRrnChecked: number(asia::kr_rrn_checked), CheckDigit;
    JpMyNumber: number(asia::jp_my_number), CheckDigit;
    ThId: number(asia::th_id), CheckDigit;
    MyNric: number(asia::my_nric), Structure;
    IdNik: number(asia::id_nik), Structure;
    SgNric: value(asia::sg_nric), CheckDigit;
    VnCccd: number(asia::vn_cccd), Structure;
    AuTfn: number(asia::au_tfn), CheckDigit;
    AuAbn: number(asia::au_abn), CheckDigit;
    AuAcn: number(asia::au_acn), CheckDigit;
    AuMedicare: number(asia::au_medicare), CheckDigit;
    NzIrd: number(asia::nz_ird), CheckDigit;
    NzNhi: value(asia::nz_nhi), CheckDigit;

    // Africa, the Middle East, Turkey
    TrTckn: number(south::tr_tckn), CheckDigit;
    ZaId: number(south::za_id), CheckDigit;
    IlId: number(south::il_id), CheckDigit;
    AeEmirates: number(south::ae_emirates), CheckDigit;
    SaId: number(south::sa_id), CheckDigit;
    EgId: number(south::eg_id), Structure;

    // Health services
    UsDea: number(health::us_dea), CheckDigit;
    UsNpi: number(health::us_npi), CheckDigit;
    AuIhi: number(health::au_ihi), CheckDigit;
    CaOhip: number(health::ca_ohip), CheckDigit;

    // Tokens
    /// Chosen or drawn as a password, where code may stand as well; no name, path, sample or reference.
    PasswordLike: value(password::password_like), Entropy;
    /// The same between quotes.
    PasswordText: value(password::password_text), Entropy;
    /// What nothing but a password looks like.
    PasswordStrong: value(password::password_strong), Entropy;
    /// A password right behind the word for it.
    PasswordAdjacent: value(password::password_adjacent), Entropy;
    /// A password before the words that say so.
    PasswordHead: value(password::password_head), Entropy;
    /// Base32 that is no name in capitals.
    Base32Seed: value(password::base32_seed), Entropy;
    /// The number of a session.
    SessionLike: value(password::session_like), Entropy;
    /// Drawn at random: letters of both cases with digits.
    SecretLike: value(password::secret_like), Entropy;
    /// No word that manuals write where a secret goes, and no name of a variable.
    NotSample: value(password::not_sample), Structure;
    /// An armour's first line with a key behind it, whatever stands at the starts of its lines.
    KeyBody: value(token::key_body), Structure;
    /// The last 6 characters are the CRC-32 of what follows the first `_`, in base 62 (GitHub, npm).
    Crc32Base62: value(token::crc32_base62), CheckDigit;
    /// The last 8 characters are the CRC-32 of all before them, in upper-case hexadecimal (Atlassian).
    Crc32Hex: value(token::crc32_hex), CheckDigit;
    /// The last 8 characters are the CRC-32 of what follows the first `_`, in lower-case hexadecimal (Cloudflare).
    Crc32HexBody: value(token::crc32_hex_body), CheckDigit;
    /// The last 8 characters after a `_` are the CRC-32 of all before it, low byte first (Grafana).
    Crc32HexReversed: value(token::crc32_hex_reversed), CheckDigit;
    /// The last 7 characters are the CRC-32 of all before them, in base 36 (GitLab).
    Crc32Base36: value(token::crc32_base36), CheckDigit;
    /// Three parts in base64url, the first a JSON object that names `alg`.
    Jwt: value(token::jwt), Structure;
    /// base64 of `user:password`.
    BasicAuth: value(token::basic_auth), Structure;
    /// base64 of exactly 64 bytes.
    Base64Of64: value(token::base64_of_64), Structure;
    /// base64 of exactly 32 bytes.
    Base64Of32: value(token::base64_of_32), Structure;
    /// The first part is base64 of a user's number (Discord).
    DiscordId: value(token::discord_id), Structure;
    /// Words of a BIP-39 mnemonic, with its checksum or written down as one.
    Mnemonic: value(mnemonic), Structure;
    /// Ends with its Base58Check checksum.
    Base58: value(base58check), CheckDigit;
}

/// The digits of a value, without allocating; no number that is checked has more than 32.
struct Digits {
    digits: [u8; 32],
    len: usize,
}

impl Digits {
    fn of(value: &[u8]) -> Self {
        let mut all = Self { digits: [0; 32], len: 0 };
        for digit in value.iter().filter(|byte| byte.is_ascii_digit()).take(32) {
            all.digits[all.len] = digit - b'0';
            all.len += 1;
        }
        all
    }

    fn as_slice(&self) -> &[u8] {
        &self.digits[..self.len]
    }
}

/// The sum of digits times weights.
fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum()
}

/// The number that up to 18 digits spell.
fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |number, digit| number * 10 + u64::from(*digit))
}

/// ISO/IEC 7812-1: every second digit from the right doubled, the sum a multiple of ten.
fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit < 5 { digit * 2 } else { digit * 2 - 9 };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| u32::from(if at % 2 == 1 { doubled(*digit) } else { *digit }))
        .sum();
    !digits.is_empty() && sum.is_multiple_of(10)
}

/// The dihedral group of order 10, written as arithmetic instead of its table.
fn verhoeff(digits: &[u8]) -> bool {
    const PERMUTED: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let times = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b) % 5,
        (false, true) => 5 + (a - b) % 5,
        (false, false) => (5 + a - b) % 5,
    };
    let permuted = |digit: u8, times: usize| (0..times % 8).fold(digit, |digit, _| PERMUTED[usize::from(digit)]);
    let check = digits.iter().rev().enumerate().fold(0, |check, (at, digit)| times(check, permuted(*digit, at)));
    !digits.is_empty() && check == 0
}

/// Not all the same digit, and no plain up or down count.
fn varied(digits: &[u8]) -> bool {
    let steps = |step: u8| digits.windows(2).all(|pair| (pair[0] + step) % 10 == pair[1]);
    !steps(0) && !steps(1) && !steps(9)
}
