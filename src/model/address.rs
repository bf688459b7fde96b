//! Where a server is. Decides what may be spoken to at all; opens no connection.

use std::net::IpAddr;

use reqwest::Url;

use crate::{config::shown, model::dialect::Dialect};

/// The base of an API, such as `https://api.openai.com/v1`, and what is spoken there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    base: Url,
    dialect: Dialect,
}

impl Address {
    /// Reads a base URL with or without `/v1`, a trailing slash, or the endpoint's own path. The error is a clause that says what is
    /// wrong with it and what to write.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Address, String> {
        // Whoever mixed up two variables has a key here.
        let shown = shown(text);
        let mut base = Url::parse(text.trim())
            .map_err(|error| format!("`{shown}` is no URL ({error}): write one like `https://host/v1`"))?;
        if base.host().is_none() || !matches!(base.scheme(), "http" | "https") {
            return Err(format!("`{shown}` is no web address: write one like `https://host/v1`"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err("the address holds a password: name the key with `key-env` instead".to_owned());
        }
        let path = path(&base, dialect);
        base.set_path(&path);
        base.set_fragment(None);
        let address = Address { base, dialect };
        if address.base.scheme() == "http" && !address.is_loopback() {
            return Err(format!(
                "`{shown}` would send prompts and keys unencrypted: use https (http is for this machine only)"
            ));
        }
        Ok(address)
    }

    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Where prompts go.
    pub fn chat(&self) -> Url {
        self.below(match self.dialect {
            Dialect::OpenAi => "/chat/completions",
            Dialect::Anthropic => "/messages",
            Dialect::Ollama => "/api/chat",
        })
    }

    /// Where the server lists its models.
    pub fn models(&self) -> Url {
        self.below(match self.dialect {
            Dialect::OpenAi | Dialect::Anthropic => "/models",
            Dialect::Ollama => "/api/tags",
        })
    }

    /// What Anthropic tells about one model.
    pub fn model(&self, name: &str) -> Url {
        let mut url = self.models();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push(name);
        }
        url
    }

    /// What Ollama tells about one model.
    pub fn show(&self) -> Url {
        self.below("/api/show")
    }

    /// llama.cpp's page about itself.
    pub fn props(&self) -> Url {
        self.root("/props")
    }

    /// LM Studio's own list, which tells more than the compatible one.
    pub fn lm_studio(&self) -> Url {
        self.root("/api/v0/models")
    }

