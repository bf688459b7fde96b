//! One request, one answer, on any wire. Knows nothing of retries, pace or prices.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Poll, ready},
    time::Duration,
};

use reqwest::{
    Method, Response, StatusCode,
    header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE},
};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use crate::{
    engine::ports::{BYTES_PER_TOKEN, Finish, Request, Usage},
    model::{
        answer::{Answer, Piece},
        connection::{Connection, header},
        dialect::{Dialect, Prompt},
        error::{Cause, Failure, body::Verdict},
        http,
        output::Output,
        redact::{self, Screen},
        stream::Splitter,
    },
};

/// For usage and the stream's end after the model said that it was finished.
const END_TIMEOUT: Duration = Duration::from_secs(3);
/// One request to one server.
pub struct Call<'a> {
    pub connection: Connection<'a>,
    pub prompt: Prompt<'a>,
    pub timing: Timing,
    /// Of earlier prompts, as the server counted them.
    pub bytes_per_token: f64,
}

#[derive(Clone, Copy, Debug)]
pub struct Timing {
    pub first_byte: Duration,
    pub idle: Duration,
    /// The whole answer's.
    pub call: Duration,
    pub deadline: Instant,
}

/// How many tokens the prompt has at the least, for telling whether a server has cut it. An answer that was paid for isn't thrown away because
/// of an estimate: the calibration makes this one smaller, never larger.
pub fn estimate(request: &Request, bytes_per_token: f64) -> u64 {
    let bytes = bytes(&request.system) + bytes(&request.shared) + bytes(&request.prompt);
    (bytes as f64 / bytes_per_token.max(BYTES_PER_TOKEN)) as u64
}

/// About how many tokens a text has.
pub fn tokens(text: &str) -> u64 {
    (bytes(text) as f64 / BYTES_PER_TOKEN) as u64
}

/// Runs of one character (indentation, rules of dashes) are few tokens.
fn bytes(text: &str) -> u64 {
    text.as_bytes().windows(2).filter(|pair| pair[0] != pair[1]).count() as u64 + 1
}

impl Call<'_> {
    /// Sends the request and puts the answer's text out. `begun` is called once the server has begun to answer.
    pub async fn run(&self, output: &Output, begun: impl FnOnce()) -> Result<(Finish, Usage), Failure> {
        let first_byte = (Instant::now() + self.timing.first_byte).min(self.timing.deadline);
        let response = self.send(first_byte).await?;
        let request_id = self.connection.request_id(response.headers());
        let mut answer = Answer::default();
        let mut screen = Screen::new(self.connection.key);
        let read = self.read(response, first_byte, &mut answer, &mut |text| screen.text(text, output), begun).await;
        screen.end(output);
        let is_late = answer.has_begun();
        let whole =
            read.and_then(|()| answer.end(estimate(self.prompt.request, self.bytes_per_token)).map_err(Verdict::from));
        let whole = whole.map(|(finish, usage)| (self.shown(finish), usage));
        whole.map_err(|verdict| Failure { request_id, is_late, ..self.failure(verdict) })
    }

    /// Reads events until nothing more is to come.
    async fn read(
        &self,
        mut response: Response,
        first_byte: Instant,
        answer: &mut Answer,
        put: &mut (dyn FnMut(String) + Send),
        begun: impl FnOnce(),
    ) -> Result<(), Verdict> {
        let dialect = self.dialect();
        let (mut splitter, mut events, mut begun) = (Splitter::new(dialect.framing()), Vec::new(), Some(begun));
        let mut until = first_byte;
        let mut alarm = Alarm::new(until);
        let mut end = None;
        loop {
            if answer.is_finished() {
                until = *end.get_or_insert_with(|| Instant::now() + END_TIMEOUT);
            }
            let bytes = match alarm.wait(until, response.chunk()).await {
                Some(Ok(Some(bytes))) => bytes,
                Some(Ok(None)) => return Ok(()),
                // Whatever happens after the model said that it was finished, the answer is whole.
                Some(Err(_)) | None if answer.is_finished() => return Ok(()),
                Some(Err(_)) => return Err(Cause::Truncated.into()),
                None => return Err(self.silence(begun.is_some()).into()),
            };
            let split = splitter.feed(&bytes, &mut events);
            if let Some(begun) = begun.take_if(|_| !events.is_empty()) {
                begun();
            }
            for event in events.drain(..) {
                match dialect.event(answer, &event)? {
                    Piece::Text(text) => put(text),
                    Piece::Nothing => {}
                    Piece::End => return Ok(()),
                }
            }
            split.map_err(|error| Cause::Garbled(error.what()))?;
            // Comments count: they say that the server is at it.
            until = (Instant::now() + self.timing.idle).min(self.timing.deadline);
        }
    }

    /// Sends the request, and waits for the stream of its answer to begin.
    async fn send(&self, first_byte: Instant) -> Result<Response, Failure> {
        let framing = self.dialect().framing();
        let request = self.connection.request(Method::POST, self.connection.address.chat())?;
        let request = request.header(CONTENT_TYPE, "application/json").header(ACCEPT, framing.content_type());
        let response = timeout_at(first_byte, request.body(self.dialect().body(&self.prompt)).send())
            .await
            .map_err(|_| Failure::new(self.silence(true)))?
            .map_err(|error| self.failure(http::cause(error).into()))?;
        let headers = response.headers();
        let is_stream = header(headers, CONTENT_TYPE).is_some_and(|kind| framing.is_in(kind));
        let is_plain =
            header(headers, CONTENT_ENCODING).is_none_or(|encoding| encoding.eq_ignore_ascii_case("identity"));
        match response.status() {
            StatusCode::OK if is_stream && is_plain => Ok(response),
            StatusCode::OK if !is_plain => {
                Err(self.failure(Cause::Protocol("a compressed answer that nobody asked for".to_owned()).into()))
            }
            _ => Err(self.connection.refusal(response, framing.name(), &self.quotable()).await),
        }
    }

    fn dialect(&self) -> Dialect {
        self.connection.address.dialect()
    }

    fn failure(&self, verdict: Verdict) -> Failure {
        self.connection.failure(verdict, &self.quotable())
    }

    /// What the server may quote, and nobody wants to read.
    fn quotable(&self) -> [&str; 3] {
        let Request { system, shared, prompt, .. } = self.prompt.request;
        [system, shared, prompt]
    }

    /// The reason is the server's own word.
    fn shown(&self, finish: Finish) -> Finish {
        let clean = |reason: String| redact::without_key(&reason, self.connection.key);
        match finish {
            Finish::Blocked(reason) => Finish::Blocked(clean(reason)),
            Finish::Unexpected(reason) => Finish::Unexpected(clean(reason)),
            finish => finish,
        }
    }

    fn silence(&self, is_first: bool) -> Cause {
        match Instant::now() >= self.timing.deadline {
            true => Cause::Call(self.timing.call),
            false if is_first => Cause::FirstByte(self.timing.first_byte),
            false => Cause::Idle(self.timing.idle),
        }
    }
}

