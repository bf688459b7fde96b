//! A model provider of raw TCP with a known pace, which tells when it did what; and the cheapest client for it, to compare with.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

/// How an answer comes.
#[derive(Clone)]
pub struct Pace {
    pub before: Duration,
    /// After each piece.
    pub gap: Duration,
    /// What the answer consists of.
    pub pieces: Vec<String>,
    /// Otherwise the answer never ends, until the client leaves.
    pub ends: bool,
}

/// One request, as it went.
#[derive(Clone)]
pub struct Served {
    pub arrived: Instant,
    /// Just before the first piece was sent.
    pub began: Instant,
    /// Just after all was sent, or when the client was seen to leave.
    pub ended: Instant,
    pub body: String,
}

/// Listens on loopback for as long as the program runs.
#[derive(Clone)]
pub struct Provider {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    script: Script,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    served: Vec<Served>,
    streaming: usize,
}

/// An answer in chunks, ready to be sent.
struct Script {
    pace: Pace,
    pieces: Vec<Vec<u8>>,
    end: Vec<u8>,
}

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

impl Pace {
    /// So many words.
    pub fn words(count: usize, before: Duration, gap: Duration) -> Self {
        Self { before, gap, pieces: (0..count).map(|n| format!("word{n} ")).collect(), ends: true }
    }
}

impl Provider {
    pub fn start(pace: Pace) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared { script: Script::new(pace), state: Mutex::default(), changed: Condvar::new() });
        let provider = Self { address, shared };
        let serving = provider.shared.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let shared = serving.clone();
                // A client that leaves is an end like another.
                thread::spawn(move || shared.serve(connection).unwrap_or_default());
            }
        });
        provider
    }

    /// Waits until so many requests have been served, and takes them off the list.
    pub fn take(&self, count: usize) -> Vec<Served> {
        let state = self.shared.state();
        let mut state = self.shared.changed.wait_while(state, |state| state.served.len() < count).expect("no panic");
        state.served.drain(..).collect()
    }

    /// Waits until so many answers are under way side by side.
    pub fn wait_until_streaming(&self, count: usize) {
        let state = self.shared.state();
        drop(self.shared.changed.wait_while(state, |state| state.streaming < count).expect("no panic"));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    fn serve(&self, mut connection: TcpStream) -> std::io::Result<()> {
        connection.set_nodelay(true)?;
        let mut reader = BufReader::new(connection.try_clone()?);
        while let Some((line, body)) = read_request(&mut reader)? {
            let arrived = Instant::now();
            if !line.starts_with("POST ") {
                // A question about the server, which isn't what is measured.
                connection.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")?;
                continue;
            }
            thread::sleep(self.script.pace.before);
            self.state().streaming += 1;
            self.changed.notify_all();
            let began = Instant::now();
            let sent = self.script.send(&mut connection);
            let ended = Instant::now();
            let mut state = self.state();
            state.streaming -= 1;
            state.served.push(Served { arrived, began, ended, body });
            drop(state);
            self.changed.notify_all();
            sent?;
        }
        Ok(())
    }
}

impl Script {
    fn new(pace: Pace) -> Self {
        let choice = |delta, finish| json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]);
        let pieces = pace.pieces.iter().map(|piece| event(choice(json!({ "content": piece }), json!(null)))).collect();
        let mut end = event(choice(json!({}), json!("stop")));
        end.extend(chunk("data: [DONE]\n\n"));
        end.extend(LAST_CHUNK);
        Self { pieces, end, pace }
    }

    fn send(&self, connection: &mut TcpStream) -> std::io::Result<()> {
        connection.write_all(HEAD)?;
        for piece in &self.pieces {
            connection.write_all(piece)?;
            if !self.pace.gap.is_zero() {
                thread::sleep(self.pace.gap);
            }
        }
        if !self.pace.ends {
            // Ends when the client leaves, since it has nothing more to say.
            let _left = connection.read(&mut [0; 1])?;
        }
        connection.write_all(&self.end)
    }
}

/// As long as those of large providers.
fn event(choices: serde_json::Value) -> Vec<u8> {
    let body = json!({
        "id": "chatcmpl-0123456789abcdefghijklmnopqrs", "object": "chat.completion.chunk", "created": 1_700_000_000,
        "model": "model-2025-01-01", "service_tier": "default", "system_fingerprint": "fp_0123456789", "choices": choices,
    });
    chunk(&format!("data: {body}\n\n"))
}

fn chunk(data: &str) -> Vec<u8> {
    format!("{:x}\r\n{data}\r\n", data.len()).into_bytes()
}

/// The request line and the body.
fn read_request(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<(String, String)>> {
    let (mut first, mut length) = (String::new(), 0);
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((first, String::from_utf8_lossy(&body).into_owned())))
}

/// A client that does nothing but write a request and look for text.
pub struct RawClient {
    connection: TcpStream,
}

impl RawClient {
    pub fn connect(address: SocketAddr) -> Self {
        let connection = TcpStream::connect(address).expect("the provider listens");
        connection.set_nodelay(true).expect("it is a socket");
        Self { connection }
    }

    /// Sends a request, reads its whole answer, and tells when the first text was there.
    pub fn first_text(&mut self, body: &str) -> Instant {
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.connection.write_all(request.as_bytes()).expect("the provider reads");
        let (mut answer, mut first) = (Vec::new(), None);
        let mut buffer = [0; 16 * 1024];
        while !answer.ends_with(LAST_CHUNK) {
            let length = self.connection.read(&mut buffer).expect("the provider writes");
            answer.extend_from_slice(&buffer[..length]);
            let has_text = || String::from_utf8_lossy(&answer).contains("\"content\":");
            if first.is_none() && has_text() {
                first = Some(Instant::now());
            }
        }
        first.expect("the answer has text")
    }
}
