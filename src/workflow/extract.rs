//! What a step finds in an answer: a line, list items, files. Takes text without thinking blocks; knows nothing of who wrote it.

use super::template::Item;

/// Where the search for JSON in an answer gives up, in opening brackets.
const MAX_JSON_CANDIDATES: usize = 1000;

/// The first line with something on it, without the quotes, backticks and emphasis that models put around short answers.
pub fn line(answer: &str) -> Option<String> {
    let line = answer.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("```"))?;
    let line = line.trim_matches(['`', '"', '\'', '*']).trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// The top-level items of the last list in the text. Deeper items and continuation lines belong to the item above them.
pub fn list(answer: &str) -> Vec<Item> {
    let mut lists: Vec<List> = Vec::new();
    let mut fence: Option<&str> = None;
    let mut after_blank = false;
    let mut open = false;
    for line in answer.lines() {
        let text = line.trim();
        let indent = line.len() - line.trim_start().len();
        if let Some(mark) = fence_mark(text) {
            fence = match fence {
                Some(opening) if text.starts_with(opening) => None,
                Some(opening) => Some(opening),
                None => Some(mark),
            };
        }
        let marker = marker(text).filter(|_| fence.is_none() && fence_mark(text).is_none());
        let last = lists.last_mut().filter(|_| open);
        match (marker, last) {
            _ if text.is_empty() => {
                after_blank = true;
                continue;
            }
            (Some((kind, rest)), Some(list)) if indent <= list.indent + 1 && list.continues_with(kind) => {
                list.items.push(rest.to_owned());
                list.kind = kind;
            }
            (Some(_), Some(list)) if indent > list.indent + 1 => list.join(text),
            (Some((kind, rest)), _) => {
                let continued =
                    lists.last_mut().filter(|list| list.continues_after_a_gap(kind) && indent <= list.indent + 1);
                match continued {
                    Some(list) => {
                        list.items.push(rest.to_owned());
                        list.kind = kind;
                    }
                    None => lists.push(List { kind, indent, items: vec![rest.to_owned()] }),
                }
                open = true;
            }
            (None, Some(list)) if !after_blank || indent > list.indent => list.join(text),
            (None, _) => open = false,
        }
        after_blank = false;
    }
    let items = lists.pop().map(|list| list.items).unwrap_or_default();
    items.into_iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).map(Item::new).collect()
}

/// Files with their purposes: JSON anywhere in the answer, else a list of `path: purpose`.
pub fn files(answer: &str) -> Vec<Item> {
    let json = answer
        .match_indices(['[', '{'])
        .take(MAX_JSON_CANDIDATES)
        .filter_map(|(at, _)| serde_json::Deserializer::from_str(&answer[at..]).into_iter().next()?.ok())
        .map(|value| files_in_json(&value))
        .find(|files| !files.is_empty());
    json.unwrap_or_else(|| list(answer).iter().filter_map(|item| file_in_text(&item.text)).collect())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bullet(char),
    Number { value: u32, end: char },
}

struct List {
    kind: Kind,
    /// Columns before its markers.
    indent: usize,
    items: Vec<String>,
}

impl List {
    fn continues_with(&self, kind: Kind) -> bool {
        match (self.kind, kind) {
            (Kind::Bullet(a), Kind::Bullet(b)) => a == b,
            // Models count wrongly, and Markdown lets every item be `1.`
            (Kind::Number { end: a, .. }, Kind::Number { end: b, .. }) => a == b,
            _ => false,
        }
    }

    /// Text at the margin ends a list in Markdown, but "1. Title, a paragraph, 2. Title" is meant as one.
    fn continues_after_a_gap(&self, kind: Kind) -> bool {
        match (self.kind, kind) {
            (Kind::Number { value: a, end: x }, Kind::Number { value: b, end: y }) => {
                x == y && b == a.saturating_add(1)
            }
            _ => false,
        }
    }

    fn join(&mut self, text: &str) {
        if let Some(item) = self.items.last_mut() {
            item.push(' ');
            item.push_str(text);
        }
    }
}

fn fence_mark(text: &str) -> Option<&'static str> {
    ["```", "~~~"].into_iter().find(|mark| text.starts_with(mark))
}

