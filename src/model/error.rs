//! What went wrong with a request, and the one sentence a person reads about it. Knows no wire.

pub mod body;

use std::time::Duration;

use crate::{
    engine::ports::{ModelError, ModelErrorKind},
    model::{catalog::Target, dialect::Dialect, key::Credential},
};

/// A request that gave no whole answer.
#[derive(Debug)]
pub struct Failure {
    pub cause: Cause,
    /// What the server said, cleaned of keys and prompt. May be empty.
    pub said: String,
    /// Of a response that says by its status that it is no answer.
    pub status: Option<u16>,
    pub request_id: Option<String>,
    /// When the server wants to be asked again.
    pub retry_after: Option<Duration>,
    /// A part of the answer was handed on before, and can't be taken back.
    pub is_late: bool,
}

/// Why, as far as remedies and retries differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    // Nothing was heard from the server.
    ConnectionRefused,
    UnknownHost,
    Certificate(String),
    Connection(String),
    // Silence.
    FirstByte(Duration),
    Idle(Duration),
    Call(Duration),
    // The server says no.
    Key(String),
    Auth,
    Quota,
    RateLimit,
    /// It asks for a longer wait than anybody watches.
    ComeBack(Duration),
    Overloaded,
    Server,
    TooLong,
    NotFound,
    /// Carries the parameter's name, if told.
    UnsupportedParameter(Option<String>),
    /// The longest answer that it takes a request for, in tokens.
    OutputLimit(u64),
    Filtered,
    Rejected,
    Redirect(Option<String>),
    // The answer isn't one.
    Truncated,
    Empty,
    /// Tokens read, and tokens sent by our estimate.
    PromptCut(u64, u64),
    /// Not this wire at all.
    Protocol(String),
    /// This wire, until something else came.
    Garbled(&'static str),
}

impl Failure {
    pub fn new(cause: Cause) -> Failure {
        Failure { cause, said: String::new(), status: None, request_id: None, retry_after: None, is_late: false }
    }

    /// Whether the same request may be sent again, and may succeed then.
    pub fn is_passing(&self) -> bool {
        match self.cause {
            _ if self.is_late => false,
            Cause::ConnectionRefused
            | Cause::UnknownHost
            | Cause::Connection(_)
            | Cause::RateLimit
            | Cause::Overloaded
            | Cause::Server
            | Cause::Truncated => true,
            // A prompt that took too long once is not sent thrice: the server may still be busy with it.
            Cause::FirstByte(_) | Cause::Idle(_) | Cause::Call(_) => false,
            _ => false,
        }
    }

    /// Says it in one sentence. `listed` are the server's models, where it was asked.
    pub fn tell(&self, target: &Target, listed: Option<&[String]>) -> ModelError {
        let (kind, _, remedy) = self.parts(target, listed);
        let request = self.request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default();
        let message =
            format!("failed to get an answer from `{}`: {}; {remedy}{request}", target.name(), self.what(target));
        ModelError { kind, message }
    }

    /// Says what happened, without a remedy.
    pub fn what(&self, target: &Target) -> String {
        let (_, what, _) = self.parts(target, None);
        match (self.status, self.said.as_str()) {
            (Some(status), "") => format!("{what} ({status})"),
            // A gateway's page begins with its status.
            (Some(status), said) if said.starts_with(&status.to_string()) => format!("{what} ({said})"),
            (Some(status), said) => format!("{what} ({status}: {said})"),
            (None, "") => what,
            (None, said) => format!("{what} ({said})"),
        }
    }

    /// Says what to do.
    pub fn remedy(&self, target: &Target) -> String {
        self.parts(target, None).2
    }

