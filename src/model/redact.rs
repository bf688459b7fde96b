//! Cleans what a server said before a person reads it: no keys, no prompt, one line.

use std::collections::{HashMap, HashSet};

use secrecy::{ExposeSecret, SecretString};

use crate::model::output::Output;

const KEY_MARK: &str = "•••";
const PROMPT_MARK: &str = "…";
/// Bytes that text must share with a key, or with a prompt, to count as quoted from it.
const KEY_QUOTE: usize = 8;
const PROMPT_QUOTE: usize = 16;
/// Bytes of a key that no text has by chance. Who needs none writes `none`, which code is full of.
const CERTAIN_KEY: usize = 16;
/// Characters of a server's message that are shown.
const LONGEST_MESSAGE: usize = 400;

/// Replaces every quote of `key` in `text`.
pub fn without_key(text: &str, key: Option<&SecretString>) -> String {
    match key {
        Some(key) => without_quotes(text, &[key.expose_secret()], KEY_QUOTE, KEY_MARK),
        None => text.to_owned(),
    }
}

/// Keeps the key out of an answer's text, in case a server puts it there, however it is cut. Holds back nothing but what may be its beginning.
pub struct Screen<'a> {
    key: Option<&'a str>,
    held: String,
}

impl<'a> Screen<'a> {
    pub fn new(key: Option<&'a SecretString>) -> Screen<'a> {
        let key = key.map(ExposeSecret::expose_secret).filter(|key| key.len() >= CERTAIN_KEY);
        Screen { key, held: String::new() }
    }

    pub fn text(&mut self, text: String, output: &Output) {
        let Some(key) = self.key else { return output.text(text) };
        let mut text = if self.held.is_empty() { text } else { std::mem::take(&mut self.held) + &text };
        if text.contains(key) {
            text = text.replace(key, KEY_MARK);
        }
        let beginning = (1..key.len().min(text.len() + 1))
            .rev()
            .find(|length| text.as_bytes().ends_with(&key.as_bytes()[..*length]));
        // A key is ASCII, as every header; the beginning of another isn't looked for within a character.
        let at = beginning.map(|length| text.len() - length).filter(|at| text.is_char_boundary(*at));
        self.held = at.map(|at| text.split_off(at)).unwrap_or_default();
        if !text.is_empty() {
            output.text(text);
        }
    }

    /// No more text comes.
    pub fn end(self, output: &Output) {
        if !self.held.is_empty() {
            output.text(self.held);
        }
    }
}

/// Replaces each line, and each longer stretch, that stands in one of the documents. What remains is the writer's own; line breaks,
/// fences and tags stay, so that the form can still be seen.
pub fn without_documents(text: &str, documents: &[&str]) -> String {
    let known: HashSet<&str> = documents.iter().flat_map(|document| document.lines().map(str::trim)).collect();
    let is_form = |line: &str| line.is_empty() || line.starts_with("```") || line.starts_with('<');
    let lines = text.split_inclusive('\n').map(|line| {
        let bare = line.trim();
        let is_quote = !is_form(bare) && known.contains(bare);
        if is_quote { line.replace(line.trim_end_matches('\n'), PROMPT_MARK) } else { line.to_owned() }
    });
    // What no document has at its line ends keeps a quote within its line.
    let text = lines.collect::<String>().replace('\n', "\0\n\0");
    without_quotes(&text, documents, PROMPT_QUOTE, PROMPT_MARK).replace('\0', "")
}

/// Makes one short line of `text`, without anything quoted from the key or the prompt.
pub fn message(text: &str, key: Option<&SecretString>, prompt: &[&str]) -> String {
    // Cut before searching: the time to search is bounded, and a prompt is never wanted whole. The key is searched first and in more
    // than is shown, so that no cut can hide a part of it.
    let long: String = text.chars().take(4 * LONGEST_MESSAGE).collect();
    let text = without_quotes(&without_key(&long, key), prompt, PROMPT_QUOTE, PROMPT_MARK);
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control() || is_invisible(c))
        .filter(|word| !word.is_empty())
        .collect();
    let line = words.join(" ");
    match line.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.trim_end_matches('.').to_owned(),
    }
}

