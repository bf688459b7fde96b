//! A model provider made of raw TCP: it stalls, cuts, floods and redirects as it is told. Knows no HTTP beyond finding a request's end.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use stepwright::config::{Key, Limits, ModelFacts, Provider as Configured, Settings, Wire};

/// The key that must not be seen anywhere but in the header.
pub const KEY: &str = "sk-canary-0123456789abcdef";
/// The variable it is in.
pub const KEY_VARIABLE: &str = "FAKE_KEY";
/// What takes longer than this never happens.
const DEADLINE: Duration = Duration::from_secs(10);

/// What the provider does with one POST, in order. Then it closes the connection.
#[derive(Clone, Debug)]
pub enum Act {
    Send(Vec<u8>),
    /// One write for each byte.
    Trickle(Vec<u8>),
    /// The same bytes again and again, until the client leaves.
    Flood(Vec<u8>),
    /// Says nothing until the client leaves.
    Stall,
    /// Says nothing until the test lets one go on.
    Hold,
    /// Reads the next request on the same connection.
    Keep,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Request line and headers, in lower case.
    pub head: String,
    pub body: String,
}

/// Listens on loopback until dropped.
pub struct Provider {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    scripts: Vec<Vec<Act>>,
    pages: BTreeMap<&'static str, &'static str>,
    /// The answer to every other GET.
    other: Vec<u8>,
    ended: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    posts: Vec<Seen>,
    gets: Vec<Seen>,
    active: usize,
    /// How many that hold may go on.
    released: usize,
    most_active: usize,
    left: Option<Instant>,
}

impl Provider {
    /// The n-th POST is answered by the n-th script, further ones by the last.
    pub fn start(scripts: Vec<Vec<Act>>) -> Provider {
        Provider::with_pages(scripts, [])
    }

    /// Also answers with these JSON pages, by path: questions about facts, which aren't among the POSTs.
    pub fn with_pages(
        scripts: Vec<Vec<Act>>,
        pages: impl IntoIterator<Item = (&'static str, &'static str)>,
    ) -> Provider {
        Provider::begin(scripts, pages.into_iter().collect(), respond("404 Not Found", "application/json", "{}"))
    }

    /// Answers whatever is asked with this.
    pub fn refusing(status: &str, kind: &str, body: &str) -> Provider {
        let answer = respond(status, kind, body);
        Provider::begin(vec![vec![Act::Send(answer.clone())]], BTreeMap::new(), answer)
    }

