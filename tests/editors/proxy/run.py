"""A LiteLLM proxy in front of a real, tiny model, both on loopback: both of its ends, OpenAI's and Anthropic's, with its key and with a wrong one.

Asserts shapes only, as the tests of the model itself do.
"""
import argparse
import contextlib
import json
import os
import pathlib
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "model"))
import headless  # noqa: E402

START_DEADLINE_S = 300
KEY_VARIABLE = "PROXY_KEY"
# Anthropic's wire needs a limit, and the model ends by itself at the end of its context at the earliest.
ANSWER_TOKENS = 256
# Each end's wire -> what its address ends with.
ENDS = {"openai": "/v1", "anthropic": ""}


@contextlib.contextmanager
def proxy(python, model, key, log):
    """Serves the model at this address to whoever has the key, and yields the proxy's own address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="stepwright-proxy-") as folder, log.open("w") as output:
        config = pathlib.Path(folder) / "config.yaml"
        parameters = {"model": "openai/tiny", "api_base": f"{model}/v1", "api_key": "none"}
        # JSON is YAML.
        config.write_text(json.dumps({"model_list": [{"model_name": "tiny", "litellm_params": parameters}]}))
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "LITELLM_MASTER_KEY": key,
            # Otherwise it asks the internet for the prices of models.
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
        command = [pathlib.Path(python).parent / "litellm", "--config", config, "--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"]
        with subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output) as server:
            try:
                address = f"http://127.0.0.1:{port}"
                wait_until_ready(server, f"{address}/health/liveliness", log)
                yield address
            finally:
                server.kill()


def wait_until_ready(server, page, log):
    deadline = time.monotonic() + START_DEADLINE_S
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError, urllib.error.URLError):
            urllib.request.urlopen(page, timeout=5).close()
            return
        time.sleep(0.2)
    sys.exit(f"the proxy wasn't ready within {START_DEADLINE_S} s, see {log}")


def configuration(address, wire):
    return headless.configuration(address, wire, KEY_VARIABLE) + f'[models."local/tiny"]\nmax-output-tokens = {ANSWER_TOKENS}\n'


def events(out, name, kind):
    return [event for event in map(json.loads, (out / f"{name}.jsonl").read_text().splitlines()) if event["type"] == kind]


def answered(wire, workflow, stepwright, address, key, out):
    """Yields what is wrong with a run through the proxy."""
    name, config = f"{workflow}-{wire}", configuration(address, wire)
    yield from headless.play(name, [workflow, *headless.RUNS[workflow]], stepwright, config, out, {KEY_VARIABLE: key})
    if not any(event["text"].strip() for event in events(out, name, "text")):
        yield "it must stream text"
    if not any(event["input_tokens"] and event["output_tokens"] for event in events(out, name, "usage")):
        yield "it must tell what was used"
    if key in (out / f"{name}.jsonl").read_text() + (out / f"{name}.log").read_text():
        yield "it shows the key"


def refused(wire, stepwright, address, out):
    """Yields what is wrong with a run whose key the proxy doesn't know."""
    name, config = f"wrong-key-{wire}", configuration(address, wire)
    key = f"sk-{secrets.token_hex(16)}"
    yield from headless.play(name, ["chat", *headless.RUNS["chat"]], stepwright, config, out, {KEY_VARIABLE: key})
    (end,) = events(out, name, "end")
    if end["status"] != "error" or KEY_VARIABLE not in end["summary"] or "local/tiny" not in end["summary"]:
        yield f"it must fail and name the model and where its key comes from: {end}"
    if key in (out / f"{name}.jsonl").read_text() + (out / f"{name}.log").read_text():
        yield "it shows the key"


def healthy(wire, stepwright, address, key, out):
    """Yields what is wrong with what `stepwright doctor` says about the proxy."""
    with headless.machine(configuration(address, wire), {KEY_VARIABLE: key}) as (workspace, environment):
        said = headless.stepwright_says([stepwright, "doctor"], workspace, environment)
    (out / f"doctor-{wire}.txt").write_text(said.stdout + said.stderr)
    if said.returncode != 0 or "lists 1 model" not in said.stdout or key in said.stdout + said.stderr:
        yield f"it must be healthy and list the model: {said.stdout}{said.stderr}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stepwright", required=True, type=pathlib.Path)
    parser.add_argument("--model-python", required=True, help="the interpreter of the environment with the model and its server")
    parser.add_argument("--proxy-python", required=True, help="the interpreter of the environment with the proxy")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="what is kept of each run")
    options = parser.parse_args()
    stepwright, out = options.stepwright.resolve(), options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    key, results = f"sk-{secrets.token_hex(16)}", []
    with (
        headless.model_server(options.model_python) as model,
        proxy(options.proxy_python, model, key, out / "proxy.log") as address,
    ):
        for wire, path in ENDS.items():
            end = address + path
            tests = {
                "doctor: finds the model behind the proxy": healthy(wire, stepwright, end, key, out),
                "chat": answered(wire, "chat", stepwright, end, key, out),
                "write": answered(wire, "write", stepwright, end, key, out),
                "chat: a wrong key is named and not shown": refused(wire, stepwright, end, out),
            }
            for title, problems in tests.items():
                results.append(headless.neovim.report(f"{wire}: {title}", list(problems)))
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
