//! One server as it is spoken to: where it is and with which key. Sends requests, and tells what it means when no answer comes. Knows no
//! prompt and no retry.

use std::time::{Duration, SystemTime};

use reqwest::{
    Method, RequestBuilder, Response, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::model::{
    address::Address,
    anthropic,
    dialect::Dialect,
    error::{
        Cause, Failure,
        body::{self, Verdict},
    },
    http, redact, retry,
};

/// Of an error's body, in bytes.
const LONGEST_ERROR: usize = 64 << 10;
const ERROR_TIMEOUT: Duration = Duration::from_secs(5);
/// Of a page of facts: some gateways list thousands of models.
const LONGEST_PAGE: usize = 4 << 20;

#[derive(Clone, Copy)]
pub struct Connection<'a> {
    pub http: &'a reqwest::Client,
    pub address: &'a Address,
    pub key: Option<&'a SecretString>,
}

impl Connection<'_> {
    /// A request with what this server wants to see in its head.
    pub fn request(&self, method: Method, url: Url) -> Result<RequestBuilder, Failure> {
        let mut request = self.http.request(method, url);
        if let Some(key) = self.key {
            let (name, value) = self.key_header(key.expose_secret());
            let mut value = HeaderValue::try_from(value)
                .map_err(|_| Failure::new(Cause::Key("the key holds characters that no key may have".to_owned())))?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        if self.address.dialect() == Dialect::Anthropic {
            request = request.header("anthropic-version", anthropic::VERSION);
        }
        Ok(request)
    }

    fn key_header(&self, key: &str) -> (HeaderName, String) {
        // What begins so is a token of Azure's directory rather than a key.
        let is_token = key.starts_with("eyJ");
        match self.address.dialect() {
            Dialect::Anthropic => (HeaderName::from_static("x-api-key"), key.to_owned()),
            Dialect::OpenAi if self.address.is_azure() && !is_token => {
                (HeaderName::from_static("api-key"), key.to_owned())
            }
            Dialect::OpenAi | Dialect::Ollama => (reqwest::header::AUTHORIZATION, format!("Bearer {key}")),
        }
    }

    /// Gets a page of facts.
    pub async fn get(&self, url: Url, limit: Duration) -> Result<Value, Failure> {
        self.page(Method::GET, url, None, limit).await
    }

    /// Asks for facts that need a question.
    pub async fn ask(&self, url: Url, question: &Value, limit: Duration) -> Result<Value, Failure> {
        self.page(Method::POST, url, Some(question), limit).await
    }

    async fn page(
        &self,
        method: Method,
        url: Url,
        question: Option<&Value>,
        limit: Duration,
    ) -> Result<Value, Failure> {
        let read = async {
            let send = async || {
                let request = self.request(method.clone(), url.clone())?;
                let request = match question {
                    Some(question) => request.header(CONTENT_TYPE, "application/json").body(question.to_string()),
                    None => request,
                };
                request.send().await.map_err(|error| Failure::new(http::cause(error)))
            };
            // A kept connection may have been closed by the server just now; a new one shows what is the case.
            let response = match send().await {
                Err(Failure { cause: Cause::Connection(_), .. }) => send().await?,
                sent => sent?,
            };
            if response.status() != StatusCode::OK {
                return Err(self.refusal(response, "JSON", &[]).await);
            }
            let kind = self.shown_type(response.headers());
            let body = read_whole(response).await?;
            serde_json::from_slice(&body)
                .map_err(|_| Failure::new(Cause::Protocol(format!("`{kind}` instead of JSON"))))
        };
        tokio::time::timeout(limit, read).await.unwrap_or_else(|_| Err(Failure::new(Cause::FirstByte(limit))))
    }

    /// What the server said instead of `expected`. `prompt` is what it may quote.
    pub async fn refusal(&self, response: Response, expected: &str, prompt: &[&str]) -> Failure {
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
                Cause::Protocol(format!("`{}` instead of {expected}", self.shown_type(&headers))).into()
            }
            status if status.is_success() && status != StatusCode::OK => {
                Cause::Protocol(format!("status {code} instead of an answer")).into()
            }
            _ => body::judge(code, &text),
        };
        let retry_after = retry::retry_after(&headers, SystemTime::now()).or(verdict.retry_after);
        let status = (!status.is_success()).then_some(code);
        Failure { status, request_id: self.request_id(&headers), retry_after, ..self.failure(verdict, prompt) }
    }

    /// The failure behind a verdict, with the server's words cleaned.
    pub fn failure(&self, verdict: Verdict, prompt: &[&str]) -> Failure {
        let said = redact::message(&verdict.said, self.key, prompt);
        Failure { said, retry_after: verdict.retry_after, ..Failure::new(verdict.cause) }
    }

    /// Short and printable, or nothing: it is shown.
    pub fn request_id(&self, headers: &HeaderMap) -> Option<String> {
        const LONGEST: usize = 80;
        let id = header(headers, "x-request-id").or_else(|| header(headers, "request-id"))?;
        let is_id = !id.is_empty() && id.len() <= LONGEST && id.bytes().all(|byte| byte.is_ascii_graphic());
        is_id.then(|| redact::without_key(id, self.key))
    }

    fn shown_type(&self, headers: &HeaderMap) -> String {
        redact::message(header(headers, CONTENT_TYPE).unwrap_or("something without a type"), self.key, &[])
    }
}

impl From<Cause> for Verdict {
    fn from(cause: Cause) -> Verdict {
        Verdict { cause, said: String::new(), retry_after: None }
    }
}

pub fn header(headers: &HeaderMap, name: impl reqwest::header::AsHeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
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

async fn read_whole(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await.map_err(|error| Failure::new(http::cause(error)))? {
        if body.len() + bytes.len() > LONGEST_PAGE {
            return Err(Failure::new(Cause::Garbled("a page of more than 4 MiB")));
        }
        body.extend_from_slice(&bytes);
    }
    Ok(body)
}
