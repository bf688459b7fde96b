//! Text with `{{variables}}`. No conditions and no expressions: what needs one is a verb, or an option of a verb.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write, sync::Arc};

use schemars::JsonSchema;
use serde::Deserialize;

/// A text with variables, as the workflow file has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Template(pub String);

/// What a variable holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(String),
    List(Vec<Item>),
    /// A workspace-relative path. A prompt that names it brings the file's text along.
    File(String),
    Files(Vec<Item>),
}

/// One element of a list; `purpose` is said of files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    pub text: String,
    pub purpose: String,
}

/// The variables in sight of a step. Fields are variables with a dot in the name: `page.number`.
#[derive(Clone, Debug, Default)]
pub struct Vars {
    own: BTreeMap<String, Value>,
    /// Shared, because a thousand files mean a thousand scopes.
    outer: Option<Arc<Vars>>,
}

impl Vars {
    /// An inner scope, which sees what `outer` holds now.
    pub fn inside(outer: &Arc<Vars>) -> Self {
        Self { own: BTreeMap::new(), outer: Some(outer.clone()) }
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.own.get(name).or_else(|| self.outer.as_ref()?.get(name))
    }

    pub fn set(&mut self, name: impl Into<String>, value: Value) {
        self.own.insert(name.into(), value);
    }

    pub fn extend(&mut self, other: &Vars) {
        self.own.extend(other.own.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
}

impl Template {
    /// The names it uses, in order; `None` for an opening brace pair without its end.
    pub fn names(&self) -> impl Iterator<Item = Option<&str>> {
        self.pieces().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Name(name) => Some(Some(name)),
            Piece::Unclosed => Some(None),
        })
    }

    pub fn mentions(&self, name: &str) -> bool {
        self.names().any(|found| found == Some(name))
    }

    /// Puts the values in. A missing variable is an error that names it, never an empty text.
    pub fn render(&self, vars: &Vars) -> Result<String, String> {
        let mut out = String::with_capacity(self.0.len());
        for piece in self.pieces() {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Unclosed => return Err("a `{{` has no `}}`".to_owned()),
                Piece::Name(name) => match vars.get(name) {
                    Some(value) => out.push_str(&value.text()),
                    None => return Err(format!("there is no variable `{name}` here")),
                },
            }
        }
        Ok(out)
    }

    fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let mut rest = self.0.as_str();
        let mut next = None;
        std::iter::from_fn(move || {
            if let Some(piece) = next.take() {
                return Some(piece);
            }
            if rest.is_empty() {
                return None;
            }
            let Some((before, after)) = rest.split_once("{{") else {
                return Some(Piece::Text(std::mem::take(&mut rest)));
            };
            let piece = match after.split_once("}}") {
                Some((name, tail)) => {
                    rest = tail;
                    Piece::Name(name.trim())
                }
                None => {
                    rest = "";
                    Piece::Unclosed
                }
            };
            if before.is_empty() {
                return Some(piece);
            }
            next = Some(piece);
            Some(Piece::Text(before))
        })
    }
}

impl From<&str> for Template {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl JsonSchema for Template {
    fn schema_name() -> Cow<'static, str> {
        "Template".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "Text with {{variables}}." })
    }
}

impl Value {
    /// As it stands in a prompt: files in one line, a list as a numbered one.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => text.into(),
            Self::List(items) | Self::Files(items) if items.is_empty() => "none".into(),
            Self::File(name) => name.into(),
            Self::Files(items) => items.iter().map(|item| item.text.as_str()).collect::<Vec<_>>().join(", ").into(),
            Self::List(items) => items
                .iter()
                .enumerate()
                .fold(String::new(), |mut out, (i, item)| {
                    let _ = write!(out, "{}{}. {}", if i == 0 { "" } else { "\n" }, i + 1, item.text);
                    out
                })
                .into(),
        }
    }
}

impl Item {
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), purpose: String::new() }
    }
}

enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
    Unclosed,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars() -> Vars {
        let items = |texts: &[&str]| texts.iter().map(|text| Item::new(*text)).collect();
        let mut outer = Vars::default();
        outer.set("who", Value::Text("{{you}}".to_owned()));
        outer.set("files", Value::Files(items(&["a.py", "b/c.py"])));
        outer.set("page.number", Value::Text("1".to_owned()));
        let mut vars = Vars::inside(&Arc::new(outer));
        vars.set("page.number", Value::Text("2".to_owned()));
        vars.set("pages", Value::List(items(&["The start", "The end"])));
        vars.set("none", Value::List(items(&[])));
        vars
    }

    #[test]
    fn values_go_in_and_mistakes_are_named() {
        for (template, expected) in [
            ("", Ok("")),
            ("plain } { }}", Ok("plain } { }}")),
            ("a {{who}} b", Ok("a {{you}} b")), // a value is never read as a template
            ("{{ page.number }}{{page.number}}", Ok("22")),
            ("Files: {{files}}", Ok("Files: a.py, b/c.py")),
            ("{{pages}}", Ok("1. The start\n2. The end")),
            ("{{none}}", Ok("none")),
            ("{{nobody}}", Err("there is no variable `nobody` here")),
            ("x {{who", Err("a `{{` has no `}}`")),
        ] {
            let result = Template::from(template).render(&vars());
            assert_eq!(result.as_deref().map_err(String::as_str), expected, "{template}");
        }
    }
}
