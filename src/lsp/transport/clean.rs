//! Mends parameters that real clients send and the protocol types refuse.
//!
//! Only what is wrong goes: everything else reaches the handler as it was sent. What can't be mended is left for the service
//! to refuse.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use serde_path_to_error::{Path, Segment};
use tower_lsp::lsp_types::{CodeActionParams, ExecuteCommandParams, InitializeParams};
use tracing::warn;

/// A client with more wrong values than this is refused.
const MAX_PRUNED: usize = 1000;

pub fn clean(method: &str, params: Option<Value>) -> Option<Value> {
    match method {
        // They take nothing; some clients send `null` or `{}` nevertheless.
        "shutdown" | "exit" | "stepwright/choices" | "stepwright/model" => None,
        "initialized" => Some(json!({})),
        // `null`, or nothing, stands for "ask me".
        "workspace/didChangeConfiguration" => {
            let mut fields = object(params);
            fields.entry("settings").or_insert(Value::Null);
            Some(fields.into())
        }
        "initialize" => {
            let mut fields = object(params);
            fields
                .entry("capabilities")
                .and_modify(|it| *it = object(Some(it.take())).into())
                .or_insert_with(|| json!({}));
            Some(prune::<InitializeParams>(fields.into()))
        }
        "textDocument/codeAction" => {
            let mut fields = object(params);
            let mut context = object(fields.remove("context"));
            if !context.get("diagnostics").is_some_and(Value::is_array) {
                context.insert("diagnostics".into(), json!([]));
            }
            fields.insert("context".into(), context.into());
            Some(prune::<CodeActionParams>(fields.into()))
        }
        "workspace/executeCommand" => params.map(prune::<ExecuteCommandParams>),
        _ => params,
    }
}

fn object(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// Removes the values that keep `params` from being a `T`, one by one: the error says where, and the smallest part that
/// holds it goes.
fn prune<T: DeserializeOwned>(mut params: Value) -> Value {
    for _ in 0..MAX_PRUNED {
        let Err(error) = serde_path_to_error::deserialize::<_, T>(&params) else { break };
        if !remove(&mut params, error.path()) {
            break;
        }
        warn!("ignored `{}` of the client's parameters: {}", error.path(), error.inner());
    }
    params
}

/// Removes what is at `path`, as far as that names a place in `value`; false when nothing but the whole is left.
fn remove(value: &mut Value, path: &Path) -> bool {
    let places: Vec<_> = path.iter().take_while(|it| matches!(it, Segment::Map { .. } | Segment::Seq { .. })).collect();
    let Some((last, parents)) = places.split_last() else { return false };
    let parent = parents.iter().try_fold(value, |value, place| match place {
        Segment::Map { key } => value.get_mut(key),
        Segment::Seq { index } => value.get_mut(index),
        _ => None,
    });
    match (parent, last) {
        (Some(Value::Object(fields)), Segment::Map { key }) => fields.remove(key).is_some(),
        (Some(Value::Array(items)), Segment::Seq { index }) if *index < items.len() => {
            items.remove(*index);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_mended() {
        const CODE_ACTION: &str = "textDocument/codeAction";
        let range = json!({"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}});
        let at = |context: Value| json!({"textDocument": {"uri": "file:///a"}, "range": range, "context": context});
        let diagnostic = json!({"range": range, "message": "m"});
        let odd = json!({"range": range, "message": "m", "codeDescription": {"href": ""}});
        let client = json!({"name": "X"});
        let cases = [
            ("shutdown", Value::Null, None),
            ("exit", json!({}), None),
            ("initialized", Value::Null, Some(json!({}))),
            ("workspace/didChangeConfiguration", Value::Null, Some(json!({"settings": null}))),
            ("workspace/didChangeConfiguration", json!({"settings": 1}), Some(json!({"settings": 1}))),
            ("initialize", Value::Null, Some(json!({"capabilities": {}}))),
            ("initialize", json!([1]), Some(json!({"capabilities": {}}))),
            ("initialize", json!({"capabilities": null}), Some(json!({"capabilities": {}}))),
            (
                "initialize",
                json!({"processId": -1, "trace": "compact", "rootUri": "/tmp", "capabilities": {}, "rootPath": "/tmp"}),
                Some(json!({"capabilities": {}, "rootPath": "/tmp"})),
            ),
            (
                "initialize",
                json!({"capabilities": {}, "clientInfo": {"name": "X", "version": 3}, "workspaceFolders": [
                    {"uri": "file:///a", "name": "a"}, {"uri": "b", "name": "b"}, 7]}),
                Some(json!({"capabilities": {}, "clientInfo": client, "workspaceFolders": [
                    {"uri": "file:///a", "name": "a"}]})),
            ),
            (
                "initialize",
                json!({"capabilities": {"workspace": {"applyEdit": "yes", "workspaceEdit": {
                    "documentChanges": true, "resourceOperations": ["create", "teleport"], "failureHandling": "magic"}},
                    "general": {"positionEncodings": ["utf-64", "utf-8"]}, "window": 5, "unknown": {"a": [1]}}}),
                Some(json!({"capabilities": {"workspace": {"workspaceEdit": {
                    "documentChanges": true, "resourceOperations": ["create"]}},
                    "general": {"positionEncodings": ["utf-64", "utf-8"]}, "unknown": {"a": [1]}}})),
            ),
            (CODE_ACTION, at(json!({"diagnostics": null})), Some(at(json!({"diagnostics": []})))),
            (
                CODE_ACTION,
                at(json!({"diagnostics": [], "only": "refactor", "triggerKind": "auto"})),
                Some(at(json!({"diagnostics": []}))),
            ),
            (CODE_ACTION, at(json!({"diagnostics": [odd, 1]})), Some(at(json!({"diagnostics": [diagnostic]})))),
            ("workspace/executeCommand", json!({"command": "c", "arguments": null}), Some(json!({"command": "c"}))),
            ("textDocument/hover", json!({"left": "alone"}), Some(json!({"left": "alone"}))),
        ];
        for (method, params, expected) in cases {
            assert_eq!(clean(method, Some(params.clone())), expected, "{method} {params}");
        }
    }

    #[test]
    fn what_is_right_stays_the_same() {
        let params = json!({"processId": 1, "capabilities": {"window": {"workDoneProgress": true}}, "trace": "off"});
        assert_eq!(clean("initialize", Some(params.clone())), Some(params));
    }
}