    fn begin(scripts: Vec<Vec<Act>>, pages: BTreeMap<&'static str, &'static str>, other: Vec<u8>) -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (ended, state, changed) = (AtomicBool::new(false), Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { scripts, pages, other, ended, state, changed });
        let accepting = shared.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                if accepting.ended.load(SeqCst) {
                    break;
                }
                let shared = accepting.clone();
                thread::spawn(move || shared.serve(connection));
            }
        });
        Provider { address, shared }
    }

    pub fn posts(&self) -> Vec<Seen> {
        self.shared.state().posts.clone()
    }

    pub fn gets(&self) -> Vec<Seen> {
        self.shared.state().gets.clone()
    }

    /// How many POSTs were under way side by side.
    pub fn most_active(&self) -> usize {
        self.shared.state().most_active
    }

    /// Waits for this many POSTs.
    pub fn wait_until_asked(&self, times: usize) {
        let state = self.shared.state();
        let too_few = |state: &mut State| state.posts.len() < times;
        let (state, _) = self.shared.changed.wait_timeout_while(state, DEADLINE, too_few).unwrap();
        assert!(state.posts.len() >= times, "nobody asks");
    }

    /// Lets one that holds go on.
    pub fn release(&self) {
        self.shared.state().released += 1;
        self.shared.changed.notify_all();
    }

    /// The configuration of a user whose only model is this one.
    pub fn config(&self) -> String {
        let address = self.address;
        format!(
            "[roles]\nmain = \"fake/model\"\n[providers.fake]\nwire = \"openai\"\nbase-url = \"http://{address}\"\nkey-env = \"{KEY_VARIABLE}\"\n"
        )
    }

    /// Waits until a client left in the middle of an answer.
    pub fn wait_until_left(&self) -> Instant {
        let state = self.shared.state();
        let (state, _) = self.shared.changed.wait_timeout_while(state, DEADLINE, |state| state.left.is_none()).unwrap();
        state.left.expect("the client holds its connection")
    }

    /// Settings whose one provider, `fake`, is this one; its model is `model`.
    pub fn settings(&self) -> Settings {
        settings(&format!("http://{}", self.address))
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.shared.ended.store(true, SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn serve(&self, mut connection: TcpStream) {
        connection.set_nodelay(true).unwrap();
        let mut reader = BufReader::new(connection.try_clone().unwrap());
        while let Some(seen) = read(&mut reader) {
            let path = seen.head.split(' ').nth(1).unwrap_or_default();
            if seen.head.starts_with("get ") || self.pages.contains_key(path) {
                let answer = match self.pages.get(path) {
                    Some(page) => kept("200 OK", "application/json", page),
                    None => self.other.clone(),
                };
                self.state().gets.push(seen);
                if connection.write_all(&answer).is_err() {
                    return;
                }
                continue;
            }
            let number = {
                let mut state = self.state();
                state.posts.push(seen);
                state.active += 1;
                state.most_active = state.most_active.max(state.active);
                self.changed.notify_all();
                state.posts.len()
            };
            let script = &self.scripts[number.min(self.scripts.len()) - 1];
            let stays = script.iter().all(|act| self.act(act, &mut connection));
            self.state().active -= 1;
            if !stays || !matches!(script.last(), Some(Act::Keep)) {
                return;
            }
        }
    }

    /// `false` once the client has left.
    fn act(&self, act: &Act, connection: &mut TcpStream) -> bool {
        let stays = match act {
            Act::Send(bytes) => connection.write_all(bytes).is_ok(),
            Act::Trickle(bytes) => bytes.iter().all(|byte| connection.write_all(&[*byte]).is_ok()),
            Act::Flood(bytes) => {
                while connection.write_all(bytes).is_ok() {}
                false
            }
            Act::Stall => matches!(connection.read(&mut [0; 1]), Ok(1..)),
            Act::Hold => {
                let waits = |state: &mut State| state.released == 0;
                let (mut state, _) = self.changed.wait_timeout_while(self.state(), DEADLINE, waits).unwrap();
                let goes_on = state.released > 0;
                state.released -= usize::from(goes_on);
                goes_on
            }
            Act::Keep => true,
        };
        if !stays {
            self.state().left.get_or_insert_with(Instant::now);
            self.changed.notify_all();
        }
        stays
    }
}

/// Reads one request; `None` at the end.
fn read(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Seen { head, body: String::from_utf8(body).unwrap() })
}

/// An address at which nothing listens.
pub fn unused_address() -> String {
    format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
}

/// A whole response, after which the connection closes. One that only closed, unsaid, could meet the next try while it is reused.
pub fn respond(status: &str, kind: &str, body: &str) -> Vec<u8> {
    kept(&format!("{status}\r\nconnection: close"), kind, body)
}

/// A whole response, after which the connection can stay.
pub fn kept(status: &str, kind: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

/// The beginning of an event stream that ends with its connection.
pub fn stream_head() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req-7\r\nconnection: close\r\n\r\n".to_vec()
}

/// An event with a piece of text.
pub fn text(text: &str) -> Vec<u8> {
    event(&serde_json::json!({"choices": [{"delta": {"content": text}}]}).to_string())
}

/// The event with a finish reason.
pub fn finish(reason: &str) -> Vec<u8> {
    event(&serde_json::json!({"choices": [{"delta": {}, "finish_reason": reason}]}).to_string())
}

pub fn event(data: &str) -> Vec<u8> {
    format!("data: {data}\n\n").into_bytes()
}

/// A good answer.
pub fn good(answer: &str) -> Vec<Act> {
    vec![Act::Send([stream_head(), text(answer), finish("stop"), event("[DONE]")].concat())]
}

/// Settings whose one provider, `fake`, is at `base_url`.
pub fn settings(base_url: &str) -> Settings {
    let key = Key::Env(KEY_VARIABLE.to_owned());
    let provider = Configured { wire: Wire::OpenAi, base_url: Some(base_url.to_owned()), key, path: None };
    Settings {
        main: Some("fake/model".to_owned()),
        providers: BTreeMap::from([("fake".to_owned(), provider)]),
        models: BTreeMap::from([(
            "fake/model".to_owned(),
            ModelFacts { max_output_tokens: Some(99), ..Default::default() },
        )]),
        limits: Limits { concurrency: Some(4), ..nothing().limits },
        ..nothing()
    }
}

/// Settings whose one provider is this replay file.
pub fn replay(file: PathBuf) -> Settings {
    let provider = Configured { wire: Wire::Replay, base_url: None, key: Key::None, path: Some(file) };
    Settings { providers: BTreeMap::from([("replay".to_owned(), provider)]), ..nothing() }
}

/// The settings of somebody who configured nothing.
pub fn nothing() -> Settings {
    Settings { summary: false, ..Settings::default() }
}
