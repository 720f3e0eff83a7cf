//! HTTP/2 frame by frame, for clients that violate the protocol.

use std::io;

use super::wire::Wire;

/// Length of a frame's header, in bytes.
const HEAD: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// How the server ended a stream.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    Complete,
    Reset,
}

/// A connection that uses HTTP/2 from its first byte, without an upgrade.
pub struct Http2 {
    wire: Wire,
    last_stream: u32,
}

impl Http2 {
    /// Sends the connection preface. `window` is the initial window size of each stream, in bytes.
    pub async fn begin(mut wire: Wire, window: u32) -> Self {
        const INITIAL_WINDOW_SIZE: [u8; 2] = [0, 4];

        wire.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        let mut http2 = Self { wire, last_stream: 0 };
        let settings = [&INITIAL_WINDOW_SIZE[..], &window.to_be_bytes()].concat();
        http2.send(SETTINGS, 0, 0, &settings).await;
        http2
    }

    async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let frame = [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat();
        // The server may have closed the connection.
        let _ = self.wire.try_send(frame).await;
    }

    /// Sends a GET request. Returns the number of its stream.
    pub async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> u32 {
        self.last_stream = if self.last_stream == 0 { 1 } else { self.last_stream + 2 };
        // GET and http are in the static table; the other headers are literals that are not indexed.
        let mut block = vec![0x82, 0x86];
        for (name, value) in [(":path", path), (":authority", "localhost")].iter().chain(headers) {
            block.push(0);
            for text in [name, value] {
                literal(&mut block, text);
            }
        }
        let stream = self.last_stream;
        self.send(HEADERS, END_STREAM | END_HEADERS, stream, &block).await;
        stream
    }

    /// The next frame. Pings are not answered.
    pub async fn frame(&mut self) -> Frame {
        let head = self.wire.peek(HEAD).await;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut frame = self.wire.exactly(HEAD + usize::try_from(length).unwrap()).await;
        let payload = frame.split_off(HEAD);
        Frame {
            kind: frame[3],
            flags: frame[4],
            stream: u32::from_be_bytes([frame[5], frame[6], frame[7], frame[8]]),
            payload,
        }
    }

    /// The next frame that is no ping. Pings are answered.
    pub async fn frame_with_pongs(&mut self) -> Frame {
        loop {
            let frame = self.frame().await;
            if frame.kind == PING && frame.flags & ACK == 0 {
                self.send(PING, ACK, 0, &frame.payload).await;
            } else {
                return frame;
            }
        }
    }

    /// Only answers pings.
    pub async fn idle(&mut self) {
        loop {
            self.frame_with_pongs().await;
        }
    }

    /// Reads until a stream has ended. Pings are answered.
    pub async fn ended(&mut self, stream: u32) -> End {
        loop {
            let frame = self.frame_with_pongs().await;
            if frame.stream != stream {
                continue;
            }
            match frame.kind {
                RST_STREAM => return End::Reset,
                DATA | HEADERS if frame.flags & END_STREAM != 0 => return End::Complete,
                _ => {}
            }
        }
    }

    /// Reads to the end of the connection, without answering.
    pub async fn end(&mut self) -> io::Result<Vec<u8>> {
        self.wire.end().await
    }
}

/// Adds a text in the format of HPACK, without Huffman coding.
fn literal(block: &mut Vec<u8>, text: &str) {
    const PREFIX: usize = 127;

    match text.len().checked_sub(PREFIX) {
        None => block.push(u8::try_from(text.len()).unwrap()),
        Some(mut rest) => {
            block.push(127);
            while rest >= 128 {
                block.push(u8::try_from(rest % 128).unwrap() | 128);
                rest /= 128;
            }
            block.push(u8::try_from(rest).unwrap());
        }
    }
    block.extend_from_slice(text.as_bytes());
}
