//! Numbers that were computed for these tests, apart from this code, by the issuers' rules; none belongs to anybody.

use gate_core::Why;

use super::super::Check;

const VALID: &[(Check, [&str; 3])] = &[
    (Check::UsSsn, ["140-63-9018", "029-46-5632", "684-07-4918"]),
    (Check::UsItin, ["906-78-5842", "920-94-8526", "991-70-4022"]),
    (Check::UsEin, ["20-0031271", "47-7682813", "20-2335159"]),
    (Check::CaSin, ["676-892-177", "487 741 274", "152 493 698"]),
    (Check::BrCpf, ["820.494.589-24", "928.254.054-50", "116.525.211-27"]),
    (Check::BrCnpj, ["51.810.544/0002-30", "35.063.846/0001-55", "10.935.282/0001-72"]),
    (Check::ArCuit, ["27-29203094-6", "30671801322", "33-78204230-6"]),
    (Check::ClRut, ["16.116.147-0", "6070317-5", "28.257.851-4"]),
    (Check::CoNit, ["847726052-2", "943679657-4", "853810213-2"]),
    (Check::PeRuc, ["20350424408", "10492391803", "20929699743"]),
    (Check::EcCedula, ["0343843041", "1310562150", "1503366898"]),
    (Check::UyCedula, ["8.090.915-5", "3.754.216-4", "1.995.488-0"]),
    (Check::MxCurp, ["GOSW530801HMCLTM17", "GOVE700606HNLLPZ15", "MEKU520903HNLRSG10"]),
    (Check::MxRfc, ["EQV800511Z35", "APQ620405A16", "ARY871006Q24"]),
    (Check::UkNhs, ["781-404-5428", "865-470-7186", "149-573-1901"]),
    (Check::UkNino, ["AT 26 24 22 A", "WB 58 50 72 A", "JX408759A"]),
    (Check::UkUtr, ["8470705799", "1483771507", "8698030794"]),
    (Check::UkDrivingLicence, ["TAY99251289EO9SA", "TAY99901265EQ9XI", "OCONN160130VB9VL"]),
    (Check::IePps, ["7614568Q", "3445842K", "2707780QH"]),
    (Check::BeNational, ["73011175270", "55042300897", "63.07.26-986.91"]),
    (Check::NlBsn, ["028114255", "473867278", "113657973"]),
    (Check::FrNir, ["2 71 06 2B 023 899 68", "156043133097313", "143072A69518971"]),
    (Check::FrSiret, ["522 674 019 70480", "01783777433822", "61361796836270"]),
    (Check::FrSiren, ["275016269", "500 743 091", "324 787 373"]),
    (Check::FrFiscal, ["2448663886431", "3221223907503", "2872636671093"]),
    (Check::EsDni, ["19530698-H", "86143368L", "45.975.143-Y"]),
    (Check::EsCif, ["G48117014", "G06962229", "B09265539"]),
    (Check::EsNss, ["411277126170", "289030197253", "084697720473"]),
    (Check::ItCodiceFiscale, ["FMMLDB74H09D612P", "LCTPPD49P12F205N", "MDDNTG84H03H501Y"]),
    (Check::ItPartitaIva, ["81170730790", "72848500251", "10571390276"]),
    (Check::PtNif, ["247687790", "159183723", "560618255"]),
    (Check::PtCartao, ["592517048Z30", "062073093ZZ1", "444763177ZC3"]),
    (Check::GrAmka, ["13117563125", "09018534884", "21026643508"]),
    (Check::GrAfm, ["181824410", "170603028", "104973615"]),
    (Check::DeSteuerId, ["33 795 264 011", "19876054525", "48 967 102 114"]),
    (Check::DeAusweis, ["NK1X4ZJ977D", "VX56PTCL59D", "PHWJVRKJ20D"]),
    (Check::DeKvnr, ["L732652216", "K816176912", "W493925552"]),
    (Check::DeRente, ["12161299J521", "12270970D242", "12030353W059"]),
    (Check::AtSvnr, ["7525140665", "4682170872", "6229 060746"]),
    (Check::ChAhv, ["7564836085950", "756.4128.3016.21", "7566165021104"]),
    (Check::PlPesel, ["52042637313", "75031794901", "54121399370"]),
    (Check::PlNip, ["788-396-68-21", "750-048-48-61", "7736688574"]),
    (Check::PlDowod, ["FWD920546", "WIT817687", "CRE588781"]),
    (Check::CzRodne, ["655106/6720", "611114/2741", "970428/2192"]),
    (Check::HuTaj, ["546 576 913", "171 603 493", "498083626"]),
    (Check::HuAdo, ["8169849845", "8473781457", "8668385461"]),
    (Check::RoCnp, ["1840805016234", "2510324128799", "2570726400282"]),
    (Check::BgEgn, ["4806025300", "6202173106", "7301260480"]),
    (Check::HrOib, ["69721413271", "05374261554", "17136280870"]),
    (Check::Jmbg, ["2605990016018", "0910990716524", "2108977711463"]),
    (Check::RuSnils, ["133-834-921 64", "31929829716", "098-337-396 20"]),
    (Check::RuInn, ["5110834826", "772037720242", "770554699919"]),
    (Check::UaRnokpp, ["2375573726", "3287637539", "3577174731"]),
    (Check::KzIin, ["501211403927", "920317420244", "920514325349"]),
    (Check::SePersonnummer, ["490503-6119", "480805-1751", "711111-1881"]),
    (Check::NoFodselsnummer, ["17053742815", "22022121735", "280567 17112"]),
    (Check::DkCpr, ["010897-2974", "230751-1855", "260767-1729"]),
    (Check::DkCprMod11, ["0408733812", "2505842580", "1803542380"]),
    (Check::FiHetu, ["251283-472E", "071255-2725", "220435-103S"]),
    (Check::IsKennitala, ["101086-6589", "0503714339", "1402549679"]),
    (Check::EeIsikukood, ["47406187972", "34502075179", "33710051338"]),
    (Check::LvPersonas, ["210820-13107", "13064810727", "011172-11341"]),
    (Check::InAadhaar, ["901283609598", "744071683883", "6871-7496-2229"]),
    (Check::InPan, ["CBHCM5569Z", "CWGFQ5514L", "JLWPK5586G"]),
    (Check::InGstin, ["29MNDHG3581U1ZB", "24HHXPQ6250L1ZE", "29PAECH6535L1ZP"]),
    (Check::InEpic, ["MDW9198490", "FHX6942130", "VPH1118157"]),
    (Check::CnResident, ["310104197707249770", "310104197902069070", "110101198211134687"]),
    (Check::HkId, ["S9531728", "H2080976", "B3273917"]),
    (Check::TwId, ["F264023229", "U226581706", "D289187795"]),
    (Check::KrRrn, ["150815-1261709", "8801111314199", "640326-2939237"]),
    (Check::KrRrnChecked, ["850827-1523016", "7506261378197", "7210102582515"]),
    (Check::JpMyNumber, ["101977601356", "594345600792", "0515 5563 8713"]),
    (Check::ThId, ["1795176580502", "2813253722138", "1-7511-54269-82-7"]),
    (Check::MyNric, ["730607-10-0424", "570401-14-1548", "950801-14-4696"]),
    (Check::IdNik, ["5171142010680952", "3578431002530963", "3273331205640193"]),
    (Check::SgNric, ["G7734610X", "G8983644T", "M9100198L"]),
    (Check::VnCccd, ["079185733432", "001083396089", "001185214973"]),
    (Check::AuTfn, ["851744918", "038 192 947", "104441606"]),
    (Check::AuAbn, ["32 712 501 699", "49288244782", "40 697 179 619"]),
    (Check::AuAcn, ["370457828", "110163507", "015 039 380"]),
    (Check::AuMedicare, ["3364866171", "3166185481", "5980 40622 1"]),
    (Check::NzIrd, ["73655498", "50593242", "46587596"]),
    (Check::NzNhi, ["KTA8277", "BAN9361", "EVX0913"]),
    (Check::TrTckn, ["25358463994", "72327741294", "51830152308"]),
    (Check::ZaId, ["4907063611182", "6001205759188", "9702288542188"]),
    (Check::IlId, ["429334352", "366422855", "732657002"]),
    (Check::AeEmirates, ["784196820178877", "784-1958-5502142-4", "784198898026681"]),
    (Check::SaId, ["2542524703", "1767477522", "1655331526"]),
    (Check::EgId, ["26612122146836", "28301012179154", "28902230185459"]),
    (Check::UsDea, ["ML5705833", "AX3576557", "MW3929126"]),
    (Check::UsNpi, ["1666606680", "1617599695", "1603021134"]),
    (Check::AuIhi, ["8003601148454189", "8003601747469364", "8003602733387370"]),
    (Check::CaOhip, ["8986494063", "5857829765", "2818636686"]),
    (Check::Card, ["6503704689828172", "2650899406216436", "4625 2280 7908 4475"]),
    (
        Check::Iban,
        [
            "PT42 5865 7753 9690 9370 9085 4",
            "MT65 AAMW 5765 0807 2912 9536 7299 975",
            "PL08 5268 2710 4816 8780 1477 1673",
        ],
    ),
    (Check::AbaRouting, ["090612068", "264747413", "063201574"]),
    (Check::Bic, ["BARCGBFF500", "INGBNLFF500", "BNPAFR33500"]),
    (Check::MxClabe, ["012590737480969558", "014608396295854231", "014218387400473055"]),
    (
        Check::Base58,
        [
            "LUxhpi2HQLLdyyVg94bUDPDkc9M3kjnJPp",
            "38QixsxD1N7TN1XcF2D2JwCdzJTqaLi9qP",
            "1Q42NKTaxCSVVU9YVB2XtDiAfFpw6cv9sF",
        ],
    ),
    (
        Check::Bech32,
        [
            "bc1p573yg3xry6sdkkteu2973g3htsmx8asp98qd7pe485nnxfasqh9uum2p2l",
            "bc1qwah7pn7zszks0qzcvtv5x6p7t2dmfmpnf0jp9x",
            "bc1paul8kkl63yxwlu22dvduv4g0d37apgtkcr4vggzg0fp6ws4u47z9m35pnx",
        ],
    ),
    (Check::Imei, ["35-632662-982494-6", "35-343003-282230-8", "35-571746-828034-2"]),
    (Check::Vin, ["WVWBR9956F9425244", "5YJHJGNB6FW704619", "1HG2TS9F6FJ276979"]),
    (Check::Mac, ["a4:6b:51:41:c5:71", "3c:10:68:38:82:05", "3c-40-b6-30-f1-47"]),
    (
        Check::Mrz,
        [
            "P<USAOBRIEN<<SEAN<<<<<<<<<<<<<<<<<<<<<<<<<<<\nYM43449824USA7108226F3303182<<<<<<<<<<<<<<02",
            "P<GBRMEYER<<ANNA<LENA<<<<<<<<<<<<<<<<<<<<<<<\nOA26353627GBR5810206F3504196<<<<<<<<<<<<<<08",
            "P<UTOMEYERS<<ANNIKA<<<<<<<<<<<<<<<<<<<<<<<<<\nYB17983362UTO6910273F3808263<<<<<<<<<<<<<<02",
        ],
    ),
    (Check::PublicIpv4, ["93.184.106.174", "62.141.93.41", "51.158.48.197"]),
    (Check::PublicIpv6, ["2001:41d0:3c36:830b::47ea", "2001:41d0:a098:17dd::e1df", "2a02:2380:98a8:3a4e::8836"]),
];

