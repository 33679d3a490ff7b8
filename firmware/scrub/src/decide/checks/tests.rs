mod numbers;

use super::Check;

/// Each check with a value that passes, and the same value with one thing wrong.
#[test]
fn every_check_tells_right_from_wrong() {
    let rows: &[(Check, &str, &str)] = &[
        (Check::Luhn, "79927398713", "79927398714"),
        (Check::Verhoeff, "2363", "2364"),
        (Check::Varied, "1357", "2222"),
        (Check::Varied, "1357", "34567"),
        (Check::Varied, "1357", "9876543210"),
        (Check::Card, "4111 1111 1111 1111", "4111 1111 1111 1112"),
        (Check::Card, "378282246310005", "388282246310005"),
        (Check::Card, "30569309025904", "4056930902590"),
        (Check::Iban, "DE89 3704 0044 0532 0130 00", "DE88 3704 0044 0532 0130 00"),
        (Check::Iban, "GB82WEST12345698765432", "GB82WEST1234569876543"),
        (Check::Iban, "NO9386011117947", "XX9386011117947"),
        (Check::AbaRouting, "011000015", "011000016"),
        (Check::UsSsn, "219-09-8888", "219-09-9999"),
        (Check::UsSsn, "219-09-8888", "666-09-8888"),
        (Check::UsSsn, "219-09-8888", "111-22-3333"),
        (Check::NationalPhone, "2147483649", "2147483648"),
        (Check::UkNino, "AB123456C", "BG123456C"),
        (Check::InPan, "ABCPE1234F", "ABCXE1234F"),
        (Check::BrCnpj, "12.ABC.345/01DE-35", "12.ABC.345/01DE-36"),
        // The examples of the standards: ERC-55, BIP-173, BIP-350, and the first block of Bitcoin.
        (Check::Eip55, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed"),
        (Check::Ethereum, "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", "0x0000000000000000000000000000000000000001"),
        (Check::Bech32, "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"),
        (Check::Base58, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"),
        (Check::Upi, "ravi.k@okaxis", "ravi.k@northwind"),
        (Check::Coordinates, "48.13743, 11.57549", "48.1, 11.5"),
        (Check::Coordinates, "-33.86882, 151.20930", "133.86882, 151.20930"),
        (Check::Address, "Lindenweg 12, 50667 Köln", "fe80::1 on eth0"),
        (Check::Address, "12 Oak Lane, Springfield", "of the server at 0x7fff"),
        (Check::PersonName, "Anna Meyer", "Support Team"),
        (Check::GivenName, "Zoë Krämer", "Release Notes"),
        (Check::GivenName, "Krämer, Zoë", "Build, Test"),
        (Check::Mac, "6c:40:08:a1:b2:c3", "ff:ff:ff:ff:ff:ff"),
        (Check::Mac, "6c:40:08:a1:b2:c3", "00:11:22:33:44:55"),
        (Check::PublicIpv6, "2a02:2381:8d25:bd5::bb9f", "2001:db8::bb9f"),
        (Check::PublicIpv4, "93.184.216.34", "192.168.1.7"),
        (Check::PublicIpv4, "93.184.216.34", "93.184.216.340"),
        (Check::Email, "a@b.example", "logo@2x.png"),
        (Check::Email, "a@b.de", "git@github.com"),
        (Check::Phone, "+49 151 23456789", "+49 151"),
        (Check::Phone, "+1 628-555-0163", "+1 112-555-0141"),
        (Check::NationalPhone, "030 23125085", "030 231"),
        (Check::PasswordLike, "Marble#4907kobX", "getPassword"),
        (Check::PasswordLike, "hunter22", "process.env.DB_PASSWORD1"),
        (Check::PasswordLike, "tGNpKwzQmBe", "std::string"),
        (Check::SecretLike, "Wk7cYq2Lr9ZbTn4Hd6Gx1Jv8Ms3Pe5Ra", "AccessTokenForServicePrincipal2"),
        (Check::SecretLike, "q4N7w9LtzRcXKJD2m6pE", "b9a513cc-3dc2-4749-a5ca-a491d6b4bdff"),
        (Check::NotSample, "k7mWq29zL", "Password"),
        (
            Check::KeyBody,
            "-----BEGIN X-----\nMIIE6LSDALYWznNY67ssb4oVgE/c",
            "-----BEGIN X-----\nxxxxxxxxxxxxxxxxxxxxxxx",
        ),
        (Check::Jwt, "eyJhbGciOiJub25lIn0.e30.x", "eyJ0eXAiOiJKV1QifQ.e30.x"),
        (Check::BasicAuth, "YW5uYTprN21XcTI5ekw=", "dXNlcjpwYXNzd29yZA=="),
        (Check::Base64Of32, "G00B1dwBXH88eNDYx3pTbGX/SWDnCUHgObo27vRjWeY=", "G00B1dwBXH88eNDYx3pTbGX/SWDnCUHgObo27vRj"),
        (Check::DiscordId, "MTEzOTYwOTIwOTIwNjY4NDYw.x", "YWJjZGVmZ2hpamtsbW5vcHFy.x"),
    ];
    for (check, right, wrong) in rows {
        assert!(check.passes(right.as_bytes()), "{check:?} refuses {right}");
        assert!(!check.passes(wrong.as_bytes()), "{check:?} accepts {wrong}");
    }
}

#[test]
fn checksums_cover_every_character() {
    // The CRC-32 of "123456789" is the check value of its definition.
    assert_eq!(super::token::crc32(b"123456789"), 0xCBF4_3926);
    let token = "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";
    assert!(Check::Crc32Base62.passes(token.as_bytes()));
    for at in 4..token.len() {
        let mut bytes = token.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
        assert!(!Check::Crc32Base62.passes(&bytes), "byte {at}");
    }
    let body = b"ATBBx8Kq2mZt7Lw4Vn9Rp3Ys6Bd";
    let whole = [&body[..], format!("{:08X}", super::token::crc32(body)).as_bytes()].concat();
    assert!(Check::Crc32Hex.passes(&whole));
    assert!(!Check::Crc32Hex.passes(&whole[1..]));
    let body = "x8Kq2mZt7Lw4Vn9Rp3Ys6Bdx8Kq2mZt7Lw4Vn9R";
    let rows = [
        (Check::Crc32HexBody, format!("cfut_{body}{:08x}", super::token::crc32(body.as_bytes()))),
        (Check::Crc32HexReversed, format!("{body}_{:08x}", super::token::crc32(body.as_bytes()).swap_bytes())),
    ];
    for (check, value) in rows {
        assert!(check.passes(value.as_bytes()));
        assert!(
            !check.passes(&value.as_bytes()[..value.len() - 1]) && !check.passes(value.replace('K', "k").as_bytes())
        );
    }
    // 0xCBF43926 in base 36.
    assert!(Check::Crc32Base36.passes(b"1234567891kl8mjq") && !Check::Crc32Base36.passes(b"1234567891kl8mj0"));
}

#[test]
fn values_that_are_nothing_pass_no_check() {
    // The first two ask for no length, and anything but a sample is no sample.
    let lenient = [Check::Luhn, Check::Verhoeff, Check::NotSample];
    for check in Check::ALL.iter().filter(|check| !lenient.contains(check)) {
        for value in [&b""[..], b"1", b"-", &[0xFF; 40], &[b'0'; 40]] {
            assert!(!check.passes(value), "{check:?} accepts {value:?}");
        }
    }
}
