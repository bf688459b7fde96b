//! The OpenAI wire, chat completions: one request, one answer. Knows nothing of retries, pace or prices.

pub mod decode;

use std::time::{Duration, SystemTime};

use reqwest::{
    Response, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use crate::{
    engine::ports::{BYTES_PER_TOKEN, Finish, Request, Usage},
    model::{
        address::Address,
        error::{
            Cause, Failure,
            body::{self, Verdict},
        },
        http,
        output::Output,
        redact, retry,
        sse::Splitter,
    },
};

use decode::{Decoder, Piece};

/// Of an error's body, in bytes.
const LONGEST_ERROR: usize = 64 << 10;
const ERROR_TIMEOUT: Duration = Duration::from_secs(5);
/// For usage and `[DONE]` after the model said that it was finished.
const END_TIMEOUT: Duration = Duration::from_secs(3);

/// One request to one server.
pub struct Call<'a> {
    pub http: &'a reqwest::Client,
    pub address: &'a Address,
    pub key: Option<&'a SecretString>,
    pub model: &'a str,
    pub max_output_tokens: Option<u64>,
    pub form: Form,
    pub request: &'a Request,
    pub timing: Timing,
    /// Of earlier prompts, as the server counted them.
    pub bytes_per_token: f64,
}

/// What this server takes of the parameters that differ between servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    pub limit: Limit,
    /// Whether another name for the limit is worth a try.
    pub is_first_limit: bool,
    pub has_stream_options: bool,
}

/// How the output limit is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    MaxTokens,
    MaxCompletionTokens,
    Absent,
}

#[derive(Clone, Copy, Debug)]
pub struct Timing {
    pub first_byte: Duration,
    pub idle: Duration,
    /// The whole answer's.
    pub call: Duration,
    pub deadline: Instant,
}

impl Form {
    pub fn new(address: &Address) -> Form {
        let limit = if address.is_openai() { Limit::MaxCompletionTokens } else { Limit::MaxTokens };
        Form { limit, is_first_limit: true, has_stream_options: true }
    }

    /// Changes what the server complained about. `false` if nothing that was sent can be meant.
    pub fn adapt(&mut self, parameter: Option<&str>, said: &str) -> bool {
        let complains =
            |name: &str| parameter.map_or_else(|| said.contains(name), |parameter| parameter.starts_with(name));
        if complains("stream_options") && self.has_stream_options {
            self.has_stream_options = false;
            return true;
        }
        let (name, other) = match self.limit {
            Limit::MaxTokens => ("max_tokens", Limit::MaxCompletionTokens),
            Limit::MaxCompletionTokens => ("max_completion_tokens", Limit::MaxTokens),
            Limit::Absent => return false,
        };
        if complains(name) {
            self.limit = if self.is_first_limit { other } else { Limit::Absent };
            self.is_first_limit = false;
            return true;
        }
        false
    }
}

/// How many tokens the prompt has at the least, for telling whether a server has cut it. An answer that was paid for isn't thrown away because
/// of an estimate: the calibration makes this one smaller, never larger.
pub fn estimate(request: &Request, bytes_per_token: f64) -> u64 {
    // Runs of one character (indentation, rules of dashes) are few tokens.
    let bytes = |text: &str| text.as_bytes().windows(2).filter(|pair| pair[0] != pair[1]).count() as u64 + 1;
    let bytes = bytes(&request.system) + bytes(&request.shared) + bytes(&request.prompt);
    (bytes as f64 / bytes_per_token.max(BYTES_PER_TOKEN)) as u64
}

