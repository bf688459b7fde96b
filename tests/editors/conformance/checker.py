"""Checks what a server sent in a transcript: JSON-RPC, the types of the meta model, and what the editor declared.

Knows no editor beyond its declared capabilities, with one exception that is named below.
"""
CUSTOM = "stepwright/"
MAY_COME_EARLY = {"window/showMessage", "window/logMessage", "telemetry/event", "window/showMessageRequest", "$/progress"}
PROGRESS_TYPES = {"begin": "WorkDoneProgressBegin", "report": "WorkDoneProgressReport", "end": "WorkDoneProgressEnd"}


class Checker:
    def __init__(self, model):
        self.model = model
        self.problems = []
        self.line = 0
        self.editor = {}  # params of initialize
        self.initialized = False
        self.from_editor = {}  # requests without an answer, by id
        self.from_server = {}
        self.answered = set()  # ids of the editor's requests
        self.granted = set()  # progress tokens
        self.percentages = {}  # open progress: token -> whether its begin had a percentage

    def run(self, records):
        """Returns the problems, as texts with the transcript's line numbers."""
        for self.line, record in enumerate(records, 1):
            server = record.get("from") == "server"
            if server and "broken" in record:
                self.bad("frame", record["broken"])
            elif server:
                self.sent(record["message"])
            elif "message" in record:
                self.received(record["message"])
        self.line += 1
        for id_, method in self.from_editor.items():
            self.bad(method, f"request {id_} was never answered")
        for token in self.percentages:
            self.bad("$/progress", f"token {token!r} never ended")
        return self.problems

    def bad(self, what, why):
        self.problems.append(f"line {self.line}, {what}: {why}")

    def received(self, message):
        method, id_, params = message.get("method"), message.get("id"), message.get("params")
        if method == "initialize":
            self.editor = params
        if isinstance(params, dict):
            self.granted.update(params[key] for key in ("workDoneToken", "partialResultToken") if key in params)
        if method and id_ is not None:
            self.from_editor[id_] = method
        elif not method and (asked := self.from_server.pop(id_, None)):
            if asked["method"] == "window/workDoneProgress/create" and "error" not in message:
                self.granted.add(asked["params"]["token"])

    def sent(self, message):
        method = message.get("method")
        if message.get("jsonrpc") != "2.0":
            self.bad(method or "response", "jsonrpc is not 2.0")
        if unknown := set(message) - {"jsonrpc", "id", "method", "params", "result", "error"}:
            self.bad(method or "response", f"unknown keys {sorted(unknown)}")
        if method:
            self.asked_or_told(message, method)
        else:
            self.answered_with(message)

    def asked_or_told(self, message, method):
        if "id" in message:
            if message["id"] in self.from_server:
                self.bad(method, f"id {message['id']} is still in use")
            self.from_server[message["id"]] = message
        if method.startswith(CUSTOM):
            self.custom(method)
        elif method not in self.model.methods:
            self.bad(method, "no such method in the protocol")
        else:
            if not self.initialized and method not in MAY_COME_EARLY:
                self.bad(method, "sent before initialize was answered")
            errors = self.model.errors_in_params(method, message.get("params"))
            for error in errors:
                self.bad(method, error)
            if not errors:
                self.rules(method, message.get("params"))

    def custom(self, method):
        options = self.editor.get("initializationOptions") or {}
        own = options.get("stepwright") or options
        if not own.get("inputBox" if method == CUSTOM + "input" else "events"):
            self.bad(method, "the editor didn't ask for it")

    def rules(self, method, params):
        """What the types alone can't say."""
        match method:
            case "window/workDoneProgress/create":
                if not self.declared("window", "workDoneProgress"):
                    self.bad(method, "the editor has no window.workDoneProgress")
            case "window/showDocument":
                if not self.declared("window", "showDocument", "support"):
                    self.bad(method, "the editor has no window.showDocument")
            case "workspace/configuration":
                if not self.declared("workspace", "configuration"):
                    self.bad(method, "the editor has no workspace.configuration")
            case "$/progress":
                self.progress(params["token"], params["value"])
            case "workspace/applyEdit":
                if not self.declared("workspace", "applyEdit"):
                    self.bad(method, "the editor has no workspace.applyEdit")
                self.edit(method, params["edit"])

    def progress(self, token, value):
        kind = value.get("kind") if isinstance(value, dict) else None
        if kind not in PROGRESS_TYPES:
            return self.bad("$/progress", f"no work-done progress: {value}")
        for error in self.model.errors_in(PROGRESS_TYPES[kind], value):
            self.bad("$/progress", error)
        if token not in self.granted:
            self.bad("$/progress", f"token {token!r} was not granted")
        if (token in self.percentages) == (kind == "begin"):
            self.bad("$/progress", f"`{kind}` of a token that is {'open' if kind == 'begin' else 'not open'}")
        if kind == "begin":
            self.percentages[token] = "percentage" in value
        elif kind == "report" and self.percentages.get(token) != ("percentage" in value):
            self.bad("$/progress", "a percentage belongs in begin and every report, or nowhere")
        elif kind == "end":
            self.percentages.pop(token, None)

    def edit(self, method, edit):
        # Neovim 0.11 applies documentChanges, which it doesn't declare.
        undeclared_but_applied = (self.editor.get("clientInfo") or {}).get("name") == "Neovim"
        if "documentChanges" in edit and not self.declared("workspace", "workspaceEdit", "documentChanges"):
            if not undeclared_but_applied:
                self.bad(method, "the editor has no workspaceEdit.documentChanges")
        operations = self.declared("workspace", "workspaceEdit", "resourceOperations") or []
        for change in edit.get("documentChanges", []):
            if "kind" in change and change["kind"] not in operations:
                self.bad(method, f"the editor has no resource operation `{change['kind']}`")
            options = change.get("options") or {}
            if change.get("kind") == "create" and (not options.get("ignoreIfExists") or options.get("overwrite")):
                self.bad(method, "a create without ignoreIfExists empties an existing file in some editors")
        if "changeAnnotations" in edit and not self.declared("workspace", "workspaceEdit", "changeAnnotationSupport"):
            self.bad(method, "the editor has no changeAnnotationSupport")

    def declared(self, *path):
        value = self.editor.get("capabilities") or {}
        for key in path:
            value = value.get(key) or {} if isinstance(value, dict) else {}
        return value

    def answered_with(self, message):
        id_ = message.get("id")
        method = self.from_editor.pop(id_, None)
        if method is None:
            why = "twice" if id_ in self.answered else "but was never asked"
            return self.bad("response", f"id {id_} is answered {why}")
        self.answered.add(id_)
        name = f"answer to {method}"
        if ("result" in message) == ("error" in message):
            return self.bad(name, "exactly one of result and error is needed")
        if "error" in message:
            if not is_error(message["error"]):
                self.bad(name, f"no error with an integer code and a message: {message['error']}")
            return None
        self.initialized |= method == "initialize"
        for error in self.model.errors_in_result(method, message["result"]) if method in self.model.methods else []:
            self.bad(name, error)
        if method == "textDocument/codeAction":
            for action in message["result"] or []:
                self.edit(name, action.get("edit") or {})


def is_error(value):
    return isinstance(value, dict) and isinstance(value.get("code"), int) and isinstance(value.get("message"), str)
