//! `sign-update`: makes a signed image out of what a slot holds, when an image is built.
//!
//! ```text
//!   sign-update public KEY.pem                               the line for the image's list of keys
//!   sign-update make KEY.pem BOARD VERSION SEQUENCE SLOT OUT  SLOT: the partition's content, OUT: the file
//! ```
//!
//! KEY.pem is what `openssl genpkey -algorithm ed25519` writes.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use ed25519_dalek::pkcs8::DecodePrivateKey;
use ed25519_dalek::{Signer, SigningKey};
use gate_rescue::{CHUNK, MAX_PAYLOAD, Manifest, Signed, message};
use sha2::{Digest, Sha256};

const SECTOR: usize = 512;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["public", key] => public(key),
        ["make", key, board, version, sequence, slot, out] => make(key, board, version, sequence, slot, out),
        _ => Err("usage: sign-update public KEY.pem | make KEY.pem BOARD VERSION SEQUENCE SLOT OUT".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sign-update: {error}");
            ExitCode::from(2)
        }
    }
}

fn read_key(file: &str) -> Result<SigningKey, Box<dyn Error>> {
    let pem = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    SigningKey::from_pkcs8_pem(&pem).map_err(|_| format!("{file}: not an Ed25519 private key in PKCS#8 PEM").into())
}

fn public(key: &str) -> Result<(), Box<dyn Error>> {
    let digits: String = read_key(key)?.verifying_key().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    println!("{digits}");
    Ok(())
}

fn make(key: &str, board: &str, version: &str, sequence: &str, slot: &str, out: &str) -> Result<(), Box<dyn Error>> {
    let key = read_key(key)?;
    let content = fs::read(slot).map_err(|error| format!("{slot}: {error}"))?;
    let payload = used(&content);
    if payload.len() as u64 > MAX_PAYLOAD {
        return Err(format!("{slot}: {} bytes are more than an update may have", payload.len()).into());
    }
    let manifest = Manifest {
        board: board.try_into().map_err(|_| format!("the board's name `{board}` is too long"))?,
        version: version.try_into().map_err(|_| format!("the version `{version}` is too long"))?,
        sequence: sequence.parse().map_err(|_| format!("the sequence `{sequence}` is no number"))?,
        bytes: payload.len() as u64,
        chunks: payload.chunks(CHUNK).map(|piece| Sha256::digest(piece).into()).collect(),
    };
    if !manifest.is_sound() {
        return Err("board and version must be printable words, and the slot not empty".into());
    }
    let bytes = postcard::to_stdvec(&manifest)?;
    let signature = key.sign(&message(&bytes)).to_bytes();
    let head = Signed::new(bytes, signature).to_bytes().ok_or("the manifest is too long")?;
    let new = Path::new(out).with_extension("new");
    fs::write(&new, [&head, payload].concat())?;
    fs::rename(new, out)?;
    Ok(())
}

/// A slot up to its last sector that holds anything: what lies behind is free, and zeros are not worth their way.
fn used(content: &[u8]) -> &[u8] {
    let end = content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &content[..end.next_multiple_of(SECTOR).min(content.len())]
}
