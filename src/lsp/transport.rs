//! Drives a tower-lsp service over two byte streams, in place of the framework's own server.
//!
//! That one ends at the first bad frame, stalls when four handlers wait, mixes up the order of changes, and outlives the end
//! of its input. This one knows nothing of what the service does; it promises:
//!
//! - Every message is polled once in order of arrival, before the next: what a handler does before its first await is in
//!   sequence. After that it waits for nobody, and nobody for it; `initialize` alone holds up what follows it.
//! - A bad frame, a bad message or a panic is answered by an error, and the next message is served.
//! - What a handler sent goes out before its response, and an editor that doesn't read can't make the queue grow for ever.
//! - `exit` and the end of input end it, whatever handlers do, and also when nobody reads the output.

mod clean;
mod frame;
mod message;
mod outbox;

use std::{
    future::poll_fn,
    io::{Read, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Duration,
};

use futures::{FutureExt, Sink, SinkExt};
use tokio::{
    sync::mpsc,
    task::{JoinSet, unconstrained},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tower_lsp::{
    ClientSocket, LanguageServer, LspService,
    jsonrpc::{Error, Request, Response},
};
use tower_service::Service;
use tracing::{debug, error};

use self::{
    frame::{Frame, FrameReader},
    message::Incoming,
    outbox::Outbox,
};

/// How many messages may be read before the service gets to them.
const INCOMING_MESSAGES: usize = 1024;

/// How long handlers get to clean up after they are aborted.
const ABORT_GRACE: Duration = Duration::from_millis(250);

/// How long the editor gets to read what is left.
const WRITE_GRACE: Duration = Duration::from_millis(1000);

/// From the end of input to giving up on a handler that blocks its thread; above the two graces, below two seconds.
const EXIT_DEADLINE: Duration = Duration::from_millis(1750);

/// Serves until `exit`, the end of input, or a broken output; returns the exit code of the process: 0 after a shutdown
/// that was asked for, else 1. Must be called within a tokio runtime.
///
/// A thread may stay behind in a blocked read, write or handler, so the caller should end the process rather than wait.
pub async fn serve<S: LanguageServer>(
    service: LspService<S>,
    socket: ClientSocket,
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
) -> u8 {
    let (requests, replies) = socket.split();
    let outbox = Outbox::start(requests, output);
    let input_ended = CancellationToken::new();
    let (sender, incoming) = mpsc::channel(INCOMING_MESSAGES);
    thread::spawn({
        let input_ended = input_ended.clone();
        move || {
            read_messages(input, &sender);
            input_ended.cancel();
        }
    });

    let session = Session { service, replies, outbox, input_ended: input_ended.clone(), handlers: JoinSet::new() };
    let deadline = async {
        input_ended.cancelled().await;
        sleep(EXIT_DEADLINE).await;
    };
    // A task of its own, so that a handler which blocks its thread doesn't block the deadline.
    tokio::select! {
        code = tokio::spawn(session.run(incoming)) => code.unwrap_or(1),
        () = deadline => 1,
    }
}

/// Reads until `exit`, or the end of input.
fn read_messages(input: impl Read, messages: &mpsc::Sender<Incoming>) {
    let mut frames = FrameReader::new(input);
    loop {
        let parsed = match frames.next() {
            Ok(Some(Frame::Body(body))) => message::parse(&body),
            Ok(Some(Frame::Refused(reason))) => vec![message::refuse_frame(reason)],
            Ok(None) => return,
            Err(error) => return error!("failed to read from the editor: {error}"),
        };
        for message in parsed {
            let exit = is_exit(&message);
            if messages.blocking_send(message).is_err() || exit {
                return;
            }
        }
    }
}

fn is_exit(message: &Incoming) -> bool {
    matches!(message, Incoming::Request(request) if request.method() == "exit")
}

struct Session<S, R> {
    service: LspService<S>,
    /// Where the client's answers go.
    replies: R,
    outbox: Arc<Outbox>,
    input_ended: CancellationToken,
    /// Those that are still waiting for something.
    handlers: JoinSet<()>,
}

impl<S: LanguageServer, R: Sink<Response> + Unpin> Session<S, R> {
    async fn run(mut self, mut incoming: mpsc::Receiver<Incoming>) -> u8 {
        let outbox = self.outbox.clone();
        self.handlers.spawn(poll_fn(move |context| outbox.poll_requests(context)));

        let code = self.serve_messages(&mut incoming).await;

        self.handlers.abort_all();
        let aborted = async { while self.handlers.join_next().await.is_some() {} };
        // Elapsed or not, nothing more can be done for them.
        let _ = timeout(ABORT_GRACE, aborted).await;
        let _ = timeout(WRITE_GRACE, self.outbox.close()).await;
        code
    }

    async fn serve_messages(&mut self, incoming: &mut mpsc::Receiver<Incoming>) -> u8 {
        let outbox = self.outbox.clone();
        let mut shutdown = false;
        loop {
            let message = tokio::select! {
                biased;
                () = outbox.broken() => return 1,
                message = incoming.recv() => message,
            };
            match message {
                None => return 1,
                Some(message) if is_exit(&message) => return u8::from(!shutdown),
                Some(Incoming::Refused(response)) => outbox.respond(&response),
                Some(Incoming::Response(response)) => self.resolve(response),
                Some(Incoming::Request(request)) => {
                    shutdown |= request.method() == "shutdown";
                    self.begin(request).await;
                }
            }
        }
    }

    /// Hands the client's answer to whoever asked.
    fn resolve(&mut self, response: Response) {
        // tower-lsp 0.20 panics when the one who asked doesn't wait any more (`expect` in service/client/pending.rs).
        if catch_unwind(AssertUnwindSafe(|| self.replies.start_send_unpin(response))).is_err() {
            debug!("nobody waits any more for the client's answer");
        }
    }

    /// Polls the handler once here, in order of arrival, and the rest of it beside the others.
    async fn begin(&mut self, request: Request) {
        let is_initialize = request.method() == "initialize";
        let mut handler = Box::pin(self.handle(request));
        // Out of tokio's cooperative budget, which could make a ready handler wait after many of them.
        if futures::poll!(unconstrained(&mut handler)).is_ready() {
            return;
        }
        if is_initialize {
            // The service refuses requests, and forgets notifications, until this one is answered.
            tokio::select! {
                () = &mut handler => return,
                () = self.input_ended.cancelled() => {}
                () = self.outbox.broken() => {}
            }
        }
        self.handlers.spawn(handler);
        while self.handlers.try_join_next().is_some() {}
    }

    fn handle(&mut self, request: Request) -> impl Future<Output = ()> + Send + 'static {
        let id = request.id().cloned();
        let outbox = self.outbox.clone();
        let call = catch_unwind(AssertUnwindSafe(|| self.service.call(request)));
        async move {
            let answer = match call {
                Ok(call) => AssertUnwindSafe(call).catch_unwind().await,
                Err(panic) => Err(panic),
            };
            match (answer, id) {
                (Ok(Ok(Some(response))), _) => outbox.respond(&response),
                (Ok(_), _) => {}
                // Without the panic's text, which may quote a document or a key.
                (Err(_), Some(id)) => outbox.respond(&Response::from_error(id, Error::internal_error())),
                (Err(_), None) => error!("a notification's handler panicked"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
