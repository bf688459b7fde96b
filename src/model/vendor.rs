//! The providers that need no `[providers]` table: whose keys people have in their environment, and Ollama, which needs none.

use crate::{config::Wire, workflow::Role};

/// A provider as its makers' own programs know it.
#[derive(Debug)]
pub struct Vendor {
    /// Its name before the `/` of a model.
    pub provider: &'static str,
    pub wire: Wire,
    pub address: &'static str,
    pub variables: Option<Variables>,
    pub main: Option<Known>,
    pub fast: Option<Known>,
}

/// Environment variables, by the names that its makers gave them.
#[derive(Debug)]
pub struct Variables {
    pub key: &'static str,
    pub base_url: &'static str,
    pub model: &'static str,
}

/// A model that is used when nobody names one.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub model: &'static str,
    /// What its name has in common with those of its successors: makers retire models within a year, so the newest of them that the server
    /// lists is used. `None`: this very model, or none.
    pub family: Option<&'static str>,
    /// Tokens, from its makers' documentation: some servers don't tell.
    pub window: u64,
}

/// In the order in which the environment is looked at.
pub const VENDORS: [Vendor; 3] = [
    Vendor {
        provider: "openai",
        wire: Wire::OpenAi,
        address: "https://api.openai.com/v1",
        variables: Some(Variables { key: "OPENAI_API_KEY", base_url: "OPENAI_BASE_URL", model: "OPENAI_MODEL" }),
        main: Some(Known { model: "gpt-5-mini", family: None, window: 400_000 }),
        fast: Some(Known { model: "gpt-5-nano", family: None, window: 400_000 }),
    },
    Vendor {
        provider: "anthropic",
        wire: Wire::Anthropic,
        address: "https://api.anthropic.com",
        variables: Some(Variables {
            key: "ANTHROPIC_API_KEY",
            base_url: "ANTHROPIC_BASE_URL",
            model: "ANTHROPIC_MODEL",
        }),
        main: Some(Known { model: "claude-sonnet-5-5", family: Some("sonnet"), window: 1_000_000 }),
        fast: Some(Known { model: "claude-haiku-4-5", family: Some("haiku"), window: 200_000 }),
    },
    Vendor {
        provider: "ollama",
        wire: Wire::Ollama,
        address: "http://127.0.0.1:11434",
        variables: None,
        main: None,
        fast: None,
    },
];

impl Vendor {
    pub fn of(provider: &str) -> Option<&'static Vendor> {
        VENDORS.iter().find(|vendor| vendor.provider == provider)
    }

    /// The one whose wire this is.
    pub fn speaking(wire: Wire) -> Option<&'static Vendor> {
        VENDORS.iter().find(|vendor| vendor.wire == wire)
    }

    pub fn known(&self, role: Role) -> Option<Known> {
        match role {
            Role::Main => self.main,
            Role::Fast => self.fast,
        }
    }
}

/// The variable in which Ollama's own programs find its address.
pub const OLLAMA_HOST: &str = "OLLAMA_HOST";

/// The address that this variable means: scheme and port may be missing, and it may name all interfaces rather than one.
pub fn ollama_address(host: &str) -> String {
    let host = host.trim().trim_end_matches('/');
    let (scheme, rest, usual_port) = match host.split_once("://") {
        Some(("https", rest)) => ("https", rest, "443"),
        Some((scheme, rest)) => (scheme, rest, "80"),
        None => ("http", host, "11434"),
    };
    if rest.contains('/') {
        return host.to_owned();
    }
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let (name, port) = rest.rsplit_once(':').filter(|(_, port)| is_port(port)).unwrap_or((rest, usual_port));
    let name = if matches!(name, "" | "0.0.0.0" | "[::]") { "127.0.0.1" } else { name };
    format!("{scheme}://{name}:{port}")
}

/// The context window of one of the models above, in tokens.
pub fn window(provider: &str, model: &str) -> Option<u64> {
    let vendor = Vendor::of(provider)?;
    let known = [vendor.main, vendor.fast].into_iter().flatten().find(|known| known.model == model)?;
    Some(known.window)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_ollamas_variable() {
        for (host, address) in [
            ("127.0.0.1", "http://127.0.0.1:11434"),
            ("127.0.0.1:5000", "http://127.0.0.1:5000"),
            (":5000", "http://127.0.0.1:5000"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            ("[::]:5000", "http://127.0.0.1:5000"),
            ("http://localhost:5000/", "http://localhost:5000"),
            ("https://models.example", "https://models.example:443"),
            ("https://models.example/ollama/", "https://models.example/ollama"),
            ("", "http://127.0.0.1:11434"),
        ] {
            assert_eq!(ollama_address(host), address, "{host}");
        }
    }
}
