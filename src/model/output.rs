//! An answer's stream, written as one async function. Knows nothing of models.
//!
//! The function runs inside the stream, not beside it: dropping the stream drops the function wherever it waits, and with it the
//! connection. Nothing is spawned.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

use futures::{
    FutureExt,
    future::BoxFuture,
    stream::{self, BoxStream, StreamExt},
};

use crate::engine::ports::{Delta, Finish, ModelError, Usage};

/// How a whole answer ended.
pub type Ending = Result<(Finish, Usage), ModelError>;

/// Where the function puts what it has so far.
#[derive(Clone, Default)]
pub struct Output(Arc<Mutex<VecDeque<Delta>>>);

impl Output {
    /// Hands on a piece of text.
    pub fn text(&self, text: String) {
        self.push(Delta::Text(text));
    }

    /// Says that the request waits, and why.
    pub fn waiting(&self, delay: Duration, reason: String) {
        self.push(Delta::Waiting { delay, reason });
    }

    fn push(&self, delta: Delta) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(delta);
    }

    fn pop(&self) -> Option<Delta> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// Turns `body` into a stream of what it puts out, then its ending.
pub fn stream<'a, F>(body: impl FnOnce(Output) -> F) -> BoxStream<'a, Result<Delta, ModelError>>
where
    F: Future<Output = Ending> + Send + 'a,
{
    let output = Output::default();
    let mut running: Option<BoxFuture<'a, Ending>> = Some(body(output.clone()).boxed());
    let mut ending = None;
    stream::poll_fn(move |context| {
        loop {
            // What is there goes first: the function goes on only when its reader has caught up, so the queue stays short.
            if let Some(delta) = output.pop() {
                return Poll::Ready(Some(Ok(delta)));
            }
            let Some(body) = running.as_mut() else {
                return Poll::Ready(ending.take());
            };
            match body.as_mut().poll(context) {
                Poll::Ready(result) => {
                    running = None;
                    ending = Some(result.map(|(finish, usage)| Delta::Done { finish, usage }));
                }
                Poll::Pending => match output.pop() {
                    Some(delta) => return Poll::Ready(Some(Ok(delta))),
                    None => return Poll::Pending,
                },
            }
        }
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order_and_ends() {
        let body = |output: Output| async move {
            output.waiting(Duration::ZERO, "a".into());
            output.text("b".into());
            tokio::task::yield_now().await;
            output.text("c".into());
            Ok((Finish::Stop, Usage::default()))
        };
        let items: Vec<_> = futures::executor::block_on(stream(body).map(Result::unwrap).collect());
        let done = Delta::Done { finish: Finish::Stop, usage: Usage::default() };
        let waiting = Delta::Waiting { delay: Duration::ZERO, reason: "a".into() };
        assert_eq!(items, [waiting, Delta::Text("b".into()), Delta::Text("c".into()), done]);
    }

    #[test]
    fn dropping_the_stream_drops_the_function() {
        let held = Arc::new(());
        let body = |output: Output| {
            let held = held.clone();
            async move {
                output.text("b".into());
                futures::future::pending::<()>().await;
                drop(held);
                Ok((Finish::Stop, Usage::default()))
            }
        };
        let mut stream = stream(body);
        assert!(futures::executor::block_on(stream.next()).is_some());
        assert_eq!(Arc::strong_count(&held), 2);
        drop(stream);
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
