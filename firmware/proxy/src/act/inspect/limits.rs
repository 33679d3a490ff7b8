//! What HTTP peers may do to us, set in one place and never left to defaults.
//!
//! None of this is paid for from the budget for bodies, so it is small by itself. The worst that one connection can
//! hold, with all its streams open, every head at its cap and no answer read:
//!
//! ```text
//!  128 streams, each with a head of 16 KiB, or later 16 KiB waiting to be sent     2 MiB
//!  sent by the client and not read                                                 1 MiB
//!  sent by the server and not read                                                 1 MiB
//!                                                                                  4 MiB
//!  the 64 connections of one client                                              256 MiB
//! ```
//!
//! With the body budget of 192 MiB that is 448 MiB; the process may have 512.

use std::time::Duration;

use hyper::{client, server};

/// Streams that one client may have open.
pub(super) const STREAMS: u32 = 128;

/// All headers of one request, in bytes, as RFC 9113 section 6.5.2 counts them. SDKs and browsers stay under 8 KiB.
const REQUEST_HEADERS: usize = 16 * 1024;

/// All headers of one answer: it comes from a verified provider, and is passed on at once.
const ANSWER_HEADERS: usize = 64 * 1024;

/// Header lines of one HTTP/1.1 message.
const HEADER_LINES: usize = 200;

/// What a client may send on one stream before it is read: on a LAN of 1 ms this is 250 MB/s.
const CLIENT_WINDOW: u32 = 256 * 1024;

/// What a client may send on all streams together: three that are not read, because a server takes no more of a call or the
/// budget for bodies is used up, leave room for the others.
const CLIENT_CONNECTION_WINDOW: u32 = 4 * CLIENT_WINDOW;

/// What a server may send on one stream: 2.5 MB/s at 100 ms.
const SERVER_WINDOW: u32 = 256 * 1024;

/// What a server may send on all streams together: three whose reader is slow leave room for the others.
const SERVER_CONNECTION_WINDOW: u32 = 4 * SERVER_WINDOW;

/// What waits for a slow reader on one stream before its source is no longer read.
const SEND_BUFFER: usize = 16 * 1024;

/// Resets that a peer may cause before the connection is closed (CVE-2023-44487 and its kin).
const RESETS: usize = 32;
const LOCAL_RESETS: usize = 256;

/// A peer that is silent on open streams is asked whether it lives.
const PING: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

pub(super) fn h1_server(builder: &mut server::conn::http1::Builder) -> &mut server::conn::http1::Builder {
    builder
        .preserve_header_case(true)
        .auto_date_header(false)
        .max_headers(HEADER_LINES)
        .max_header_size(REQUEST_HEADERS)
        .max_buf_size(REQUEST_HEADERS * 4)
}

pub(super) fn h2_server<E>(builder: &mut server::conn::http2::Builder<E>) -> &mut server::conn::http2::Builder<E> {
    builder
        .auto_date_header(false)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(REQUEST_HEADERS as u32)
        .initial_stream_window_size(CLIENT_WINDOW)
        .initial_connection_window_size(CLIENT_CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING_TIMEOUT)
}

pub(super) fn h1_client(builder: &mut client::conn::http1::Builder) -> &mut client::conn::http1::Builder {
    builder
        .preserve_header_case(true)
        .max_headers(HEADER_LINES)
        .max_header_size(ANSWER_HEADERS)
        .max_buf_size(ANSWER_HEADERS * 2)
}

pub(super) fn h2_client<E: Clone>(
    builder: &mut client::conn::http2::Builder<E>,
) -> &mut client::conn::http2::Builder<E> {
    builder
        .max_header_list_size(ANSWER_HEADERS as u32)
        .initial_stream_window_size(SERVER_WINDOW)
        .initial_connection_window_size(SERVER_CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING_TIMEOUT)
}
