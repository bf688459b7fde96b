//! What we tell the client on our own account: one queue, so that everything arrives in the order in which it happened.
//! Putting something in never waits, which is what lets a run report without knowing the editor.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tower_lsp::{
    Client,
    lsp_types::{
        MessageType, ProgressParams, PublishDiagnosticsParams,
        notification::{Notification, Progress},
    },
};

/// Beyond it, a client has stopped reading, and what can be spared is left out.
const SPARE_BEYOND: usize = 1000;

#[derive(Clone)]
pub struct Outbox {
    queue: mpsc::UnboundedSender<Letter>,
    waiting: Arc<AtomicUsize>,
}

enum Letter {
    Message(MessageType, String),
    Event(&'static str, Value),
    Progress(ProgressParams),
    Diagnostics(PublishDiagnosticsParams),
    /// Tells that all before it is on its way.
    Mark(oneshot::Sender<()>),
}

/// Declares one of our own notifications.
macro_rules! notifications {
    ($($name:ident = $method:literal),* $(,)?) => {
        $(enum $name {}

        impl Notification for $name {
            type Params = Value;
            const METHOD: &'static str = $method;
        })*
    };
}

notifications! {
    WorkflowEvent = "stepwright/workflow",
    StepEvent = "stepwright/step",
    TextEvent = "stepwright/text",
    UsageEvent = "stepwright/usage",
    EndEvent = "stepwright/end",
}

impl Outbox {
    /// Starts to forward to the client.
    pub fn new(client: Client) -> Self {
        let (queue, mut letters) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let count = waiting.clone();
        tokio::spawn(async move {
            while let Some(letter) = letters.recv().await {
                deliver(&client, letter).await;
                count.fetch_sub(1, Ordering::Relaxed);
            }
        });
        Self { queue, waiting }
    }

    /// One short line for the user.
    pub fn message(&self, kind: MessageType, text: impl Into<String>) {
        self.put(Letter::Message(kind, one_line(&text.into())));
    }

    /// A notification of ours by its event's name. `spare`: it may be left out when the client doesn't keep up.
    pub fn event(&self, name: &'static str, params: Value, spare: bool) {
        if !(spare && self.is_behind()) {
            self.put(Letter::Event(name, params));
        }
    }

    /// `spare`: it may be left out when the client doesn't keep up.
    pub fn progress(&self, params: ProgressParams, spare: bool) {
        if !(spare && self.is_behind()) {
            self.put(Letter::Progress(params));
        }
    }

    pub fn diagnostics(&self, params: PublishDiagnosticsParams) {
        self.put(Letter::Diagnostics(params));
    }

    /// Waits until all that was put in before is on its way, ahead of whatever the caller sends next.
    pub async fn flush(&self) {
        let (mark, reached) = oneshot::channel();
        self.put(Letter::Mark(mark));
        // An error means that nobody forwards any more.
        let _ = reached.await;
    }

    fn is_behind(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > SPARE_BEYOND
    }

    fn put(&self, letter: Letter) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // The other end lives as long as the runtime; after that nobody reads any more.
        let _ = self.queue.send(letter);
    }
}

async fn deliver(client: &Client, letter: Letter) {
    match letter {
        Letter::Message(kind, text) => client.show_message(kind, text).await,
        Letter::Progress(params) => client.send_notification::<Progress>(params).await,
        Letter::Diagnostics(params) => client.publish_diagnostics(params.uri, params.diagnostics, params.version).await,
        Letter::Event("workflow", params) => client.send_notification::<WorkflowEvent>(params).await,
        Letter::Event("step", params) => client.send_notification::<StepEvent>(params).await,
        Letter::Event("text", params) => client.send_notification::<TextEvent>(params).await,
        Letter::Event("usage", params) => client.send_notification::<UsageEvent>(params).await,
        Letter::Event("end", params) => client.send_notification::<EndEvent>(params).await,
        Letter::Mark(mark) => {
            // Who waited may have given up.
            let _ = mark.send(());
        }
        // The contract has no other notifications.
        Letter::Event(..) => {}
    }
}

/// Editors show one line; what a model or a server said may hold anything.
pub fn one_line(text: &str) -> String {
    const MAX_CHARS: usize = 500;
    let visible = text.chars().map(|c| if c.is_control() || is_reordering(c) { ' ' } else { c });
    let mut out: String = visible.take(MAX_CHARS).collect();
    if text.chars().count() > MAX_CHARS {
        out.push('…');
    }
    out.trim().to_owned()
}

fn is_reordering(c: char) -> bool {
    crate::document::path::is_bidi_or_tag(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_visible_line() {
        assert_eq!(one_line(" a\nb\u{1b}[31mc\u{202e}d "), "a b [31mc d");
        assert_eq!(one_line(&"x".repeat(600)).chars().count(), 501);
    }
}
