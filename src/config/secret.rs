//! Keeps keys out of messages. Knows what keys look like; knows no key.

/// How the keys of the services that people use begin.
const PREFIXES: [&str; 22] = [
    "sk-",
    "sk_",
    "pk-",
    "pk_",
    "rk_",
    "ghp_",
    "gho_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "AIza",
    "AKIA",
    "ya29.",
    "hf_",
    "gsk_",
    "xai-",
    "pplx-",
    "r8_",
    "eyJ",
    "nvapi-",
    "Bearer ",
];

/// A run of letters and digits mixed, at least this long, is taken for a key.
const RANDOM_CHARACTERS: usize = 20;

/// What a message shows of a text, in characters.
const SHOWN_CHARACTERS: usize = 60;

/// Names under which people keep a key, without `-` and `_`.
const NAMES: [&str; 5] = ["key", "authorization", "auth", "bearer", "headers"];

/// How longer ones end.
const NAME_ENDS: [&str; 4] = ["apikey", "token", "secret", "password"];

/// Whether a text is, or contains, what looks like a key. Errs on the side of yes: the price is a value that isn't shown.
pub fn looks_like_key(text: &str) -> bool {
    let is_random = |run: &str| {
        run.chars().count() >= RANDOM_CHARACTERS
            && run.chars().any(|character| character.is_ascii_digit())
            && run.chars().any(char::is_alphabetic)
    };
    let words = || text.split(|character: char| character.is_whitespace() || "=:,;\"'/".contains(character));
    // Addresses carry passwords before the host and keys in the query.
    let is_loaded_address = text.split_once("://").is_some_and(|(_, rest)| rest.contains(['@', '?']));
    is_loaded_address
        || PREFIXES.iter().any(|prefix| text.starts_with(prefix))
        || words().any(|word| PREFIXES.iter().any(|prefix| word.starts_with(prefix)))
        || text.split(|character: char| !character.is_alphanumeric()).any(is_random)
}

/// Whether a key of this name would hold a key in the other sense.
pub fn names_a_key(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    NAMES.contains(&plain.as_str()) || NAME_ENDS.iter().any(|end| plain.ends_with(end))
}

/// A text of the user's as messages show it: short, on one line, without control characters, and without keys.
pub fn shown(text: &str) -> String {
    if looks_like_key(text) {
        return "…".into();
    }
    let mut shown: String = text.chars().take(SHOWN_CHARACTERS).flat_map(visible).collect();
    if text.chars().count() > SHOWN_CHARACTERS {
        shown.push('…');
    }
    shown
}

/// Control and direction characters could make a message lie about what stands in the file.
fn visible(character: char) -> Vec<char> {
    let hidden = character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(character, '\u{e0000}'..='\u{e007f}');
    if hidden { character.escape_unicode().collect() } else { vec![character] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_from_names() {
        for key in [
            "sk-proj-abc",
            "sk-ant-api03-x",
            "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "Bearer abc",
            "header: Bearer abc sk-x",
            "https://host/v1?key=AIzaSyD",
            "https://me:hunter2@host",
            "0123456789abcdef0123456789abcdef",
            "x-0123456789abcdefghij-y",
        ] {
            assert!(looks_like_key(key), "{key}");
        }
        for name in [
            "",
            "OPENAI_API_KEY",
            "openai/gpt-5-mini-2025-08-07",
            "anthropic/claude-sonnet-4-20250514",
            "https://api.openai.com/v1",
            "Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf",
            "tests/test_{stem}.{ext}",
            "four",
        ] {
            assert!(!looks_like_key(name), "{name}");
        }
    }

    #[test]
    fn shown_text_is_one_short_visible_line() {
        assert_eq!(shown("a\nb\u{202e}c"), "a\\u{a}b\\u{202e}c");
        assert_eq!(shown(&"long ".repeat(100)).chars().count(), SHOWN_CHARACTERS + 1);
        assert_eq!(shown("sk-abc"), "…");
    }
}
