//! Finding the next frame behind a bad one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::parse::{FRAME_CAP, PREFIX_LEN, STRIDE, frame_at};

/// Where the next whole frame begins after the bad one at `offset`; `None` if there is none up to the end. The bad
/// frame's own length is believed if a frame, or the end of the file, stands where it says: what looks like a frame
/// inside somebody's text is then not taken for one.
pub(crate) fn next_whole(file: &File, offset: u64) -> io::Result<Option<u64>> {
    let mut window = vec![0; 2 * STRIDE];
    let have = read_at(file, &mut window, offset)?;
    let claimed = window[..have].first_chunk().map_or(usize::MAX, |length| u32::from_le_bytes(*length) as usize);
    if claimed <= FRAME_CAP {
        let next = PREFIX_LEN + claimed;
        match window[..have].get(next..) {
            Some([]) => return Ok(None),
            Some(rest) if frame_at(rest) => return Ok(Some(offset + next as u64)),
            _ => {}
        }
    }
    let mut at = offset + 1;
    loop {
        let have = read_at(file, &mut window, at)?;
        if let Some(found) = (0..have.min(STRIDE)).find(|start| frame_at(&window[*start..have])) {
            return Ok(Some(at + found as u64));
        }
        if have <= STRIDE {
            return Ok(None);
        }
        at += STRIDE as u64;
    }
}

/// Reads until the buffer is full or the file ends; how much was read.
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut have = 0;
    while have < buffer.len() {
        match file.read_at(&mut buffer[have..], offset + have as u64) {
            Ok(0) => break,
            Ok(more) => have += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(have)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::next_whole;
    use crate::parse::{FRAME_CAP, STRIDE};

    /// A whole frame around a payload.
    fn framed(payload: &[u8]) -> Vec<u8> {
        let body = [&[1, 0, 0, 0, 0, 0, 0, 0, 0], payload, &[7; 32]].concat();
        let length = u32::try_from(body.len()).unwrap();
        [&length.to_le_bytes()[..], &crc32fast::hash(&body).to_le_bytes(), &body].concat()
    }

    fn found(pieces: &[&[u8]]) -> Option<u64> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&pieces.concat()).unwrap();
        next_whole(&file, 0).unwrap()
    }

    #[test]
    fn the_next_frame_is_found_whatever_is_wrong_with_the_bad_one() {
        let (whole, mut flipped, mut longer) = (framed(b"next"), framed(b"bad"), framed(b"bad"));
        flipped[20] ^= 1;
        longer[0] ^= 1;
        for bad in [flipped, longer, vec![0; 77], vec![0xff; 3 * STRIDE], vec![1; 5]] {
            assert_eq!(found(&[&bad, &whole]), Some(bad.len() as u64));
            assert_eq!(found(&[&bad]), None);
            assert_eq!(found(&[&bad, &whole[..whole.len() - 1]]), None, "half a frame is none");
        }
        let largest = framed(&vec![9; FRAME_CAP - 41]);
        assert_eq!(found(&[&vec![0; STRIDE - 1], &largest]), Some(STRIDE as u64 - 1));
    }

    #[test]
    fn a_frame_inside_a_text_is_not_taken_for_one() {
        let mut bad = framed(&framed(b"a forged record"));
        bad[9] ^= 1;
        assert_eq!(found(&[&bad, &framed(b"next")]), Some(bad.len() as u64));
        assert_eq!(found(&[&bad]), None);
    }
}
