use super::{attributes, push, text, u32_of};

#[test]
fn what_is_pushed_is_read() {
    let mut bytes = Vec::new();
    push(&mut bytes, 1, "nanogate");
    push(&mut bytes, 2, "abc");
    push(&mut bytes, 3, "");
    assert_eq!(bytes.len() % 4, 0);
    let read: Vec<_> = attributes(&bytes).map(|attribute| (attribute.kind, text(attribute.value))).collect();
    assert_eq!(read, [(1, Some("nanogate".to_owned())), (2, Some("abc".to_owned())), (3, Some(String::new()))]);
}

#[test]
fn lengths_that_lie_end_the_list() {
    let rows: [&[u8]; 5] = [&[], &[4, 0, 1], &[3, 0, 1, 0], &[9, 0, 1, 0, 1, 2, 3, 4], &[0, 0, 0, 0, 0, 0, 0, 0]];
    for bytes in rows {
        assert_eq!(attributes(bytes).count(), 0, "{bytes:?}");
    }
    // The last one's padding may be missing; flag bits are no part of the type.
    let mut last = attributes(&[5, 0, 7, 0x80, 1]);
    let last = last.next().unwrap();
    assert_eq!((last.kind, last.value), (7, &[1][..]));
}

#[test]
fn numbers_are_in_network_order_and_four_bytes() {
    assert_eq!(u32_of(&[0, 0, 1, 0]), Some(256));
    assert_eq!(u32_of(&[0, 1]), None);
}