impl Call<'_> {
    /// Sends the request and puts the answer's text out. `begun` is called once the server has begun to answer.
    pub async fn run(&self, output: &Output, begun: impl FnOnce()) -> Result<(Finish, Usage), Failure> {
        let first_byte = (Instant::now() + self.timing.first_byte).min(self.timing.deadline);
        let response = self.send(first_byte).await?;
        let request_id = request_id(response.headers());
        let mut decoder = Decoder::default();
        let read = self.read(response, first_byte, &mut decoder, output, begun).await;
        let is_late = decoder.has_begun();
        let whole =
            read.and_then(|()| decoder.end(estimate(self.request, self.bytes_per_token)).map_err(Verdict::from));
        whole.map_err(|verdict| Failure { request_id, is_late, ..self.failure(verdict) })
    }

    /// Reads events until nothing more is to come.
    async fn read(
        &self,
        mut response: Response,
        first_byte: Instant,
        decoder: &mut Decoder,
        output: &Output,
        begun: impl FnOnce(),
    ) -> Result<(), Verdict> {
        let (mut splitter, mut events, mut begun) = (Splitter::default(), Vec::new(), Some(begun));
        let mut until = first_byte;
        let mut end = None;
        loop {
            if decoder.is_finished() {
                until = *end.get_or_insert_with(|| Instant::now() + END_TIMEOUT);
            }
            let bytes = match timeout_at(until, response.chunk()).await {
                Ok(Ok(Some(bytes))) => bytes,
                Ok(Ok(None)) => return Ok(()),
                // Whatever happens after the model said that it was finished, the answer is whole.
                Ok(Err(_)) | Err(_) if decoder.is_finished() => return Ok(()),
                Ok(Err(_)) => return Err(Cause::Truncated.into()),
                Err(_) => return Err(self.silence(begun.is_some()).into()),
            };
            let split = splitter.feed(&bytes, &mut events);
            if let Some(begun) = begun.take_if(|_| !events.is_empty()) {
                begun();
            }
            for event in events.drain(..) {
                match decoder.event(&event)? {
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

    /// Sends the request, and waits for an event stream to begin.
    async fn send(&self, first_byte: Instant) -> Result<Response, Failure> {
        let mut request = self
            .http
            .post(self.address.chat())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "text/event-stream");
        if let Some(key) = self.key {
            let header = HeaderValue::try_from(format!("Bearer {}", key.expose_secret()));
            let mut header = header
                .map_err(|_| Failure::new(Cause::Key("the key holds characters that no key may have".to_owned())))?;
            header.set_sensitive(true);
            request = request.header(AUTHORIZATION, header);
        }
        let response = timeout_at(first_byte, request.body(self.body()).send())
            .await
            .map_err(|_| Failure::new(self.silence(true)))?
            .map_err(|error| self.failure(http::cause(error).into()))?;
        let headers = response.headers();
        let is_stream = header(headers, CONTENT_TYPE)
            .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/event-stream"));
        let is_plain =
            header(headers, CONTENT_ENCODING).is_none_or(|encoding| encoding.eq_ignore_ascii_case("identity"));
        match response.status() {
            StatusCode::OK if is_stream && is_plain => Ok(response),
            StatusCode::OK if !is_plain => {
                Err(self.failure(Cause::Protocol("a compressed answer that nobody asked for".to_owned()).into()))
            }
            _ => Err(self.refusal(response).await),
        }
    }

    /// What the server said instead of answering.
    async fn refusal(&self, response: Response) -> Failure {
        let (status, headers) = (response.status(), response.headers().clone());
        let code = status.as_u16();
        if status.is_redirection() {
            // Only where it leads: the rest of an address may hold anything.
            let to = header(&headers, LOCATION).and_then(|to| self.address.chat().join(to).ok());
            let to = to.map(|to| format!("{}{}", to.origin().ascii_serialization(), to.path()));
            let to = to.map(|to| redact::message(&to, self.key, &[]));
            return Failure { status: Some(code), ..Failure::new(Cause::Redirect(to)) };
        }
        let text = tokio::time::timeout(ERROR_TIMEOUT, read_start(response)).await.unwrap_or_default();
        let verdict = match status {
            StatusCode::OK if !serde_json::from_str(&text).is_ok_and(|value| body::is_error(&value)) => {
                let kind = header(&headers, CONTENT_TYPE).unwrap_or("something without a type");
                Cause::Protocol(format!("`{}` instead of an event stream", redact::message(kind, self.key, &[]))).into()
            }
            status if status.is_success() && status != StatusCode::OK => {
                Cause::Protocol(format!("status {code} instead of an answer")).into()
            }
            _ => body::judge(code, &text),
        };
        let retry_after = retry::retry_after(&headers, SystemTime::now()).or(verdict.retry_after);
        let status = (!status.is_success()).then_some(code);
        Failure { status, request_id: request_id(&headers), retry_after, ..self.failure(verdict) }
    }

    fn failure(&self, verdict: Verdict) -> Failure {
        let prompt = [&*self.request.system, &self.request.shared, &self.request.prompt];
        let said = redact::message(&verdict.said, self.key, &prompt);
        Failure { said, retry_after: verdict.retry_after, ..Failure::new(verdict.cause) }
    }

    fn silence(&self, is_first: bool) -> Cause {
        match Instant::now() >= self.timing.deadline {
            true => Cause::Call(self.timing.call),
            false if is_first => Cause::FirstByte(self.timing.first_byte),
            false => Cause::Idle(self.timing.idle),
        }
    }

    fn body(&self) -> Vec<u8> {
        let Request { system, shared, prompt, .. } = self.request;
        let limit = |limit| self.max_output_tokens.filter(|_| self.form.limit == limit);
        // Shared documents first: what comes before the breakpoint is the same for every request of a batch, byte by byte.
        let user = if shared.is_empty() { prompt.clone() } else { format!("{shared}\n\n{prompt}") };
        let system = (!system.is_empty()).then_some(Message { role: "system", content: system });
        let body = Body {
            model: self.model,
            stream: true,
            stream_options: self.form.has_stream_options.then_some(StreamOptions { include_usage: true }),
            max_tokens: limit(Limit::MaxTokens),
            max_completion_tokens: limit(Limit::MaxCompletionTokens),
            messages: system.into_iter().chain([Message { role: "user", content: &user }]).collect(),
        };
        serde_json::to_vec(&body).expect("strings and numbers are always JSON")
    }
}

impl From<Cause> for Verdict {
    fn from(cause: Cause) -> Verdict {
        Verdict { cause, said: String::new(), retry_after: None }
    }
}

/// No temperature: several models take only their own.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    messages: Vec<Message<'a>>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

fn header(headers: &HeaderMap, name: impl reqwest::header::AsHeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

/// Short and printable, or nothing: it is shown.
fn request_id(headers: &HeaderMap) -> Option<String> {
    const LONGEST: usize = 80;
    let id = header(headers, "x-request-id").or_else(|| header(headers, "request-id"))?;
    (!id.is_empty() && id.len() <= LONGEST && id.bytes().all(|byte| byte.is_ascii_graphic())).then(|| id.to_owned())
}

async fn read_start(mut response: Response) -> String {
    let mut start = Vec::new();
    while let Ok(Some(bytes)) = response.chunk().await {
        let room = LONGEST_ERROR - start.len();
        start.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if start.len() == LONGEST_ERROR {
            break;
        }
    }
    String::from_utf8_lossy(&start).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

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
