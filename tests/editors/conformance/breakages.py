"""Known ways to break a good transcript, each with the words by which the checker must report it."""
import copy


def method(name):
    return lambda message, _: message.get("method") == name


def progress(kind):
    return lambda message, _: message.get("method") == "$/progress" and message["params"]["value"]["kind"] == kind


def answer_to(name):
    return lambda message, asked: "method" not in message and asked.get(message.get("id")) == name


def put(*path_and_value):
    *path, last, value = path_and_value

    def change(records, i):
        target = records[i]["message"]
        for key in path:
            target = target[key]
        target[last] = value

    return change


def leave_out(records, i):
    del records[i]


def repeat(records, i):
    records.insert(i, records[i])


def break_frame(records, i):
    records[i] = {"from": "server", "broken": "no frame"}


def undeclare(*path):
    *path, last = path

    def change(records, _):
        target = next(r["message"] for r in records if r.get("message", {}).get("method") == "initialize")["params"]["capabilities"]
        for key in path:
            target = target[key]
        target[last] = None

    return change


def delete_undeclared(records, i):
    undeclare("workspace", "workspaceEdit", "resourceOperations")(records, i)
    put("params", "edit", {"documentChanges": [{"kind": "delete", "uri": "file:///x"}]})(records, i)


def toggle_percentage(records, i):
    value = records[i]["message"]["params"]["value"]
    if value.pop("percentage", None) is None:
        value["percentage"] = 5


EDIT = method("workspace/applyEdit")
CREATE = {"kind": "create", "uri": "file:///x"}
BREAKAGES = {
    "a frame that is none": (method("window/showMessage"), break_frame, "frame"),
    "another version of JSON-RPC": (EDIT, put("jsonrpc", "1.0"), "jsonrpc"),
    "an unknown key": (answer_to("initialize"), put("result", "surprise", 1), "surprise: unknown key"),
    "null for what may only be left out": (answer_to("initialize"), put("result", "serverInfo", None), "serverInfo: no object"),
    "a wrong type": (EDIT, put("params", "label", 7), "label: no string"),
    "a missing key": (method("window/showMessage"), put("params", {"type": 1}), "message: missing"),
    "an unknown method": (method("window/showMessage"), put("method", "window/shout"), "no such method"),
    "a custom method that nobody asked for": (method("window/showMessage"), put("method", "stepwright/step"), "ask for it"),
    "two answers": (answer_to("textDocument/codeAction"), repeat, "twice"),
    "no answer": (answer_to("textDocument/codeAction"), leave_out, "never answered"),
    "result and error": (answer_to("textDocument/codeAction"), put("error", {"code": 1, "message": "x"}), "exactly one"),
    "an edit that the editor can't apply": (EDIT, undeclare("workspace", "applyEdit"), "no workspace.applyEdit"),
    "an operation that the editor can't do": (EDIT, delete_undeclared, "no resource operation"),
    "a create that may empty a file": (EDIT, put("params", "edit", {"documentChanges": [CREATE]}), "ignoreIfExists"),
    "progress with a token of its own": (progress("begin"), put("params", "token", "stray"), "not granted"),
    "progress without a title": (progress("begin"), put("params", "value", {"kind": "begin"}), "title: missing"),
    "progress that ends twice": (progress("end"), repeat, "not open"),
    "progress that never ends": (progress("end"), leave_out, "never ended"),
    "a percentage once": (progress("report"), toggle_percentage, "a percentage belongs"),
}


def broken(records, matches, change):
    """Returns a copy of the transcript with the first matching message of the server broken, or None without such a message."""
    asked = {}
    for i, record in enumerate(records):
        message = record.get("message", {})
        if record.get("from") == "editor" and "method" in message and "id" in message:
            asked[message["id"]] = message["method"]
        if record.get("from") == "server" and "message" in record and matches(message, asked):
            records = copy.deepcopy(records)
            change(records, i)
            return records
    return None
