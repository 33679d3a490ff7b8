//! Messages as the library has them, however odd the data of a record: what it does not understand is bytes (RFC 3597), which
//! sign and compare like any others. An owner who writes a record that only some understand must not lose the whole zone by it.

use hickory_proto::op::{Header, Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::NULL;
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

/// Reads a message that [`super::Answer::read`] has let through.
pub(crate) fn read(bytes: &[u8]) -> Option<Message> {
    let mut decoder = BinDecoder::new(bytes);
    let Header { metadata, counts } = Header::read(&mut decoder).ok()?;
    let mut message = Message::new(metadata.id, MessageType::Response, OpCode::Query);
    message.metadata = metadata;
    for _ in 0..counts.queries {
        message.add_query(Query::read(&mut decoder).ok()?);
    }
    for (section, count) in [
        (&mut message.answers, counts.answers),
        (&mut message.authorities, counts.authorities),
        (&mut message.additionals, counts.additionals),
    ] {
        for _ in 0..count {
            section.push(record(&mut decoder)?);
        }
    }
    Some(message)
}

fn record(decoder: &mut BinDecoder<'_>) -> Option<Record> {
    let mut typed = decoder.clone(u16::try_from(decoder.index()).ok()?);
    match Record::read(&mut typed) {
        // The library takes a record without data for an update.
        Ok(record) if !matches!(record.data, RData::Update0(_)) => {
            *decoder = typed;
            Some(record)
        }
        _ => untyped(decoder).ok(),
    }
}

fn untyped(decoder: &mut BinDecoder<'_>) -> Result<Record, hickory_proto::serialize::binary::DecodeError> {
    let name = Name::read(decoder)?;
    let code = RecordType::read(decoder)?;
    let class = decoder.read_u16()?.unverified();
    let lifetime = decoder.read_u32()?.unverified();
    let length = usize::from(decoder.read_u16()?.unverified());
    let mut rdata = NULL::new();
    rdata.anything = decoder.read_slice(length)?.unverified().to_vec();
    let mut record = Record::from_rdata(name, lifetime, RData::Unknown { code, rdata });
    record.dns_class = DNSClass::from(class);
    Ok(record)
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::Message;
    use hickory_proto::rr::{RData, Record, RecordType};

    use super::read;

    #[test]
    fn what_the_library_does_not_understand_is_bytes() {
        let head = b"\x00\x00\x84\x00\x00\x01\x00\x03\x00\x00\x00\x00\x01a\x00\x01\x01\x00\x01";
        let record = |kind: u16, data: &[u8]| {
            let length = u16::try_from(data.len()).unwrap().to_be_bytes();
            [b"\xc0\x0c".as_slice(), &kind.to_be_bytes(), &[0, 1, 0, 0, 0, 9], &length, data].concat()
        };
        // An authority with an empty tag, an empty certificate, and an address that all understand.
        let rows = [record(257, b"\x00\x00x"), record(37, b""), record(1, &[203, 0, 113, 1])];
        let bytes = [head.as_slice(), &rows.concat()].concat();
        assert!(Message::from_vec(&bytes).is_err());
        let message = read(&bytes).unwrap();
        let kinds: Vec<_> = message.answers.iter().map(Record::record_type).collect();
        assert_eq!(kinds, [RecordType::CAA, RecordType::CERT, RecordType::A]);
        assert!(matches!(message.answers[2].data, RData::A(_)));
        assert_eq!(read(&message.to_vec().unwrap()).unwrap().answers, message.answers, "and goes out as it came");
        assert!((0..bytes.len()).all(|end| read(&bytes[..end]).is_none()));
    }
}
