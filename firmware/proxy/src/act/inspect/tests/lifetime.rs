//! Connections that end, on either side, and what becomes of the other one.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use gate_core::{Action, Reason, Usage};
use http_body_util::BodyExt;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::relay::{CLEAN, event, fed};
use super::support::{Ca, HOST, Office, Provider, get, post, reply};

#[tokio::test]
async fn an_idle_connection_that_the_provider_closed_is_dialled_again() {
    let provider = Provider::raw(HOST, &["http/1.1"], |mut tls| {
        Box::pin(async move {
            let mut request = vec![0; 8192];
            let _ = tls.read(&mut request).await;
            let _ = tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
            let _ = tls.shutdown().await;
        })
    });
    let office = Office::new(provider.await);
    let mut client = office.h1().await;
    for round in 1..=3 {
        assert_eq!(client.send(get(false, "/v1/models")).await.body, "ok");
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(*office.provider.connections.lock(), round);
    }
}

#[tokio::test]
async fn a_server_that_says_goaway_is_dialled_again_for_the_next_stream() {
    let provider = Provider::raw(HOST, &["h2"], |tls| {
        Box::pin(async move {
            let service = service_fn(|_| async { Ok::<_, Infallible>(reply("{}")) });
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(tls), service));
            let _ = tokio::time::timeout(Duration::from_millis(50), connection.as_mut()).await;
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        })
    });
    let office = Office::new(provider.await);
    let mut client = office.h2().await;
    for round in 1..=3 {
        assert_eq!(client.send(get(true, "/v1/models")).await.status.as_u16(), 200);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(*office.provider.connections.lock(), round);
    }
    assert_eq!(client.close().await.reason, None, "the client's connection outlived three of the server's");
}

#[tokio::test]
async fn an_answer_does_not_wait_for_a_connection_that_hangs() {
    let (asked, answer) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    let (tell, wait) = (Arc::clone(&asked), Arc::clone(&answer));
    let provider = Provider::raw(HOST, &["h2"], move |tls| {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        Box::pin(async move {
            let (served, waited) = (Arc::clone(&tell), Arc::clone(&wait));
            let service = service_fn(move |_| {
                let (served, waited) = (Arc::clone(&served), Arc::clone(&waited));
                async move {
                    served.notify_one();
                    waited.notified().await;
                    Ok::<_, Infallible>(reply("{}"))
                }
            });
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(tls), service));
            let _ = tokio::time::timeout(Duration::from_millis(300), connection.as_mut()).await;
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        })
    });
    let office = Office::new(provider.await);
    let client = office.h2().await;
    let send = |path| {
        let mut sender = client.sender.clone();
        tokio::spawn(async move { sender.send_request(get(true, path)).await.unwrap().status().as_u16() })
    };
    let first = send("/v1/first");
    asked.notified().await;
    // Whoever comes next waits for this one's hello.
    let _silent = tokio::net::TcpStream::connect(office.provider.addr).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let others = [send("/v1/second"), send("/v1/third"), send("/v1/fourth")];
    tokio::time::sleep(Duration::from_millis(200)).await;
    answer.notify_one();
    assert_eq!(tokio::time::timeout(Duration::from_secs(5), first).await.expect("it is here").unwrap(), 200);
    let begun = tokio::time::Instant::now();
    for other in others {
        assert_eq!(other.await.unwrap(), 502);
    }
    assert!(begun.elapsed() < super::super::upstream::HANDSHAKE * 2, "they fail together");
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_providers_work_and_is_recorded() {
    for h2 in [false, true] {
        let (office, sender) = fed(if h2 { &["h2"] } else { &["http/1.1"] }).await;
        let request = post(h2, "/v1/chat/completions", CLEAN);
        let response = if h2 { office.h2().await.start(request).await } else { office.h1().await.start(request).await };
        let sender = sender.lock().take().unwrap();
        sender.send(event("data: {\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":1}}\n\n")).unwrap();
        let mut body = response.into_body();
        assert!(body.frame().await.unwrap().is_ok());
        drop(body);
        tokio::time::timeout(Duration::from_secs(5), sender.closed()).await.expect("the provider is told");
        let record = office.record();
        assert_eq!((record.reason, record.status), (Some(Reason::ClientReset), Some(200)));
        assert_eq!(record.usage, Some(Usage { input: 4, output: 1, ..Usage::default() }));
    }
}

