//! Where a server is. Decides what may be spoken to at all; opens no connection.

use std::net::IpAddr;

use reqwest::Url;

/// The base of an OpenAI-compatible API, such as `https://api.openai.com/v1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    base: Url,
}

impl Address {
    /// Reads a base URL with or without `/v1`, a trailing slash, or the endpoint's own path. The error is a clause that says what is
    /// wrong with it and what to write.
    pub fn parse(text: &str) -> Result<Address, String> {
        let mut base = Url::parse(text.trim())
            .map_err(|error| format!("`{text}` is no URL ({error}): write one like `https://host/v1`"))?;
        if base.host().is_none() || !matches!(base.scheme(), "http" | "https") {
            return Err(format!("`{text}` is no web address: write one like `https://host/v1`"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err("the address holds a password: name the key with `key-env` instead".to_owned());
        }
        let path = base.path().trim_end_matches('/');
        let whole = path.strip_suffix("/chat/completions");
        let path = match whole {
            // The user named the endpoint itself, so nothing is missing from it.
            Some(prefix) => prefix.to_owned(),
            None if path.split('/').any(is_version) => path.to_owned(),
            None => format!("{path}/v1"),
        };
        base.set_path(&path);
        base.set_fragment(None);
        let address = Address { base };
        if address.base.scheme() == "http" && !address.is_loopback() {
            return Err(format!(
                "`{text}` would send prompts and keys unencrypted: use https (http is for this machine only)"
            ));
        }
        Ok(address)
    }

    pub fn chat(&self) -> Url {
        self.below("/chat/completions")
    }

    pub fn models(&self) -> Url {
        self.below("/models")
    }

    /// llama.cpp's page about itself.
    pub fn props(&self) -> Url {
        let mut url = self.base.clone();
        url.set_path("/props");
        url
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
        self.base.host_str() == Some("api.openai.com")
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

/// `v1`, `v1beta`, `v4`.
fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_usual_form_leads_to_the_endpoint() {
        for (base, chat) in [
            ("https://api.openai.com", "https://api.openai.com/v1/chat/completions"),
            ("https://api.openai.com/", "https://api.openai.com/v1/chat/completions"),
            ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
            (" https://api.openai.com/v1/ ", "https://api.openai.com/v1/chat/completions"),
            ("https://openrouter.ai/api", "https://openrouter.ai/api/v1/chat/completions"),
            (
                "https://generativelanguage.googleapis.com/v1beta/openai/",
                "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
            ),
            ("https://models.example/inference/chat/completions", "https://models.example/inference/chat/completions"),
            ("https://x.example/openai/v1?api-version=1", "https://x.example/openai/v1/chat/completions?api-version=1"),
            ("http://localhost:11434", "http://localhost:11434/v1/chat/completions"),
            ("http://[::1]:8080", "http://[::1]:8080/v1/chat/completions"),
        ] {
            assert_eq!(Address::parse(base).unwrap().chat().as_str(), chat, "{base}");
        }
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
        ] {
            let error = Address::parse(base).unwrap_err();
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
            assert_eq!(Address::parse(base).unwrap().is_loopback(), loopback, "{base}");
        }
    }
}
