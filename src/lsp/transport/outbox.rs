//! The one ordered queue of what leaves for the editor.
//!
//! Bounded when the editor stops reading: what only informs is dropped first; an editor that leaves even the rest unread is
//! taken for gone. Nothing that is put here waits. Doesn't know what messages mean, save which of them can be spared.

use std::{
    collections::VecDeque,
    io::{self, BufWriter, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    thread,
};

use futures::{Stream, StreamExt, stream::BoxStream};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tower_lsp::jsonrpc::{Request, Response};
use tracing::{error, warn};

/// With this much unread, messages that can be spared are dropped.
pub const SPARE_ABOVE_BYTES: usize = 16 * 1024 * 1024;

/// With this much unread, the editor is taken for gone.
pub const GIVE_UP_ABOVE_BYTES: usize = 64 * 1024 * 1024;

const BUFFER_BYTES: usize = 64 * 1024;

pub struct Outbox {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Cancelled when nothing can be sent any more.
    broken: CancellationToken,
    /// Cancelled when all that was sent before [`Outbox::close`] is written, or can't be.
    written: CancellationToken,
}

struct Queue {
    /// What handlers and runs send through the framework's client.
    requests: BoxStream<'static, Request>,
    /// Wakes the task that waits in [`Outbox::poll_requests`].
    waker: Waker,
    bodies: VecDeque<Vec<u8>>,
    /// Of the bodies in the queue and the one that is being written.
    bytes: usize,
    dropped: u64,
    closed: bool,
}

impl Outbox {
    /// Starts a thread that writes to `output`; it may stay behind, blocked, when the outbox is no longer used.
    pub fn start(
        requests: impl Stream<Item = Request> + Send + 'static,
        output: impl Write + Send + 'static,
    ) -> Arc<Self> {
        let queue = Queue {
            requests: requests.boxed(),
            waker: Waker::noop().clone(),
            bodies: VecDeque::new(),
            bytes: 0,
            dropped: 0,
            closed: false,
        };
        let outbox = Arc::new(Self {
            queue: Mutex::new(queue),
            changed: Condvar::new(),
            broken: CancellationToken::new(),
            written: CancellationToken::new(),
        });
        let writer = outbox.clone();
        thread::spawn(move || {
            if let Err(error) = writer.write_to(output) {
                error!("failed to write to the editor: {error}");
                writer.give_up(&mut writer.lock());
            }
            writer.written.cancel();
        });
        outbox
    }

    /// Queues a response, behind all that its handler sent before it returned.
    pub fn respond(&self, response: &Response) {
        let mut queue = self.lock();
        self.take_requests(&mut queue);
        self.push(&mut queue, response, false);
    }

    /// Queues what comes from the framework's client. Never ready: the task that polls it is to be aborted.
    pub fn poll_requests(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut queue = self.lock();
        queue.waker.clone_from(context.waker());
        self.take_requests(&mut queue);
        Poll::Pending
    }

    /// Resolves when the output is closed, or the editor has left too much unread.
    pub async fn broken(&self) {
        self.broken.cancelled().await;
    }

    /// Takes nothing more, and resolves when all is written.
    pub async fn close(&self) {
        {
            let mut queue = self.lock();
            self.take_requests(&mut queue);
            queue.closed = true;
            self.changed.notify_one();
        }
        self.written.cancelled().await;
    }

    fn take_requests(&self, queue: &mut Queue) {
        // Whoever comes here polls for the task in `poll_requests`: the stream remembers only the last waker.
        let waker = queue.waker.clone();
        let mut context = Context::from_waker(&waker);
        while let Poll::Ready(Some(request)) = queue.requests.poll_next_unpin(&mut context) {
            let can_be_spared = can_be_spared(&request);
            self.push(queue, &request, can_be_spared);
        }
    }

    fn push(&self, queue: &mut Queue, message: &impl Serialize, can_be_spared: bool) {
        if queue.closed {
            return;
        }
        let body = match serde_json::to_vec(message) {
            Ok(body) => body,
            Err(error) => return error!("failed to write a message as JSON: {error}"),
        };
        let bytes = queue.bytes + body.len();
        if can_be_spared && bytes > SPARE_ABOVE_BYTES {
            queue.dropped += 1;
            if queue.dropped.is_power_of_two() {
                warn!("dropped {} messages that the editor was too slow to read", queue.dropped);
            }
            return;
        }
        // A single message may be as large as it must.
        if bytes > GIVE_UP_ABOVE_BYTES && queue.bytes > 0 {
            error!("gave the editor up: it left {} bytes unread", queue.bytes);
            return self.give_up(queue);
        }
        queue.bytes = bytes;
        queue.bodies.push_back(body);
        self.changed.notify_one();
    }

    fn give_up(&self, queue: &mut Queue) {
        queue.closed = true;
        queue.bodies.clear();
        self.changed.notify_one();
        self.broken.cancel();
    }

    fn write_to(&self, output: impl Write) -> io::Result<()> {
        let mut output = BufWriter::with_capacity(BUFFER_BYTES, output);
        let mut written = 0;
        loop {
            let mut queue = self.lock();
            queue.bytes -= written;
            let Some(body) = queue.bodies.pop_front() else {
                drop(queue);
                output.flush()?;
                if !self.wait() {
                    return Ok(());
                }
                written = 0;
                continue;
            };
            drop(queue);
            write!(output, "Content-Length: {}\r\n\r\n", body.len())?;
            output.write_all(&body)?;
            written = body.len();
        }
    }

    /// Waits for something to write; false when nothing will come.
    fn wait(&self) -> bool {
        let queue = self.lock();
        let wait = self.changed.wait_while(queue, |queue| queue.bodies.is_empty() && !queue.closed);
        !wait.unwrap_or_else(PoisonError::into_inner).bodies.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Text that grows, log lines and progress between its begin and its end: a later one says as much.
fn can_be_spared(request: &Request) -> bool {
    match request.method() {
        "stepwright/text" | "window/logMessage" => true,
        "$/progress" => request.params().is_some_and(|params| params["value"]["kind"] == "report"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use futures::stream;
    use serde_json::json;
    use tower_lsp::jsonrpc::Id;

    use super::*;

    const MIB: usize = 1024 * 1024;

    fn answer(bytes: usize) -> Response {
        Response::from_ok(Id::Number(1), "x".repeat(bytes).into())
    }

    #[test]
    fn what_can_be_spared_goes_first() {
        let notify = |method: &'static str, params| Request::build(method).params(params).finish();
        let log = || notify("window/logMessage", json!({ "message": "x".repeat(MIB) }));
        let progress = |kind: &str| {
            notify("$/progress", json!({ "token": "t", "value": { "kind": kind, "message": "x".repeat(MIB) } }))
        };
        let mut requests: Vec<_> = (0..40).map(|_| log()).collect();
        requests.extend([progress("begin"), progress("report"), progress("end")]);

        let (mut reader, writer) = io::pipe().unwrap();
        let outbox = Outbox::start(stream::iter(requests), writer);
        outbox.respond(&answer(0)); // Nobody reads so far.
        outbox.lock().closed = true;
        let mut output = String::new();
        reader.read_to_string(&mut output).unwrap();

        let logs = output.matches("window/logMessage").count();
        assert!((15..=16).contains(&logs), "{logs} log messages");
        let kinds: Vec<_> =
            output.match_indices(r#""kind":""#).map(|(at, key)| &output[at + key.len()..][..3]).collect();
        assert_eq!(kinds, ["beg", "end"]);
        assert!(output.ends_with(r#"{"jsonrpc":"2.0","result":"","id":1}"#), "the response comes last");
    }

    #[tokio::test]
    async fn an_editor_that_reads_nothing_is_given_up() {
        let (_reader, writer) = io::pipe().unwrap();
        let outbox = Outbox::start(stream::pending(), writer);
        outbox.respond(&answer(GIVE_UP_ABOVE_BYTES));
        assert!(!outbox.broken.is_cancelled(), "one message may be as large as it must");
        outbox.respond(&answer(0));
        outbox.broken().await;
    }
}