/// Checks whose digit cannot see every mistake: dates and lists, or a modulus of 11 whose rests 10 and 0 share a digit.
const ENOUGH: usize = 80;

#[test]
fn every_number_is_accepted_and_nearly_every_wrong_digit_is_seen() {
    for (check, values) in VALID {
        for value in values {
            assert!(check.passes(value.as_bytes()), "{check:?} refuses {value}");
        }
        let (seen, all) =
            values.iter().map(|value| wrong_digits(*check, value)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        assert!(check.ground() != Why::CheckDigit || seen * 100 >= all * ENOUGH, "{check:?} sees {seen} of {all}");
    }
}

/// Of all values with one other digit, how many are refused, and how many there are.
fn wrong_digits(check: Check, value: &str) -> (usize, usize) {
    let digits = value.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit());
    let wrong =
        digits.flat_map(|(at, byte)| (b'0'..=b'9').filter(move |other| *other != byte).map(move |other| (at, other)));
    let refused = |(at, other): &(usize, u8)| {
        let mut bytes = value.as_bytes().to_vec();
        bytes[*at] = *other;
        !check.passes(&bytes)
    };
    (wrong.clone().filter(refused).count(), wrong.count())
}

#[test]
fn a_number_that_lacks_its_end_is_none() {
    // What may be cut: Colombia's and the tax numbers of Australia and New Zealand have more than one length.
    let lengths = [Check::CoNit, Check::AuTfn, Check::NzIrd, Check::ClRut, Check::Card, Check::AuMedicare];
    for (check, values) in VALID.iter().filter(|(check, _)| !lengths.contains(check) && *check != Check::PublicIpv6) {
        let cut = |value: &&&str| check.passes(&value.as_bytes()[..value.len() - 1]);
        let accepted = values.iter().filter(cut).count();
        let open = matches!(
            check,
            Check::UkNino | Check::InPan | Check::MxRfc | Check::PublicIpv4 | Check::DeAusweis | Check::UsDea
        );
        assert!(accepted == 0 || open, "{check:?} accepts {accepted} of them cut");
    }
}
