"""draw.py STEPWRIGHT SVG: runs the demo in a terminal, with neither a key nor a model server, and draws what is then on its screen."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios

import pyte
from rich.console import Console
from rich.text import Text

COLUMNS, ROWS = 118, 400
# The part that is drawn: one workflow's steps, and what comes after them.
FIRST, LAST = "$ stepwright run write-tests", "$ stepwright run auto"
LIMIT_BYTES = 60_000


def screen_after(command):
    """Runs the command in a terminal and returns the terminal."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    with tempfile.TemporaryDirectory(prefix="stepwright-record-") as home:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        # No keys of whoever records, and no network: what is drawn is what everybody gets.
        environment = {"PATH": os.environ["PATH"], "HOME": home, "TMPDIR": home, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True) as process:
            os.close(theirs)
            while True:
                try:
                    data = os.read(ours, 65536)
                except OSError:  # Linux's way to say that nobody writes any more
                    break
                if not data:
                    break
                stream.feed(data)
        if process.returncode != 0:
            sys.exit(f"the demo ended with status {process.returncode}")
    return [line.rstrip() for line in screen.display]


def coloured(line):
    text = Text(line)
    text.highlight_regex(r"^\$ .*", "bold")
    text.highlight_regex(r"✓", "green")
    text.highlight_regex(r"→ .*", "cyan")
    text.highlight_regex(r"\(\d+\.\d s\)|\d+ tokens in.*", "bright_black")
    return text


def main():
    program, target = sys.argv[1:]
    lines = screen_after([program, "demo"])
    first, last = (next(i for i, line in enumerate(lines) if line.startswith(mark)) for mark in (FIRST, LAST))
    end = next(i for i, line in enumerate(lines) if i > last and line.startswith("The files are in"))
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"), force_terminal=True, color_system="truecolor")
    for line in lines[first:end]:
        console.print(coloured(line), soft_wrap=True)
    svg = console.export_svg(title="stepwright demo", unique_id="demo")
    # Pages show pictures without letting them fetch a font.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.S).replace("Fira Code", "ui-monospace").replace("FiraCode", "ui-monospace")
    if "http" in svg.replace("http://www.w3.org/2000/svg", "").replace("https://www.textualize.io", ""):
        sys.exit("the picture would fetch something")
    if len(svg.encode()) > LIMIT_BYTES:
        sys.exit(f"the picture has {len(svg.encode())} bytes, at most {LIMIT_BYTES} are wanted")
    with open(target, "w", encoding="utf-8") as file:
        file.write(svg)
    print(f"{target}: {len(svg.encode())} bytes, {end - first} lines")


if __name__ == "__main__":
    main()
