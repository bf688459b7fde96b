"""Plays scenarios in a real Emacs, in batch mode with Eglot and with lsp-mode, and says which of them went as expected."""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "neovim"))
import expect  # noqa: E402
import run  # noqa: E402
import session  # noqa: E402

CLIENTS = ["eglot", "lsp-mode"]
END_DEADLINE_S = 20  # of the server, once it was told to exit


def play(name, client, scenario, stepwright, out):
    """Runs the scenario in a scratch folder with its own home; keeps what was seen in the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="stepwright-") as folder:
        scratch = pathlib.Path(folder).resolve()
        workspace = scratch / "workspace"
        session.write_files(workspace, scenario.get("files", {}))
        subprocess.run(["git", "init", "-q", workspace], check=True)
        transcript = out / f"{name}.transcript.jsonl"
        environment = session.make_environment(scratch, stepwright, transcript)
        (scratch / "home").mkdir()
        # Emacs kills the process group of a server as soon as it has sent `exit`; the recorder has to outlive that.
        recorder = scratch / "bin" / "recorder"
        (scratch / "bin" / "stepwright").rename(recorder)
        shim = scratch / "bin" / "stepwright"
        shim.write_text(f'#!/bin/sh\nexec setsid --wait {recorder} "$@"\n')
        shim.chmod(0o755)
        printed = subprocess.run(
            [stepwright, "editor", "emacs"], env=environment, capture_output=True, text=True, check=True, timeout=session.STEP_DEADLINE_S
        )
        configuration = scratch / "pasted.el"
        # The recorder stands where the program would be.
        configuration.write_text(printed.stdout.replace(str(stepwright), str(scratch / "bin" / "stepwright")))
        (scratch / "config.toml").write_text(session.replay_config(scratch, scenario))
        driven = {"client": client, "open": scenario["open"], "steps": scenario["do"], "deadline_s": session.STEP_DEADLINE_S}
        (scratch / "scenario.json").write_text(json.dumps(driven))
        environment.update(SCENARIO_CONFIGURATION=str(configuration), WORKSPACE=str(workspace))
        command = ["emacs", "--batch", "-l", HERE / "drive.el"]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, cwd=workspace, env=environment, text=True, **pipes) as emacs:
            try:
                printed, errors = emacs.communicate(timeout=session.SESSION_DEADLINE_S)
            except subprocess.TimeoutExpired:
                emacs.kill()
                printed, errors = emacs.communicate()
        (out / f"{name}.observations.jsonl").write_text(printed)
        (out / f"{name}.log").write_text(errors)
        observations = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
        deadline = time.monotonic() + END_DEADLINE_S
        while session.exit_in(transcript) is None and time.monotonic() < deadline:
            time.sleep(0.05)
        return session.Seen(emacs.returncode, observations, session.read_files(workspace), session.exit_in(transcript), errors)


def test(path, client, stepwright, out):
    started = time.monotonic()
    scenario = run.read_scenario(path)
    name = f"{path.stem}.{client}"
    seen = play(name, client, scenario, stepwright, out)
    # Eglot 1.9 takes no progress, so there a run's end is its message.
    scenario["expect"].setdefault("runs", sum(p["kind"] == "end" for p in seen.of("progress")))
    problems = list(expect.problems(scenario, seen))
    asked = scenario["expect"].get("questions")
    if client == "eglot" and asked is not None and len(seen.of("question")) != asked:
        problems.append(f"{len(seen.of('question'))} questions, expected {asked}: {seen.of('question')}")
    if problems:
        problems.append(f"see {out / name}.*")
    return run.report(f"{name}: {scenario['about']} ({time.monotonic() - started:.1f} s)", problems)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stepwright", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path, help="what is kept of each session")
    parser.add_argument("scenario", nargs="*", help="names of files in scenarios/, all when none is given")
    options = parser.parse_args()
    paths = [HERE / "scenarios" / f"{name}.toml" for name in options.scenario] or sorted((HERE / "scenarios").glob("*.toml"))
    plays = [(path, client) for path in paths for client in run.read_scenario(path).get("clients", CLIENTS)]
    results = [test(path, client, options.stepwright.resolve(), options.out.resolve()) for path, client in plays]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
