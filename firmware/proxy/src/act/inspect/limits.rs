//! What HTTP peers may do to us, set in one place and never left to defaults.

use std::time::Duration;

use hyper::{client, server};

/// Streams that one client may have open.
pub(super) const STREAMS: u32 = 128;

/// All headers of one message, in bytes. Providers allow 16 to 64 KiB.
const HEADERS: usize = 64 * 1024;

/// Header lines of one HTTP/1.1 message.
const HEADER_LINES: usize = 200;

/// What a client may send on one stream before it is read: on a LAN of 1 ms this is 250 MB/s.
const CLIENT_WINDOW: u32 = 256 * 1024;

/// What a client may send on all streams together; it is held outside the budget for bodies, so it stays small.
const CLIENT_CONNECTION_WINDOW: u32 = 1024 * 1024;

/// What a server may send on one stream: 10 MB/s at 100 ms.
const SERVER_WINDOW: u32 = 1024 * 1024;

const SERVER_CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// What waits for a slow reader on one stream before its source is no longer read.
const SEND_BUFFER: usize = 64 * 1024;

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
        .max_header_size(HEADERS)
        .max_buf_size(HEADERS * 2)
}

pub(super) fn h2_server<E>(builder: &mut server::conn::http2::Builder<E>) -> &mut server::conn::http2::Builder<E> {
    builder
        .auto_date_header(false)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADERS as u32)
        .initial_stream_window_size(CLIENT_WINDOW)
        .initial_connection_window_size(CLIENT_CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING_TIMEOUT)
}

pub(super) fn h1_client(builder: &mut client::conn::http1::Builder) -> &mut client::conn::http1::Builder {
    builder.preserve_header_case(true).max_headers(HEADER_LINES).max_header_size(HEADERS).max_buf_size(HEADERS * 2)
}

pub(super) fn h2_client<E: Clone>(
    builder: &mut client::conn::http2::Builder<E>,
) -> &mut client::conn::http2::Builder<E> {
    builder
        .max_header_list_size(HEADERS as u32)
        .initial_stream_window_size(SERVER_WINDOW)
        .initial_connection_window_size(SERVER_CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING_TIMEOUT)
}