    fn parts(&self, target: &Target, listed: Option<&[String]>) -> (ModelErrorKind, String, String) {
        use ModelErrorKind as Kind;
        let address = &target.address;
        let setting = &target.address_setting;
        let (kind, what, remedy): (_, &str, String) = match &self.cause {
            Cause::ConnectionRefused => {
                return (
                    Kind::Unavailable,
                    format!("nothing listens at {address}"),
                    format!("is the server running? If it listens elsewhere, correct {setting}"),
                );
            }
            Cause::UnknownHost => {
                return (
                    Kind::Unavailable,
                    format!("the host of {address} can't be found"),
                    format!("check {setting} and the network"),
                );
            }
            Cause::Certificate(detail) => {
                let what = format!("no secure connection to {} ({detail})", address.origin());
                return (
                    Kind::Unavailable,
                    what,
                    format!("check {setting}, or add the server's certificate to those the system trusts"),
                );
            }
            Cause::Connection(detail) => {
                return (
                    Kind::Unavailable,
                    format!("the connection to {address} failed ({detail})"),
                    "check the network, then try again".to_owned(),
                );
            }
            Cause::FirstByte(limit) => {
                let what = format!("no answer began within {}", spoken(*limit));
                return (
                    Kind::Timeout,
                    what,
                    "is the server busy? `first-byte-timeout` in `[limits]` allows more".to_owned(),
                );
            }
            Cause::Idle(limit) => {
                let what = format!("the answer stalled for {}", spoken(*limit));
                return (Kind::Timeout, what, "try again; `idle-timeout` in `[limits]` allows more".to_owned());
            }
            Cause::Call(limit) => {
                let what = format!("the answer wasn't whole after {}", spoken(*limit));
                return (Kind::Timeout, what, "ask for less at once, or choose a faster model".to_owned());
            }
            Cause::Key(detail) => return (Kind::Auth, detail.clone(), target.key_remedy()),
            Cause::ComeBack(wait) => {
                return (
                    Kind::Unavailable,
                    "the server takes no more requests now".to_owned(),
                    format!("come back in {}, or choose another model", spoken(*wait)),
                );
            }
            Cause::Redirect(to) => {
                let to = to.as_deref().unwrap_or("another address");
                let what =
                    format!("{address} redirects to {to}, which isn't followed because prompt and key would go there");
                return (Kind::Configuration, what, format!("set {setting} to the final address"));
            }
            Cause::PromptCut(seen, sent) => {
                let what = format!("the server read only {seen} of about {sent} tokens of the prompt");
                return (
                    Kind::TooLong,
                    what,
                    "raise the server's context size, or choose fewer or smaller files".to_owned(),
                );
            }
            Cause::Protocol(detail) => {
                return (
                    Kind::Protocol,
                    format!("the server sent {detail}"),
                    format!("check that {setting} leads to {}", address.dialect().api()),
                );
            }
            Cause::Garbled(detail) => {
                return (
                    Kind::Protocol,
                    format!("the server sent {detail}"),
                    "try again, or choose another model".to_owned(),
                );
            }
            Cause::Auth if self.status == Some(403) => (Kind::Auth, "the server refused access", target.key_remedy()),
            Cause::Auth => (Kind::Auth, "the server refused the key", target.key_remedy()),
            Cause::Quota => {
                (Kind::Quota, "no credit is left", "add credit at the provider, or choose another model".to_owned())
            }
            Cause::RateLimit => (
                Kind::Unavailable,
                "too many requests",
                "try again later, or lower `concurrency` in `[limits]`".to_owned(),
            ),
            Cause::Overloaded => {
                (Kind::Unavailable, "the server is overloaded", "try again later, or choose another model".to_owned())
            }
            Cause::Server => {
                (Kind::Unavailable, "the server failed", "try again later, or choose another model".to_owned())
            }
            Cause::TooLong => (
                Kind::TooLong,
                "the prompt doesn't fit the model's context",
                "choose fewer or smaller files, or a model with a larger context".to_owned(),
            ),
            Cause::NotFound => {
                (Kind::NotFound, "the server knows no such model or address", not_found_remedy(target, listed))
            }
            Cause::UnsupportedParameter(_) | Cause::OutputLimit(_) | Cause::Rejected => (
                Kind::Rejected,
                "the server rejected the request",
                format!(
                    "check that {setting} leads to {} and that `{}` is a chat model",
                    address.dialect().api(),
                    target.model
                ),
            ),
            Cause::Filtered => (
                Kind::Rejected,
                "the provider's content filter refused the prompt",
                "rephrase it, or choose another model".to_owned(),
            ),
            Cause::Truncated => (Kind::Truncated, "the answer broke off before its end", "try again".to_owned()),
            Cause::Empty => (Kind::Protocol, "the answer was empty", "try again, or choose another model".to_owned()),
        };
        (kind, what.to_owned(), remedy)
    }
}

impl Target {
    pub fn key_remedy(&self) -> String {
        match &*self.credential {
            Credential::None => format!("name its key with `key-env` in `[providers.{}]`", self.provider),
            Credential::Environment { name, value: None } => {
                format!("set the environment variable `{name}`, then restart the editor")
            }
            Credential::Environment { name, .. } => format!("check the key in the environment variable `{name}`"),
            Credential::Command { command, .. } => {
                format!("check what the key command `{}` prints", command.first().map_or("", String::as_str))
            }
        }
    }
}

/// What to do about a model that isn't there, of a server that lists these.
pub fn not_found_remedy(target: &Target, listed: Option<&[String]>) -> String {
    /// Of a list that may have hundreds.
    const SHOWN: usize = 6;
    let Some(listed) = listed.filter(|listed| !listed.is_empty()) else {
        return format!("check the model's name and {}", target.address_setting);
    };
    if listed.contains(&target.model) {
        return format!("the server does list `{}`, so check {}", target.model, target.address_setting);
    }
    let mut nearest: Vec<&String> = listed.iter().collect();
    // Stable: equally near names stay in the server's order.
    nearest.sort_by(|a, b| {
        let near = |name: &str| strsim::jaro_winkler(name, &target.model);
        near(b).total_cmp(&near(a))
    });
    let pull = match target.address.dialect() {
        Dialect::Ollama => format!("run `ollama pull {}`, or: ", target.model),
        Dialect::OpenAi | Dialect::Anthropic => String::new(),
    };
    let names: Vec<String> = nearest.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let more = match listed.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{pull}did you mean {}? The server lists {}{more}", names[0], names.join(", "))
}

/// `350 ms`, `45 s`, `17 min`, `3 h`, `12 days`.
fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds.div_ceil(60)),
        7200..=172_799 => format!("{} h", seconds.div_ceil(3600)),
        _ => format!("{} days", seconds.div_ceil(86_400)),
    }
}
