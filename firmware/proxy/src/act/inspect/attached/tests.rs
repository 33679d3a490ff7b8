use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gate_core::{FileKind, FilePlace};

use super::{Attachments, LISTED, file, link, packed};
use crate::act::inspect::memory::ValueHash;

#[test]
fn a_file_is_the_same_however_it_comes() {
    let hash = ValueHash::new(&[7; 32]);
    for length in [0, 1, 2, 3, 4, 100, 3071, 3072, 3073, 10_000] {
        let bytes: Vec<u8> = b"%PDF-1.7\n".iter().copied().chain((0..=255).cycle()).take(length).collect();
        let whole = file(&hash, FilePlace::Body, &bytes);
        let plain = STANDARD.encode(&bytes);
        for text in [
            plain.clone(),
            URL_SAFE_NO_PAD.encode(&bytes),
            plain.replace('/', "\\/"),
            plain.replace('+', "\\u002B").replace('/', "\\u002f"),
            lines(&plain, "\\r\\n"),
            format!(" {}\\n", lines(&plain, "\n")),
            format!("data:application/pdf;base64,{plain}"),
            format!("data:;BASE64,{plain}"),
            format!("\\n D\\u0061ta\\u003aapplication\\/pdf; base\\t64\\u002c{}", lines(&plain, "\\n")),
        ] {
            let within = packed(&hash, text.as_bytes());
            assert_eq!(within.place, FilePlace::Conversation);
            assert_eq!(
                (within.kind, within.bytes, within.keyed_hash),
                (whole.kind, whole.bytes, whole.keyed_hash.clone())
            );
        }
    }
    for text in [&b"data:text/plain,hello"[..], b"DATA:,h\\u0065ll\\no", b"data:base64,hello"] {
        let text = packed(&hash, text);
        assert_eq!((text.bytes, text.keyed_hash), (5, text_hash(&hash)));
    }
    assert_eq!(packed(&hash, b"data:text/plain;base64").bytes, 0, "nothing follows");
    assert_ne!(file(&ValueHash::new(&[8; 32]), FilePlace::Part, b"hello").keyed_hash, text_hash(&hash), "keyed");
    let named = link(&hash, b"file-6F2k");
    assert_eq!((named.kind, named.bytes), (FileKind::Link, 9));
    assert_eq!(link(&hash, b"file\\u002d6F2k"), named, "the same however it is written");
    assert_ne!(link(&hash, b"\\u0444"), link(&hash, b"\\u0445"));
}

/// In lines as long as those of mail.
fn lines(base64: &str, ends: &str) -> String {
    let lines: Vec<&str> = base64.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join(ends)
}

fn text_hash(hash: &ValueHash) -> String {
    file(hash, FilePlace::Part, b"hello").keyed_hash
}

#[test]
fn a_file_is_known_by_its_beginning() {
    let zip = |name: &str| [&b"PK\x03\x04"[..], &[0; 26], name.as_bytes(), b"\0\0"].concat();
    let tar = [&[b'a'; 257][..], b"ustar\0"].concat();
    let rows: [(&[u8], FileKind); 19] = [
        (b"%PDF-1.7", FileKind::Pdf),
        (b"\xEF\xBB\xBF\n%PDF-1.4", FileKind::Pdf),
        (&zip("[Content_Types].xml"), FileKind::Office),
        (&zip("mimetypeapplication/vnd.oasis.opendocument.text"), FileKind::Office),
        (&zip("secret.txt"), FileKind::Archive),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", FileKind::Office),
        (b"\x89PNG\r\n\x1a\n", FileKind::Image),
        (b"\xFF\xD8\xFF\xE0", FileKind::Image),
        (b"RIFF\0\0\0\0WEBPVP8 ", FileKind::Image),
        (b"\0\0\0\x20ftypheic", FileKind::Image),
        (b"RIFF\0\0\0\0WAVEfmt ", FileKind::Audio),
        (b"\0\0\0\x20ftypM4A ", FileKind::Audio),
        (b"\xFF\xFB\x90", FileKind::Audio),
        (b"\0\0\0\x20ftypisom", FileKind::Video),
        (b"\x1A\x45\xDF\xA3", FileKind::Video),
        (&tar, FileKind::Archive),
        (b"\x1F\x8B\x08", FileKind::Archive),
        (b"RIFF", FileKind::Unknown),
        (b"", FileKind::Unknown),
    ];
    let hash = ValueHash::random();
    for (bytes, kind) in rows {
        assert_eq!(file(&hash, FilePlace::Body, bytes).kind, kind, "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn a_record_lists_so_many() {
    let (hash, mut all) = (ValueHash::random(), Attachments::default());
    (0..LISTED + 3).for_each(|_| all.add(link(&hash, b"a")));
    assert_eq!((all.listed.len(), all.more), (LISTED, 3));
}
