//! `docs/configuration.md`: what people read is what the schema says. Run with `UPDATE_EXPECT=1` to write it anew.

use std::{fmt::Write as _, fs, path::PathBuf};

use expect_test::expect_file;
use serde_json::Value;

use crate::config::{Layer, options::RULES};

/// What stands above is written by hand.
const MARK: &str = "<!-- From here on, the page is written by a test, from the schema. -->\n";

#[test]
fn the_page_is_what_the_schema_says() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let page = fs::read_to_string(&path).unwrap();
    let (by_hand, _) = page.split_once(MARK).unwrap();
    expect_file![path].assert_eq(&format!("{by_hand}{MARK}{}", reference()));
}

fn reference() -> String {
    let mut text = String::new();
    let keys = RULES["properties"].as_object().unwrap();
    text.push_str("\n## At the top\n\n");
    rows(&mut text, keys.iter().filter(|(_, rule)| columns(rule).is_none()), true);
    for (key, rule) in keys {
        let Some((heading, columns)) = columns(rule).map(|columns| (heading(key, rule), columns)) else { continue };
        write!(text, "\n## `{heading}`\n\n{} Set by: {}.\n\n", sentence(rule), may_set(key)).unwrap();
        rows(&mut text, columns.iter(), false);
    }
    text
}

/// The keys of a table, of a list's tables, or of tables by name.
fn columns(rule: &Value) -> Option<&serde_json::Map<String, Value>> {
    let places = [&rule["properties"], &rule["items"]["properties"], &rule["additionalProperties"]["properties"]];
    places.into_iter().find_map(Value::as_object)
}

fn heading(key: &str, rule: &Value) -> String {
    if rule["items"].is_object() {
        return format!("[[{key}]]");
    }
    match (rule["additionalProperties"].is_object(), key) {
        (true, "models") => "[models.\"PROVIDER/MODEL\"]".to_owned(),
        (true, _) => format!("[{key}.NAME]"),
        (false, _) => format!("[{key}]"),
    }
}

fn rows<'a>(text: &mut String, keys: impl Iterator<Item = (&'a String, &'a Value)>, with_layers: bool) {
    text.push_str(if with_layers {
        "| key | takes | is | set by |\n| --- | --- | --- | --- |\n"
    } else {
        "| key | takes | is |\n| --- | --- | --- |\n"
    });
    for (key, rule) in keys {
        let layers = if with_layers { format!(" {} |", may_set(key)) } else { String::new() };
        let cell = |text: String| text.replace('|', "\\|").trim().to_owned();
        writeln!(text, "| `{key}` | {} | {} |{layers}", cell(takes(rule)), cell(sentence(rule))).unwrap();
    }
}

/// The description without what the column on who may set it says anyway, on one line.
fn sentence(rule: &Value) -> String {
    let text = rule["description"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    text.replace(" Only in the user's own file.", "")
}

fn takes(rule: &Value) -> String {
    let numbers = |rule: &Value| match (&rule["minimum"], &rule["maximum"]) {
        (Value::Null, _) | (_, Value::Null) => String::new(),
        (least, most) => format!(", {} to {}", trimmed(least), trimmed(most)),
    };
    if let Some(words) = rule["x-takes"].as_str() {
        return code(words);
    }
    if let Some(values) = rule["enum"].as_array() {
        return values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
    }
    match rule["type"].as_str() {
        Some("integer") => format!("a whole number{}", numbers(rule)),
        Some("number") => format!("a number{}", numbers(rule)),
        Some("boolean") => "`true`, `false`".to_owned(),
        Some("array") => "a list of texts".to_owned(),
        Some("object") => "a table".to_owned(),
        _ => "a text".to_owned(),
    }
}

/// Ends of ranges are written as they were meant, whatever their type.
fn trimmed(number: &Value) -> String {
    number.as_f64().map_or_else(|| number.to_string(), |number| format!("{number}"))
}

/// What stands behind "such as" is what to type.
fn code(words: &str) -> String {
    match words.split_once("such as ") {
        Some((before, sample))
            if !sample.contains("\", with") && !sample.contains(", without") && !sample.contains(" or ") =>
        {
            format!("{before}such as `{sample}`")
        }
        _ => words.to_owned(),
    }
}

fn may_set(key: &str) -> String {
    let layers = [(Layer::User, "you"), (Layer::Editor, "editor"), (Layer::Workspace, "workspace")];
    let allowed = layers.into_iter().filter(|(layer, _)| layer.may_set(key, "").is_ok()).map(|(_, name)| name);
    allowed.collect::<Vec<_>>().join(", ")
}
