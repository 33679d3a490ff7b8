//! An upstream that asks us what it is asked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gate_core::HostName;
use gate_dns::Forward;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use tokio::net::UdpSocket;
use tokio::sync::watch;

use crate::office::Office;
use crate::upstream::{Upstream, a, answers};

/// A router that forwards everything to whoever it is told, as some do to the resolver they hand out themselves.
async fn router(to: watch::Receiver<Option<SocketAddr>>) -> (SocketAddr, Arc<AtomicUsize>) {
    directory(to, b"no zone").await
}

/// A server that knows one zone, given in wire form, and has none of the names in it; all else it forwards.
async fn directory(to: watch::Receiver<Option<SocketAddr>>, zone: &'static [u8]) -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let (address, count) = (socket.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counting = Arc::clone(&count);
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        loop {
            let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
            counting.fetch_add(1, Ordering::SeqCst);
            if buffer[..length].to_ascii_lowercase().windows(zone.len()).any(|window| window == zone) {
                // QR, AA and NXDOMAIN, whatever else stands in the question's header.
                (buffer[2], buffer[3]) = (0x85, 0x83);
                socket.send_to(&buffer[..length], peer).await.unwrap();
                continue;
            }
            let (query, socket, mut to) = (buffer[..length].to_vec(), Arc::clone(&socket), to.clone());
            tokio::spawn(async move {
                let to = to.wait_for(Option::is_some).await.unwrap().unwrap();
                let asking = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                asking.send_to(&query, to).await.unwrap();
                let mut answer = [0; 4096];
                let length = asking.recv(&mut answer).await.unwrap();
                socket.send_to(&answer[..length], peer).await.unwrap();
            });
        }
    });
    (address, count)
}

#[tokio::test]
async fn an_upstream_that_asks_us_is_left_out() {
    let (told, to) = watch::channel(None);
    let (router, count) = router(to).await;
    let good = Upstream::start().await;
    good.set("www.example", RecordType::A, answers(vec![a("www.example.", 60, "203.0.113.1")]));
    let address = good.address.to_string();
    let office = Office::open_behind(good, |config| {
        config.probe_seconds = 60;
        config.upstreams = [router.to_string(), address].iter().map(|text| text.parse().unwrap()).collect();
    });
    told.send_replace(Some(office.address));
    for _ in 0..200 {
        if office.dns.upstreams()[0].asks_us {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let states = office.dns.upstreams();
    assert!(states[0].asks_us && !states[1].asks_us, "{states:?}");
    let before = count.load(Ordering::SeqCst);
    let answer = office.ask("www.example.", RecordType::A).await;
    assert_eq!((answer.metadata.response_code, answer.answers.len()), (ResponseCode::NoError, 1));
    assert_eq!(count.load(Ordering::SeqCst), before, "it is not asked any more");
}

#[tokio::test]
async fn a_directory_that_asks_us_for_all_else_is_asked_for_its_own_zones() {
    let (told, to) = watch::channel(None);
    let (directory, count) = directory(to, b"\x04corp\x07example\0").await;
    let good = Upstream::start().await;
    let zone = |name: &str| HostName::parse(name.as_bytes()).unwrap().into();
    let office = Office::open_behind(good, |config| {
        config.probe_seconds = 60;
        let zones = ["corp.example", "7.168.192.in-addr.arpa"].map(zone).to_vec();
        config.forward = vec![Forward { zones, upstreams: vec![directory.to_string().parse().unwrap()] }];
    });
    told.send_replace(Some(office.address));
    for _ in 0..200 {
        if !office.dns.forwards()[0].asks_us_about.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let state = &office.dns.forwards()[0];
    assert_eq!((state.asks_us, &*state.asks_us_about), (false, &["7.168.192.in-addr.arpa".to_owned()][..]));
    let before = count.load(Ordering::SeqCst);
    let answer = office.ask("pc1.corp.example.", RecordType::A).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain, "the directory says so");
    assert_eq!(count.load(Ordering::SeqCst) - before, 1);
    let answer = office.ask("9.7.168.192.in-addr.arpa.", RecordType::PTR).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail, "what would come back is not asked");
    assert_eq!(count.load(Ordering::SeqCst) - before, 1);
}