fn marker(text: &str) -> Option<(Kind, &str)> {
    let mut chars = text.chars();
    if let Some(bullet @ ('-' | '*' | '+')) = chars.next() {
        let rest = chars.as_str();
        return (rest.starts_with([' ', '\t']) && !is_rule(text)).then(|| (Kind::Bullet(bullet), rest.trim()));
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let value = text[..digits].parse().ok().filter(|_| digits <= 9)?;
    let mut rest = text[digits..].chars();
    let end = rest.next().filter(|end| matches!(end, '.' | ')'))?;
    let rest = rest.as_str();
    rest.starts_with([' ', '\t']).then(|| (Kind::Number { value, end }, rest.trim()))
}

/// `- - -` is a line across the page, not an item.
fn is_rule(text: &str) -> bool {
    text.chars().filter(|c| !c.is_whitespace()).count() >= 3
        && text.chars().all(|c| c.is_whitespace() || matches!(c, '-' | '*'))
}

fn files_in_json(value: &serde_json::Value) -> Vec<Item> {
    let field = |object: &serde_json::Map<String, serde_json::Value>, names: &[&str]| {
        names.iter().find_map(|name| object.get(*name)?.as_str()).map(str::to_owned)
    };
    match value {
        serde_json::Value::Array(entries) => entries
            .iter()
            .filter_map(|entry| match entry {
                serde_json::Value::String(path) => Some(Item::new(clean_path(path)?)),
                serde_json::Value::Object(object) => {
                    let path = field(object, &["file_name", "file", "path", "name", "filename"])?;
                    let purpose = field(object, &["purpose", "description", "reason"]).unwrap_or_default();
                    Some(Item { text: clean_path(&path)?, purpose })
                }
                _ => None,
            })
            .collect(),
        serde_json::Value::Object(object) => match object.get("files") {
            Some(files) => files_in_json(files),
            None if object.contains_key("file_name") => files_in_json(&serde_json::Value::Array(vec![value.clone()])),
            None => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn file_in_text(item: &str) -> Option<Item> {
    let item = item.trim().trim_start_matches('*');
    let (path, purpose) = match item.strip_prefix('`').and_then(|rest| rest.split_once('`')) {
        Some(found) => found,
        None => {
            let end = item.find([':', ' ', '(', '—', '–']).unwrap_or(item.len());
            item.split_at(end)
        }
    };
    let purpose = purpose.trim_start_matches(|c: char| c.is_whitespace() || "*:-–—(".contains(c)).trim_end_matches(')');
    Some(Item { text: clean_path(path)?, purpose: purpose.trim().to_owned() })
}

fn clean_path(path: &str) -> Option<String> {
    let path = path.trim().trim_matches(['`', '"', '\'', '*']).trim_start_matches("./");
    (!path.is_empty() && !path.contains(['\n', '\r'])).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(items: &[Item]) -> Vec<&str> {
        items.iter().map(|item| item.text.as_str()).collect()
    }

    #[test]
    fn list_items() {
        for (answer, expected) in [
            ("1. One\n2. Two", &["One", "Two"][..]),
            ("1) One\n2) Two", &["One", "Two"]),
            ("- One\n* other list", &["other list"]),
            ("+ One\n+ Two", &["One", "Two"]),
            ("1. One\n1. Two\n1. Three", &["One", "Two", "Three"]),
            ("Intro\n\n1. One\n   - deeper\n   - deeper still\n2. Two\n\nBye", &["One - deeper - deeper still", "Two"]),
            ("1. One\ngoes on\n   and on\n2. Two", &["One goes on and on", "Two"]),
            ("1. One\n\n   second paragraph\n\n2. Two", &["One second paragraph", "Two"]),
            ("Thinking:\n- no\n- not these\n\nAnswer:\n\n1. One\n2. Two", &["One", "Two"]),
            ("1. One\n\nA paragraph at the margin.\n\n2. Two", &["One", "Two"]),
            ("  1. One\n  2. Two", &["One", "Two"]),
            ("- One\n\n```\n- not an item\n```\n", &["One"]),
            ("1. **Intro**: the start\n2. **End**", &["**Intro**: the start", "**End**"]),
            ("- - -\n***\nnothing", &[]),
            ("-no item\n1.no item\n2024 was a year", &[]),
            ("", &[]),
            ("99999999999. too long a number", &[]),
        ] {
            assert_eq!(texts(&list(answer)), expected, "{answer}");
        }
    }

    #[test]
    fn lines() {
        for (answer, expected) in [
            ("tests/a.py", Some("tests/a.py")),
            ("\n\n`tests/a.py`\nbecause", Some("tests/a.py")),
            ("```\ntests/a.py\n```", Some("tests/a.py")),
            ("**\"x\"**", Some("x")),
            ("  \n", None),
        ] {
            assert_eq!(line(answer).as_deref(), expected, "{answer}");
        }
    }

    #[test]
    fn files_and_purposes() {
        for (answer, expected) in [
            (r#"[{"file_name":"a.py","purpose":"create"}]"#, &[("a.py", "create")][..]),
            (
                "Sure!\n```json\n[{\"file_name\": \"./a.py\", \"purpose\": \"x\"}, {\"file\": \"b\"}]\n```",
                &[("a.py", "x"), ("b", "")],
            ),
            (r#"{"files": ["a", "b"]}"#, &[("a", ""), ("b", "")]),
            (r#"{"file_name": "a", "purpose": "p"}"#, &[("a", "p")]),
            (
                "Files [sic]: none\n1. `src/a.rs`: the store\n2. src/b.rs - the rest",
                &[("src/a.rs", "the store"), ("src/b.rs", "the rest")],
            ),
            ("- **a.md** (overview)", &[("a.md", "overview")]),
            ("no idea", &[]),
            ("[1, 2]", &[]),
        ] {
            let found = files(answer);
            let found: Vec<_> = found.iter().map(|item| (item.text.as_str(), item.purpose.as_str())).collect();
            assert_eq!(found, expected, "{answer}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(answer in "[-*+0-9.) \\n`~\\[\\]{}\":a-c]{0,80}") {
            line(&answer);
            list(&answer);
            files(&answer);
        }
    }
}
