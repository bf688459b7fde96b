//! One shape for what was written, in TOML or JSON: values with the lines they stand on. Knows no key.

use toml::de::{DeInteger, DeTable, DeValue};

use super::Problem;

/// A value as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// 1-based; `None` where there are no lines.
    pub line: Option<u32>,
    pub node: Node,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// JSON's way to leave a setting alone.
    Null,
    Boolean(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    Date(String),
    List(Vec<Tree>),
    Table(Vec<Entry>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub key: String,
    /// The key's own line.
    pub line: Option<u32>,
    pub value: Tree,
}

/// Parses a file. The parser limits depth itself, so the recursion here is bounded too.
pub fn from_toml(text: &str) -> Result<Tree, Problem> {
    let lines = Lines::of(text);
    match DeTable::parse(text) {
        Ok(table) => Ok(Tree { line: Some(1), node: table_node(table.get_ref(), &lines) }),
        Err(error) => Err(Problem {
            line: Some(error.span().map_or(1, |span| lines.at(span.start))),
            message: format!("failed to read this file as TOML, so all of it is ignored: {}", error.message()),
        }),
    }
}

/// Takes over an editor's settings.
pub fn from_json(value: &serde_json::Value) -> Tree {
    use serde_json::Value;
    let node = match value {
        Value::Null => Node::Null,
        Value::Bool(value) => Node::Boolean(*value),
        Value::Number(number) => match number.as_i128() {
            Some(integer) => Node::Integer(integer),
            None => Node::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Node::Text(text.clone()),
        Value::Array(items) => Node::List(items.iter().map(from_json).collect()),
        Value::Object(entries) => Node::Table(
            entries
                .iter()
                .map(|(key, value)| Entry { key: key.clone(), line: None, value: from_json(value) })
                .collect(),
        ),
    };
    Tree { line: None, node }
}

fn table_node(table: &DeTable<'_>, lines: &Lines) -> Node {
    let entries = table.iter().map(|(key, value)| Entry {
        key: key.get_ref().to_string(),
        line: Some(lines.at(key.span().start)),
        value: tree(value.get_ref(), lines.at(value.span().start), lines),
    });
    Node::Table(entries.collect())
}

fn tree(value: &DeValue<'_>, line: u32, lines: &Lines) -> Tree {
    let node = match value {
        DeValue::String(text) => Node::Text(text.to_string()),
        DeValue::Integer(integer) => Node::Integer(whole(integer)),
        DeValue::Float(float) => Node::Float(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => Node::Boolean(*value),
        DeValue::Datetime(date) => Node::Date(date.to_string()),
        DeValue::Array(items) => {
            Node::List(items.iter().map(|item| tree(item.get_ref(), lines.at(item.span().start), lines)).collect())
        }
        DeValue::Table(table) => table_node(table, lines),
    };
    Tree { line: Some(line), node }
}

/// A number too long for us is out of every range that we have.
fn whole(integer: &DeInteger<'_>) -> i128 {
    i128::from_str_radix(integer.as_str(), integer.radix()).unwrap_or(i128::MAX)
}

/// Where lines begin, in bytes.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let after_breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self(after_breaks.collect())
    }

    fn at(&self, offset: usize) -> u32 {
        let breaks_before = self.0.partition_point(|&start| start <= offset);
        u32::try_from(breaks_before + 1).unwrap_or(u32::MAX)
    }
}
