use proptest::prelude::{any, prop, proptest};

use super::{Answer, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, SUBSYSTEM, answer, request};

/// A message of the kernel: type, flags, sequence number 7, payload.
fn message(kind: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
    let mut message = (16 + payload.len() as u32).to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend(7_u32.to_ne_bytes());
    message.extend([0; 4]);
    message.extend(payload);
    message
}

#[test]
fn every_kind_of_answer_is_told() {
    let errno = |code: i32| code.to_ne_bytes();
    assert!(matches!(answer(&message(NLMSG_ERROR, 0, &errno(0))), Some(Answer::Done { sequence: 7 })));
    assert!(matches!(answer(&message(NLMSG_DONE, 2, &errno(0))), Some(Answer::Done { sequence: 7 })));
    for kind in [NLMSG_ERROR, NLMSG_DONE] {
        let failed = message(kind, 0, &errno(-2));
        let Some(Answer::Failed { sequence: 7, error }) = answer(&failed) else { panic!("type {kind}") };
        assert_eq!(error.raw_os_error(), Some(2));
    }
    let object = message(SUBSYSTEM | 3, 2, &[1, 0, 0, 0, 8, 0, 1, 0, 0, 0, 0, 9]);
    let Some(Answer::Object { kind: 3, attributes }) = answer(&object) else { panic!("{object:?}") };
    assert_eq!(attributes, [8, 0, 1, 0, 0, 0, 0, 9]);
}

#[test]
fn a_list_that_changed_meanwhile_is_torn() {
    let object = message(SUBSYSTEM | 3, NLM_F_DUMP_INTR, &[0; 8]);
    assert!(matches!(answer(&object), Some(Answer::Torn)));
    assert!(matches!(answer(&message(NLMSG_DONE, NLM_F_DUMP_INTR, &[0; 4])), Some(Answer::Torn)));
}

#[test]
fn what_is_too_short_or_of_others_is_no_answer() {
    let whole = message(NLMSG_ERROR, 0, &[0; 4]);
    for length in 0..whole.len() {
        assert!(answer(&whole[..length]).is_none(), "{length} bytes");
    }
    assert!(answer(&message(SUBSYSTEM | 3, 0, &[0; 3])).is_none());
    assert!(answer(&message(1 << 8, 0, &[0; 8])).is_none());
}

#[test]
fn a_request_tells_its_length_and_what_it_wants() {
    let request = request(4, true, 7, &[1, 2, 3, 4]);
    let fields =
        [24_u32.to_ne_bytes().to_vec(), (SUBSYSTEM | 4).to_ne_bytes().to_vec(), 0x301_u16.to_ne_bytes().to_vec()];
    assert_eq!(request[..8], fields.concat());
    assert_eq!(request[8..12], 7_u32.to_ne_bytes());
    assert_eq!(request[16..], [1, 0, 0, 0, 1, 2, 3, 4]);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = answer(&bytes);
    }
}