    /// Scheme, host and port: what a key belongs to.
    pub fn origin(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    /// The host's name.
    pub fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    /// Whether nothing that is sent there leaves this machine.
    pub fn is_loopback(&self) -> bool {
        let host = self.base.host_str().unwrap_or_default();
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        address.map_or(host == "localhost" || host.ends_with(".localhost"), |address| address.is_loopback())
    }

    pub fn is_secure(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// Whether this is OpenAI itself, whose parameters differ from those of its many imitations.
    pub fn is_openai(&self) -> bool {
        self.dialect == Dialect::OpenAi && self.host() == "api.openai.com"
    }

    /// Whether this is the server of who made the wire: the one that a key in its usual environment variable is for.
    pub fn is_vendor(&self) -> bool {
        self.is_openai() || self.dialect == Dialect::Anthropic && self.host() == "api.anthropic.com"
    }

    /// Whether this is one of Azure's, which take keys in a header of their own.
    pub fn is_azure(&self) -> bool {
        is_azure(self.host())
    }

    /// The port, where it belongs to this machine.
    pub fn local_port(&self) -> Option<u16> {
        self.base.port_or_known_default().filter(|_| self.is_loopback())
    }

    fn root(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }

    fn below(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.base.path().trim_end_matches('/');
        // The query is left out: some servers take keys there.
        write!(formatter, "{}{path}", self.origin())
    }
}

/// The base's path, for what the user named: the endpoint itself, a version, or neither.
fn path(base: &Url, dialect: Dialect) -> String {
    let path = base.path().trim_end_matches('/');
    let endings: &[&str] = match dialect {
        Dialect::OpenAi => &["/chat/completions"],
        Dialect::Anthropic => &["/messages"],
        Dialect::Ollama => &["/api/chat", "/api", "/v1/chat/completions", "/v1"],
    };
    // The user named the endpoint itself, so nothing is missing from it.
    if let Some(prefix) = endings.iter().find_map(|ending| path.strip_suffix(ending)) {
        return prefix.to_owned();
    }
    let host = base.host_str().unwrap_or_default();
    let is_gemini = dialect == Dialect::OpenAi && host == "generativelanguage.googleapis.com";
    match dialect {
        Dialect::Ollama => path.to_owned(),
        _ if is_gemini && !path.ends_with("/openai") => "/v1beta/openai".to_owned(),
        _ if path.split('/').any(is_version) => path.to_owned(),
        Dialect::OpenAi if is_azure(host) => format!("{}/openai/v1", path.strip_suffix("/openai").unwrap_or(path)),
        _ => format!("{path}/v1"),
    }
}

fn is_azure(host: &str) -> bool {
    [".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"]
        .iter()
        .any(|end| host.ends_with(end))
}

/// `v1`, `v1beta`, `v4`.
fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_usual_form_leads_to_the_endpoint() {
        use Dialect::{Anthropic, Ollama, OpenAi};
        for (dialect, base, chat) in [
            (OpenAi, "https://api.openai.com", "https://api.openai.com/v1/chat/completions"),
            (OpenAi, "https://api.openai.com/", "https://api.openai.com/v1/chat/completions"),
            (OpenAi, "https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
            (OpenAi, " https://api.openai.com/v1/ ", "https://api.openai.com/v1/chat/completions"),
            (OpenAi, "https://openrouter.ai/api", "https://openrouter.ai/api/v1/chat/completions"),
            (
                OpenAi,
                "https://generativelanguage.googleapis.com/v1beta/openai/",
                "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
            ),
            (
                OpenAi,
                "https://generativelanguage.googleapis.com/v1beta",
                "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
            ),
            (
                OpenAi,
                "https://generativelanguage.googleapis.com",
                "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
            ),
            (OpenAi, "https://x.openai.azure.com", "https://x.openai.azure.com/openai/v1/chat/completions"),
            (OpenAi, "https://x.openai.azure.com/openai/", "https://x.openai.azure.com/openai/v1/chat/completions"),
            (OpenAi, "https://x.openai.azure.com/openai/v1/", "https://x.openai.azure.com/openai/v1/chat/completions"),
            (
                OpenAi,
                "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
                "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
            ),
            (
                OpenAi,
                "https://models.example/inference/chat/completions",
                "https://models.example/inference/chat/completions",
            ),
            (
                OpenAi,
                "https://x.example/openai/v1?api-version=1",
                "https://x.example/openai/v1/chat/completions?api-version=1",
            ),
            (OpenAi, "http://localhost:11434", "http://localhost:11434/v1/chat/completions"),
            (OpenAi, "http://[::1]:8080", "http://[::1]:8080/v1/chat/completions"),
            (Anthropic, "https://api.anthropic.com", "https://api.anthropic.com/v1/messages"),
            (Anthropic, "https://api.anthropic.com/v1/", "https://api.anthropic.com/v1/messages"),
            (Anthropic, "https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1/messages"),
            (Anthropic, "https://gateway.example/anthropic", "https://gateway.example/anthropic/v1/messages"),
            (Ollama, "http://127.0.0.1:11434", "http://127.0.0.1:11434/api/chat"),
            (Ollama, "http://127.0.0.1:11434/v1", "http://127.0.0.1:11434/api/chat"),
            (Ollama, "http://127.0.0.1:11434/api/", "http://127.0.0.1:11434/api/chat"),
            (Ollama, "https://host.example/ollama/api/chat", "https://host.example/ollama/api/chat"),
        ] {
            assert_eq!(Address::parse(base, dialect).unwrap().chat().as_str(), chat, "{base}");
        }
        let claude = Address::parse("https://api.anthropic.com", Anthropic).unwrap().model("a/b c");
        assert_eq!(claude.as_str(), "https://api.anthropic.com/v1/models/a%2Fb%20c");
    }

    #[test]
    fn what_may_not_be_spoken_to_is_said() {
        for (base, said) in [
            ("api.openai.com", "no URL"),
            ("file:///etc/passwd", "no web address"),
            ("http://example.com/v1", "unencrypted"),
            ("http://127.0.0.1.example.com/v1", "unencrypted"),
            ("https://me:secret@example.com/v1", "holds a password"),
            ("", "no URL"),
            ("sk-secret", "no URL"),
        ] {
            let error = Address::parse(base, Dialect::OpenAi).unwrap_err();
            assert!(error.contains(said) && !error.contains("secret"), "{base}: {error}");
        }
    }

    #[test]
    fn loopback_is_this_machine_only() {
        for (base, loopback) in [
            ("http://127.0.0.1:8080", true),
            ("http://127.8.9.1", true),
            ("http://[::1]", true),
            ("http://LOCALHOST:1", true),
            ("https://localhost.example.com", false),
            ("https://0.0.0.0", false),
        ] {
            assert_eq!(Address::parse(base, Dialect::OpenAi).unwrap().is_loopback(), loopback, "{base}");
        }
    }
}
