//! A puck with several addresses answers from the one that was asked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::office::{Office, PATIENCE, query};
use crate::upstream::{Upstream, a, answers};

#[tokio::test]
async fn an_answer_leaves_from_the_address_that_was_asked() {
    // Made here; asked of the upstream by a task; from the cache; copied.
    let names = ["api.acme.example.", "www.example.", "www.example.", "www.example."];
    let everywhere = [IpAddr::from(Ipv4Addr::UNSPECIFIED), Ipv6Addr::UNSPECIFIED.into()];
    for (listen, asked) in everywhere.into_iter().zip([&["127.0.0.1", "127.0.0.7"][..], &["::1"]]) {
        let upstream = Upstream::start().await;
        upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 300, "203.0.113.1")]));
        let office = Office::open_at(listen, upstream, |_| {});
        for asked in asked {
            let socket = UdpSocket::bind((if listen.is_ipv4() { "127.0.0.1" } else { "::1" }, 0)).await.unwrap();
            // Connected: the kernel takes answers from this address only.
            socket.connect((*asked, office.address.port())).await.unwrap();
            for (round, name) in names.iter().enumerate() {
                socket.send(&query(name, RecordType::A).to_vec().unwrap()).await.unwrap();
                let mut buffer = [0; 512];
                let length = timeout(PATIENCE, socket.recv(&mut buffer)).await.expect("an answer from there").unwrap();
                assert_eq!(Message::from_vec(&buffer[..length]).unwrap().answers.len(), 1, "{asked} {round}");
            }
        }
    }
}

#[tokio::test]
async fn one_batch_may_have_been_sent_to_several_addresses() {
    let upstream = Upstream::start().await;
    upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 300, "203.0.113.1")]));
    let office = Office::open_at(Ipv4Addr::UNSPECIFIED.into(), upstream, |config| config.threads = 1);
    let mut sockets = Vec::new();
    for last in 1..=24_u8 {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect((Ipv4Addr::new(127, 0, 0, 1 + last % 3), office.address.port())).await.unwrap();
        sockets.push(socket);
    }
    let question = query("www.example.", RecordType::A).to_vec().unwrap();
    for _ in 0..20 {
        for socket in &sockets {
            socket.send(&question).await.unwrap();
        }
        for socket in &sockets {
            let mut buffer = [0; 512];
            let length = timeout(PATIENCE, socket.recv(&mut buffer)).await.expect("an answer from there").unwrap();
            assert_eq!(Message::from_vec(&buffer[..length]).unwrap().answers.len(), 1);
        }
    }
}
