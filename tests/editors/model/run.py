"""The whole main job with a real, tiny model on loopback, in Neovim and without an editor.

Asserts shapes only: how a run ends, what is never written. The model's answers are poor and its speed is unsteady. In Neovim a grammar
holds its answers to one block of Python, so that the job comes to its good end whatever a prompt's wording does to so small a model;
without an editor it says what it likes, and a run may as well end with an error that says why. At last nothing is configured, and the
server has to be found.
"""
import argparse
import pathlib
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import headless  # noqa: E402
from headless import neovim  # noqa: E402


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
    with headless.model_server(options.model_python, "--grammar", HERE / "python-block.gbnf") as address:
        config = headless.configuration(f"{address}/v1")
        results.append(neovim.test(HERE / "write-tests.toml", stepwright, options.neovim, out, config))
    with headless.model_server(options.model_python) as address:
        for workflow, arguments in headless.RUNS.items():
            problems = list(headless.play(workflow, [workflow, *arguments], stepwright, headless.configuration(f"{address}/v1"), out))
            results.append(neovim.report(f"{workflow}: without an editor, with whatever the model says", problems))
    for title, problems in headless.nothing_configured(options.model_python, stepwright, out):
        results.append(neovim.report(title, problems))
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
