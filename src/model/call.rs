//! One request, one answer, on any wire. Knows nothing of retries, pace or prices.

use std::time::Duration;

use reqwest::{
    Method, Response, StatusCode,
    header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE},
};
use tokio::time::{Instant, timeout_at};

use crate::{
    engine::ports::{Finish, Request, Usage},
    model::{
        answer::{Answer, Piece},
        connection::{Connection, header, request_id},
        dialect::{Dialect, Prompt},
        error::{Cause, Failure, body::Verdict},
        http,
        output::Output,
        stream::Splitter,
    },
};

/// For usage and the stream's end after the model said that it was finished.
const END_TIMEOUT: Duration = Duration::from_secs(3);
/// Tokens are estimated where they aren't counted. Within a factor of two for prose and code in any script.
const BYTES_PER_TOKEN: u64 = 3;

/// One request to one server.
pub struct Call<'a> {
    pub connection: Connection<'a>,
    pub prompt: Prompt<'a>,
    pub timing: Timing,
}

#[derive(Clone, Copy, Debug)]
pub struct Timing {
    pub first_byte: Duration,
    pub idle: Duration,
    /// The whole answer's.
    pub call: Duration,
    pub deadline: Instant,
}

/// About how many tokens the prompt has.
pub fn estimate(request: &Request) -> u64 {
    (bytes(&request.system) + bytes(&request.shared) + bytes(&request.prompt)) / BYTES_PER_TOKEN
}

/// About how many tokens a text has.
pub fn tokens(text: &str) -> u64 {
    bytes(text) / BYTES_PER_TOKEN
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
        let request_id = request_id(response.headers());
        let mut answer = Answer::default();
        let read = self.read(response, first_byte, &mut answer, output, begun).await;
        let is_late = answer.has_begun();
        let whole = read.and_then(|()| answer.end(estimate(self.prompt.request)).map_err(Verdict::from));
        whole.map_err(|verdict| Failure { request_id, is_late, ..self.failure(verdict) })
    }

    /// Reads events until nothing more is to come.
    async fn read(
        &self,
        mut response: Response,
        first_byte: Instant,
        answer: &mut Answer,
        output: &Output,
        begun: impl FnOnce(),
    ) -> Result<(), Verdict> {
        let dialect = self.dialect();
        let (mut splitter, mut events, mut begun) = (Splitter::new(dialect.framing()), Vec::new(), Some(begun));
        let mut until = first_byte;
        let mut end = None;
        loop {
            if answer.is_finished() {
                until = *end.get_or_insert_with(|| Instant::now() + END_TIMEOUT);
            }
            let bytes = match timeout_at(until, response.chunk()).await {
                Ok(Ok(Some(bytes))) => bytes,
                Ok(Ok(None)) => return Ok(()),
                // Whatever happens after the model said that it was finished, the answer is whole.
                Ok(Err(_)) | Err(_) if answer.is_finished() => return Ok(()),
                Ok(Err(_)) => return Err(Cause::Truncated.into()),
                Err(_) => return Err(self.silence(begun.is_some()).into()),
            };
            let split = splitter.feed(&bytes, &mut events);
            if let Some(begun) = begun.take_if(|_| !events.is_empty()) {
                begun();
            }
            for event in events.drain(..) {
                match dialect.event(answer, &event)? {
                    Piece::Text(text) => output.text(text),
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

    fn silence(&self, is_first: bool) -> Cause {
        match Instant::now() >= self.timing.deadline {
            true => Cause::Call(self.timing.call),
            false if is_first => Cause::FirstByte(self.timing.first_byte),
            false => Cause::Idle(self.timing.idle),
        }
    }
}
