"""Checks transcripts of real editors against the LSP meta model, one test each; then breaks good ones, and finds every breakage."""
import json
import pathlib
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from breakages import BREAKAGES, broken  # noqa: E402
from checker import Checker  # noqa: E402
from metamodel import MetaModel  # noqa: E402


def test(name, problems):
    print(f"{'FAIL' if problems else 'ok  '} {name}", flush=True)
    for problem in problems:
        print(f"       {problem}", flush=True)
    return not problems


def missed(model, transcripts, matches, change, words):
    """Returns why the checker can't be trusted to find this breakage; nothing when it finds it."""
    copies = (broken(records, matches, change) for records in transcripts)
    records = next((c for c in copies if c), None)
    if records is None:
        return ["no transcript has a message to break"]
    found = Checker(model).run(records)
    return [] if any(words in problem for problem in found) else [f"not found, only {found}"]


def main():
    paths = [pathlib.Path(argument) for argument in sys.argv[1:]]
    if not paths:
        sys.exit("usage: validate.py TRANSCRIPT...")
    model = MetaModel(HERE / "metaModel.json")
    transcripts = [[json.loads(line) for line in path.read_text().splitlines()] for path in paths]
    results = [test(path.name, Checker(model).run(records)) for path, records in zip(paths, transcripts)]
    results += [test(f"finds {name}", missed(model, transcripts, *breakage)) for name, breakage in BREAKAGES.items()]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