#[tokio::test]
async fn a_client_that_leaves_at_the_last_event_has_broken_nothing_off() {
    for h2 in [false, true] {
        let (office, sender) = fed(if h2 { &["h2"] } else { &["http/1.1"] }).await;
        let request = post(h2, "/v1/chat/completions", CLEAN);
        let (mut one, mut two) = (None, None);
        let response = if h2 {
            two.insert(office.h2().await).start(request).await
        } else {
            one.insert(office.h1().await).start(request).await
        };
        let sender = sender.lock().take().unwrap();
        sender
            .send(event("data: {\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n"))
            .unwrap();
        let mut body = response.into_body();
        assert!(body.frame().await.unwrap().is_ok());
        drop(body);
        let closed = match (one, two) {
            (Some(client), _) => client.close().await,
            (_, Some(client)) => client.close().await,
            _ => unreachable!("one of them asked"),
        };
        tokio::time::timeout(Duration::from_secs(5), sender.closed()).await.expect("the provider is told");
        assert_eq!((office.record().reason, closed.reason), (None, None), "h2: {h2}");
        assert_eq!(office.record().usage, Some(Usage { input: 4, output: 1, ..Usage::default() }));
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_for_the_client() {
    let provider = Provider::raw(HOST, &["http/1.1"], |mut tls| {
        Box::pin(async move {
            let mut request = vec![0; 8192];
            let _ = tls.read(&mut request).await;
            let _ = tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf an answer").await;
        })
    });
    let office = Office::new(provider.await);
    let mut client = office.h1().await;
    let mut body = client.start(get(false, "/v1/models")).await.into_body();
    assert!(body.frame().await.unwrap().is_ok());
    assert!(body.frame().await.unwrap().is_err(), "the client must not take it for whole");
    assert_eq!(office.record().reason, Some(Reason::UpstreamReset));
}

#[tokio::test]
async fn a_provider_that_hangs_up_is_answered_for() {
    let office = Office::new(
        Provider::raw(HOST, &["http/1.1"], |mut tls| {
            Box::pin(async move {
                let _ = tls.read(&mut [0; 8192]).await;
            })
        })
        .await,
    );
    let got = office.h1().await.send(post(false, "/v1/chat/completions", CLEAN)).await;
    got.refusal(502);
    let record = office.record();
    assert_eq!((record.decision, record.reason), (Action::Allow, Some(Reason::UpstreamReset)));
}

#[tokio::test]
async fn a_connection_whose_provider_is_gone_ends_so_that_the_client_connects_anew() {
    let ca = Ca::new("provider");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(ca.server(HOST, &["http/1.1"])));
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        drop(listener);
        let mut tls = acceptor.accept(tcp).await.unwrap();
        let _ = tls.read(&mut [0; 8192]).await;
        let _ = tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        let _ = tls.shutdown().await;
    });
    let office = Office::new(Provider { ca, addr, seen: Arc::default(), connections: Arc::default() });
    let mut client = office.h1().await;
    assert_eq!(client.send(get(false, "/v1/models")).await.body, "ok");
    client.send(get(false, "/v1/models")).await.refusal(502);
    assert_eq!(office.journal.requests()[1].reason, Some(Reason::UpstreamUnreachable));
    let closed = tokio::time::timeout(Duration::from_secs(5), &mut client.serving).await.unwrap().unwrap();
    assert_eq!(closed.reason, None);
}

#[tokio::test]
async fn a_stop_lets_the_open_answer_finish_and_a_close_cuts_it() {
    for cut in [false, true] {
        let (office, sender) = fed(&["http/1.1"]).await;
        let mut client = office.h1().await;
        let mut body = client.start(post(false, "/v1/chat/completions", CLEAN)).await.into_body();
        office.shared.stopping.cancel();
        let sender = sender.lock().take().unwrap();
        sender.send(event("data: 1\n\n")).unwrap();
        assert!(body.frame().await.unwrap().is_ok(), "the answer goes on");
        if cut {
            office.shared.closing.cancel();
        } else {
            drop(sender);
        }
        let end = body.frame().await;
        assert_eq!(end.is_some_and(|frame| frame.is_err()), cut);
        let closed = tokio::time::timeout(Duration::from_secs(5), client.serving).await.unwrap().unwrap();
        let reason = cut.then_some(Reason::Shutdown);
        assert_eq!((closed.reason, office.record().reason), (reason.clone(), reason));
    }
}
