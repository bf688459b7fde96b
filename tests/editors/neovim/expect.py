"""Compares what was seen in a session with what a scenario expects. Knows nothing of how it was seen."""
import fnmatch


def problems(scenario, seen):
    """Yields a sentence for everything that isn't as expected."""
    expect = scenario["expect"]
    yield from always(seen)
    if seen.of("fail"):
        return  # everything else follows from that
    titles = {title for menu in seen.of("menu") for title in menu}
    yield from (f"no `{title}` in any menu; there were {sorted(titles)}" for title in expect.get("menu", []) if title not in titles)
    texts = [p.get("message") or "" for p in seen.of("progress") if p["kind"] != "end"]
    yield from out_of_order("progress", expect.get("progress", []), texts)
    yield from out_of_order("message", expect.get("messages", []), seen.of("message"))
    yield from out_of_order("question", expect.get("input", []), seen.of("input"))
    ends = sum(p["kind"] == "end" for p in seen.of("progress"))
    if ends != expect.get("runs", 1):
        yield f"{ends} run(s) ended in the progress, expected {expect.get('runs', 1)}"
    yield from buffer_problems(expect.get("buffers", {}), (seen.of("buffers") or [{}])[-1])
    yield from disk_problems({**scenario.get("files", {}), **expect.get("disk", {})}, seen.disk, expect.get("any", []))


def always(seen):
    """What must hold in every session."""
    if "panicked at" in seen.errors:
        yield "the server panicked: " + next(line for line in seen.errors.splitlines() if "panicked at" in line)
    if seen.of("fail"):
        yield from (f"the editor's user is stuck: {why}" for why in seen.of("fail"))
        return
    if seen.status != 0:
        yield f"the editor ended with status {seen.status}"
    if seen.server_exit != 0:
        yield f"the server ended with status {seen.server_exit}, expected 0 after shutdown and exit"
    for answer in seen.of("answer"):
        if answer.get("error") or not answer["null"]:
            yield f"{answer['command']} must be answered with null, got {answer}"
    kinds = {}
    for progress in seen.of("progress"):
        kinds.setdefault(str(progress["token"]), []).append(progress["kind"])
    for token, sequence in kinds.items():
        # A token may be used again after its end.
        if sequence[0] != "begin" or sequence[-1] != "end" or sequence.count("begin") != sequence.count("end"):
            yield f"progress {token} must begin and end equally often, was {sequence}"


def out_of_order(what, expected, texts):
    """Each expected text must be contained in one of the texts, in this order; others may stand between."""
    rest = iter(texts)
    for wanted in expected:
        if not any(wanted in text for text in rest):
            yield f"no {what} `{wanted}` at its place; there were {texts}"
            return


def buffer_problems(expected, buffers):
    """The expectation's key is a pattern for the buffer's name, its value what its text contains and whether it is modified."""
    for pattern, wanted in expected.items():
        matching = [b for name, b in buffers.items() if fnmatch.fnmatch(name, pattern)]
        if len(matching) != 1:
            yield f"{len(matching)} buffers are named {pattern}; there were {sorted(buffers)}"
            continue
        (buffer,) = matching
        yield from (f"no `{t}` in buffer {pattern}: {buffer['text']!r}" for t in wanted.get("has", []) if t not in buffer["text"])
        if buffer["modified"] != wanted.get("modified", buffer["modified"]):
            yield f"buffer {pattern} is {'' if buffer['modified'] else 'not '}modified"


def disk_problems(expected, disk, free):
    """Every file must be there and equal, and there must be no other; files in `free` may hold anything but nothing and fences."""
    for path in sorted({*expected, *disk} - {*free}):
        if expected.get(path) != disk.get(path):
            yield f"{path} on disk is {disk.get(path)!r}, expected {expected.get(path)!r}"
    for path in free:
        text = disk.get(path, "")
        if not text.strip() or text.lstrip().startswith("```"):
            yield f"{path} on disk must hold real content, is {text!r}"