/// Replaces each stretch of `text` that also occurs in a source and is at least `quote` bytes long. Linear in the sources.
fn without_quotes(text: &str, sources: &[&str], quote: usize, mark: &str) -> String {
    let bytes = text.as_bytes();
    let mut quoted = vec![false; bytes.len()];
    for source in sources.iter().filter(|source| !source.is_empty()) {
        // A source shorter than a window is still one.
        let quote = quote.min(source.len());
        let mut places: HashMap<&[u8], Vec<usize>> = HashMap::new();
        for (start, window) in bytes.windows(quote).enumerate() {
            places.entry(window).or_default().push(start);
        }
        for window in source.as_bytes().windows(quote) {
            // Each place is marked once, so a prompt that repeats itself costs no more.
            for start in places.remove(window).unwrap_or_default() {
                quoted[start..start + quote].fill(true);
            }
        }
    }
    let mut clean = String::with_capacity(text.len());
    let mut inside = false;
    for (index, character) in text.char_indices() {
        match (quoted[index], inside) {
            (true, false) => clean.push_str(mark),
            (true, true) => {}
            (false, _) => clean.push(character),
        }
        inside = quoted[index];
    }
    clean
}

/// Characters that change how the rest is shown, or that can't be seen.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;
    use crate::{
        engine::ports::{Delta, Finish, Usage},
        model::output,
    };

    #[test]
    fn documents_are_left_out_of_what_was_made_from_them() {
        let document = "import os\n\ndef launch(missiles):\n    return missiles.launch()\n";
        let reply = "Here:\n<file-NONCE>\n```python\nimport os\n\ndef launch(missiles, when):\n    \"\"\"New.\"\"\"\n    return missiles.launch()\n```\n</file-NONCE>\n";
        assert_eq!(
            without_documents(reply, &["", document]),
            "Here:\n<file-NONCE>\n```python\n…\n\n…, when):\n    \"\"\"New.\"\"\"\n…\n```\n</file-NONCE>\n"
        );
        assert_eq!(without_documents("", &[document]), "");
    }

    #[test]
    fn a_key_in_a_text_is_replaced_however_it_is_cut() {
        let screened = |key: &str, pieces: Vec<&str>| {
            let body = |output: Output| async move {
                let key = SecretString::from(key);
                let mut screen = Screen::new(Some(&key));
                pieces.into_iter().for_each(|piece| screen.text(piece.to_owned(), &output));
                screen.end(&output);
                Ok((Finish::Stop, Usage::default()))
            };
            let items: Vec<_> = futures::executor::block_on(output::stream(body).collect());
            let texts = items.into_iter().filter_map(|item| match item {
                Ok(Delta::Text(text)) => Some(text),
                _ => None,
            });
            texts.collect::<Vec<_>>()
        };
        let key = "sk-canary-0123456789";
        let text = format!("é sk-{key}, {key}{key} sk-c");
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            assert_eq!(screened(key, vec![&text[..at], &text[at..]]).concat(), "é sk-•••, •••••• sk-c");
        }
        let letters: Vec<String> = text.chars().map(String::from).collect();
        assert_eq!(screened(key, letters.iter().map(String::as_str).collect()).concat(), "é sk-•••, •••••• sk-c");
        // What can't be the beginning of one isn't kept waiting.
        assert_eq!(screened(key, vec!["a", "b s", "k-x"]), ["a", "b ", "sk-x"]);
        assert_eq!(screened("none", vec!["none"]), ["none"]);
    }

    #[test]
    fn quotes_of_key_and_prompt_are_replaced() {
        let key = SecretString::from("sk-proj-0123456789abcdef");
        let prompt = ["Rewrite the secret file", "fn main() {\n    launch_the_missiles();\n}"];
        for (said, shown) in [
            ("Incorrect API key: sk-proj-0123456789abcdef.", "Incorrect API key: •••"),
            ("Incorrect API key: sk-proj-****cdef", "Incorrect API key: •••****cdef"),
            ("bad message: fn main() {\n    launch_the_missiles();\n} is wrong", "bad message: … is wrong"),
            ("bad message: fn main", "bad message: fn main"),
            ("two\n lines\t\u{1b}[31m and \u{202e}more", "two lines [31m and more"),
            ("", ""),
        ] {
            assert_eq!(message(said, Some(&key), &prompt), shown);
        }
        assert_eq!(message("the key is abc", Some(&SecretString::from("abc")), &[]), "the key is •••");
        assert_eq!(message(&"é".repeat(9999), None, &[""]).chars().count(), LONGEST_MESSAGE + 1);
    }
}