/// One timer for a whole stream. A deadline that moves on with every event moves the timer only when it rings.
struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    fn new(until: Instant) -> Alarm {
        Alarm(Box::pin(sleep_until(until)))
    }

    /// Waits for the work; `None` when that takes too long.
    async fn wait<T>(&mut self, until: Instant, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        if until < self.0.deadline() {
            self.0.as_mut().reset(until);
        }
        poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Some(done));
            }
            loop {
                ready!(self.0.as_mut().poll(context));
                if self.0.deadline() >= until {
                    return Poll::Ready(None);
                }
                self.0.as_mut().reset(until);
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_alarm_rings_at_the_last_deadline() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut alarm = Alarm::new(at(5));
        assert_eq!(alarm.wait(at(10), tokio::time::sleep_until(at(7))).await, Some(()));
        assert_eq!(alarm.wait(at(20), std::future::pending::<()>()).await, None);
        assert_eq!(start.elapsed().as_secs(), 20);
        assert_eq!(alarm.wait(at(30), tokio::time::sleep_until(at(21))).await, Some(()));
        // The stream's end may be waited for less long than an event.
        assert_eq!(alarm.wait(at(23), std::future::pending::<()>()).await, None);
        assert_eq!(start.elapsed().as_secs(), 23);
    }

    #[test]
    fn a_prompt_counts_for_what_it_has_at_the_least() {
        let request = |prompt: &str| Request { prompt: prompt.to_owned(), ..Request::default() };
        let code = request(&"let answer = question.len();\n".repeat(1000));
        let plain = estimate(&code, BYTES_PER_TOKEN);
        assert!(plain.abs_diff(code.prompt.len() as u64 / 3) < 50);
        // A server that counted fewer tokens so far is believed; one that counted more raises no alarm the sooner.
        assert_eq!(estimate(&code, BYTES_PER_TOKEN * 2.0), plain / 2);
        assert_eq!(estimate(&code, 1.5), plain);
        assert!(estimate(&request(&" ".repeat(30_000)), BYTES_PER_TOKEN) < 10);
    }
}
