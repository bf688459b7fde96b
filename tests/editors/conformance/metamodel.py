"""Checks JSON values against the types of the LSP meta model, objects closed. Knows nothing of the order of messages."""
import json

INT_LIMIT = 2**31
ANYTHING = {"LSPAny", "LSPObject", "LSPArray"}
SCALARS = {
    "string": lambda v: isinstance(v, str),
    "DocumentUri": lambda v: isinstance(v, str),
    "URI": lambda v: isinstance(v, str),
    "RegExp": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "integer": lambda v: is_integer(v) and -INT_LIMIT <= v < INT_LIMIT,
    "uinteger": lambda v: is_integer(v) and 0 <= v < INT_LIMIT,
    "decimal": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
}


def is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


class MetaModel:
    def __init__(self, path):
        model = json.loads(path.read_text())
        self.methods = {m["method"]: m for m in model["requests"] + model["notifications"]}
        self.structures = {s["name"]: s for s in model["structures"]}
        self.enumerations = {e["name"]: e for e in model["enumerations"]}
        self.aliases = {a["name"]: a["type"] for a in model["typeAliases"]}

    def errors_in_params(self, method, value):
        declared = self.methods[method].get("params")
        return self.errors(declared, value, "params") if declared or value is not None else []

    def errors_in_result(self, method, value):
        return self.errors(self.methods[method].get("result"), value, "result")

    def errors_in(self, name, value):
        """Checks the value as the structure of this name."""
        return self.named_errors(name, value, name)

    def errors(self, type_, value, path):
        """Returns what is wrong with the value, as texts that begin with its path."""
        match type_ and type_["kind"]:
            case None:
                return [f"{path}: nothing belongs here"]
            case "base":
                return [] if SCALARS[type_["name"]](value) else [f"{path}: no {type_['name']}: {shorten(value)}"]
            case "reference":
                return self.named_errors(type_["name"], value, path)
            case "array":
                return self.each(value, list, path, lambda: [(type_["element"], v, i) for i, v in enumerate(value)])
            case "tuple":
                fits = isinstance(value, list) and len(value) == len(type_["items"])
                pairs = zip(type_["items"], value) if fits else []
                return self.each(value if fits else None, list, path, lambda: [(t, v, i) for i, (t, v) in enumerate(pairs)])
            case "map":
                return self.each(value, dict, path, lambda: [(type_["value"], v, k) for k, v in value.items()])
            case "or":
                # Of the alternatives, the one that the value resembles most has its first error deepest inside.
                found = [self.errors(item, value, path) for item in type_["items"]]
                return [] if [] in found else max(found, key=lambda errors: errors[0].split(":")[0].count("/"))
            case "and":
                return self.object_errors([p for item in type_["items"] for p in self.properties(item["name"])], value, path)
            case "literal":
                return self.object_errors(type_["value"]["properties"], value, path)
            case _:  # stringLiteral, integerLiteral, booleanLiteral
                return [] if value == type_["value"] else [f"{path}: not {type_['value']!r}: {shorten(value)}"]

    def named_errors(self, name, value, path):
        if name in ANYTHING:
            return []
        if name in self.aliases:
            return self.errors(self.aliases[name], value, path)
        if name in self.structures:
            return self.object_errors(self.properties(name), value, path)
        enumeration = self.enumerations[name]
        known = [v["value"] for v in enumeration["values"]]
        if value in known or (enumeration.get("supportsCustomValues") and type(value) is type(known[0])):
            return []
        return [f"{path}: no {name}: {shorten(value)}"]

    def properties(self, name):
        structure = self.structures[name]
        parents = [p["name"] for p in structure.get("extends", []) + structure.get("mixins", [])]
        own = {p["name"] for p in structure["properties"]}
        inherited = [p for parent in parents for p in self.properties(parent) if p["name"] not in own]
        return inherited + structure["properties"]

    def object_errors(self, properties, value, path):
        if not isinstance(value, dict):
            return [f"{path}: no object: {shorten(value)}"]
        known = {p["name"]: p for p in properties}
        unknown = [f"{path}/{key}: unknown key" for key in value if key not in known]
        missing = [f"{path}/{key}: missing" for key, p in known.items() if key not in value and not p.get("optional")]
        inside = [e for key in value if key in known for e in self.errors(known[key]["type"], value[key], f"{path}/{key}")]
        return inside + unknown + missing

    def each(self, value, container, path, items):
        if not isinstance(value, container):
            return [f"{path}: no {container.__name__} of the right form: {shorten(value)}"]
        return [e for type_, item, key in items() for e in self.errors(type_, item, f"{path}/{key}")]


def shorten(value):
    return json.dumps(value)[:80]
