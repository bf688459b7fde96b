"""Plays one scenario in a real headless Neovim, in a scratch folder with its own home, and returns what was seen.

Knows how the programs are started and what they leave behind; refuses to know what is right.
"""
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent
PLUGIN = HERE.parent.parent.parent / "editors" / "neovim"
RECORDER = HERE.parent / "conformance" / "record.py"
STEP_DEADLINE_S = 30
SESSION_DEADLINE_S = 900


@dataclass
class Seen:
    """What one session left behind."""

    status: int  # of Neovim
    observations: list  # {"kind", "v"}, in order
    disk: dict  # path in the workspace -> text, after everything was saved
    server_exit: object  # the server's exit status, None when it didn't end by itself
    errors: str  # Neovim's standard error and its log of the language server

    def of(self, kind):
        return [o["v"] for o in self.observations if o["kind"] == kind]


def play(name, scenario, stepwright, neovim, out, config=None):
    """Runs the scenario; keeps observations, logs, transcript and the saved workspace in the folder `out`.

    `config` is the user's configuration file; by default one that makes the scenario's replies the model's.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="stepwright-") as folder:
        scratch = pathlib.Path(folder).resolve()
        workspace = scratch / "workspace"
        write_files(workspace, scenario.get("files", {}))
        subprocess.run(["git", "init", "-q", workspace], check=True)
        environment = make_environment(scratch, stepwright, out / f"{name}.transcript.jsonl")
        printed = subprocess.run(
            [stepwright, "editor", "neovim"], env=environment, capture_output=True, text=True, check=True, timeout=STEP_DEADLINE_S
        )
        # It names this very binary unless that is on the PATH; either way it is the recorded one that starts.
        recorded = printed.stdout.replace(str(stepwright), str(scratch / "bin" / "stepwright"))
        (scratch / "pasted.lua").write_text(recorded)
        if scenario.get("plugin"):
            # A copy, since the index of its help is written beside it.
            environment["SCENARIO_PLUGIN"] = str(shutil.copytree(PLUGIN, scratch / "plugin"))
        (scratch / "config.toml").write_text(config or replay_config(scratch, scenario))
        driven = {"open": scenario["open"], "steps": scenario["do"], "deadline_s": scenario.get("deadline_s", STEP_DEADLINE_S)}
        (scratch / "scenario.json").write_text(json.dumps(driven).replace("${workspace}", workspace.as_uri()))
        status, observations, errors = run_neovim(neovim, workspace, environment)
        (out / f"{name}.observations.jsonl").write_text(observations)
        (out / f"{name}.log").write_text(errors)
        return Seen(
            status,
            [json.loads(line) for line in observations.splitlines() if line.startswith("{")],
            read_files(workspace),
            exit_in(out / f"{name}.transcript.jsonl"),
            errors,
        )


def write_files(workspace, files):
    workspace.mkdir()
    for path, text in files.items():
        target = workspace / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def read_files(workspace):
    paths = (p for p in sorted(workspace.rglob("*")) if p.is_file() and ".git" not in p.relative_to(workspace).parts)
    return {p.relative_to(workspace).as_posix(): p.read_bytes().decode(errors="replace") for p in paths}


def make_environment(scratch, stepwright, transcript):
    """A clean environment: no key and no configuration of the person who runs the tests, and `stepwright` is recorded."""
    programs = scratch / "bin"
    programs.mkdir()
    transcript.unlink(missing_ok=True)
    recorded = [sys.executable, str(RECORDER), str(transcript), str(stepwright)]
    shim = programs / "stepwright"
    shim.write_text(f'#!/bin/sh\nexec {shlex.join(recorded)} "$@"\n')
    shim.chmod(0o755)
    folders = {f"XDG_{kind}_HOME": str(scratch / "xdg" / kind.lower()) for kind in ("CONFIG", "DATA", "STATE", "CACHE")}
    return {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(scratch / "home"),
        "LANG": "C.UTF-8",
        "STEPWRIGHT_CONFIG": str(scratch / "config.toml"),
        "SCENARIO": str(scratch / "scenario.json"),
        "SCENARIO_CONFIGURATION": str(scratch / "pasted.lua"),
        **folders,
    }


def replay_config(scratch, scenario):
    replies = scratch / "replay.json"
    replies.write_text(json.dumps(scenario.get("replies", [])))
    return f"""\
[roles]
main = "replay/any"
fast = "replay/any"
[providers.replay]
wire = "replay"
path = {json.dumps(str(replies))}
{scenario.get("config", "")}"""


def run_neovim(neovim, workspace, environment):
    command = [neovim, "--headless", "--clean", "-u", HERE / "init.lua", "-c", f"luafile {HERE / 'drive.lua'}"]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=workspace, env=environment, text=True, **pipes) as process:
        try:
            observations, errors = process.communicate(timeout=SESSION_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            observations, errors = process.communicate()
            errors += f"\nkilled after {SESSION_DEADLINE_S} s"
    log = pathlib.Path(environment["XDG_STATE_HOME"]) / "nvim" / "lsp.log"
    return process.returncode, observations, errors + (log.read_text() if log.exists() else "")


def exit_in(transcript):
    if not transcript.exists():
        return None
    lines = transcript.read_text().splitlines()
    return json.loads(lines[-1]).get("exit") if lines else None
