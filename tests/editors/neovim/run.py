"""Plays scenarios in a real Neovim, one test each, and says which of them went as expected."""
import argparse
import pathlib
import sys
import time

try:
    import tomllib
except ModuleNotFoundError:  # before Python 3.11
    import tomli as tomllib

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import expect  # noqa: E402
import session  # noqa: E402


def read_scenario(path):
    return tomllib.loads(path.read_text())


def test(path, stepwright, neovim, out, config=None):
    """Plays the scenario in the file. Returns whether everything was as expected."""
    started = time.monotonic()
    scenario = read_scenario(path)
    problems = list(expect.problems(scenario, session.play(path.stem, scenario, stepwright, neovim, out, config)))
    if problems:
        problems.append(f"see {out / path.stem}.*")
    return report(f"{path.stem}: {scenario['about']} ({time.monotonic() - started:.1f} s)", problems)


def report(line, problems):
    """Prints a line for one test, and its problems if any. Returns whether there were none."""
    print(f"{'FAIL' if problems else 'ok  '} {line}", flush=True)
    for problem in problems:
        print(f"       {problem}", flush=True)
    return not problems


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stepwright", required=True, type=pathlib.Path)
    parser.add_argument("--neovim", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path, help="what is kept of each session")
    parser.add_argument("scenario", nargs="*", help="names of files in scenarios/, all when none is given")
    options = parser.parse_args()
    paths = [HERE / "scenarios" / f"{name}.toml" for name in options.scenario] or sorted((HERE / "scenarios").glob("*.toml"))
    results = [test(path, options.stepwright.resolve(), options.neovim, options.out.resolve()) for path in paths]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
