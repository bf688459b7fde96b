"""record.py TRANSCRIPT SERVER...: stands between an editor and its language server, passes every byte on and records both directions.

A transcript has one JSON object a line: {"from": "editor" or "server", "message": the message}, with "broken": text instead where
the bytes are no frame, and {"exit": status} at the end of a server that ended by itself. A message is recorded before it is
passed on, so causes stand before effects. Any other command than `lsp` is run without recording.
"""
import json
import os
import subprocess
import sys
import threading

HEADER_END = b"\r\n\r\n"
READ_BYTES = 65536
END_DEADLINE_S = 10  # after the editor is gone; far more than a server may take


def split_frame(buffer):
    """Returns (body, rest), or None while the first frame isn't complete. Raises ValueError if it can't become one."""
    header, separator, rest = buffer.partition(HEADER_END)
    if not separator:
        return None
    lengths = [line.split(b":", 1)[1] for line in header.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    if len(lengths) != 1:
        raise ValueError(f"{len(lengths)} Content-Length headers")
    length = int(lengths[0])
    return (rest[:length], rest[length:]) if len(rest) >= length else None


class Transcript:
    def __init__(self, path):
        self.file = open(path, "a", buffering=1)
        self.lock = threading.Lock()

    def add(self, **record):
        with self.lock:
            self.file.write(json.dumps(record) + "\n")

    def pump(self, source, sink, sender):
        """Passes bytes from one file descriptor to the other until the first ends."""
        buffer = b""
        while chunk := os.read(source, READ_BYTES):
            buffer = self.record_frames(buffer + chunk, sender)
            try:
                while chunk:
                    chunk = chunk[os.write(sink, chunk) :]
            except BrokenPipeError:
                break
        if buffer:
            self.add(**{"from": sender, "broken": f"trailing bytes: {buffer[:200]!r}"})
        os.close(sink)

    def record_frames(self, buffer, sender):
        try:
            while parts := split_frame(buffer):
                body, buffer = parts
                self.add(**{"from": sender, "message": json.loads(body)})
        except ValueError as error:
            self.add(**{"from": sender, "broken": f"{error}: {buffer[:200]!r}"})
            return b""
        return buffer


def listen_to_editor(transcript, server):
    """A server that outlives its editor is ended, so that it doesn't stay behind."""
    transcript.pump(0, server.stdin.fileno(), "editor")
    try:
        server.wait(END_DEADLINE_S)
    except subprocess.TimeoutExpired:
        transcript.add(**{"from": "server", "broken": f"didn't end within {END_DEADLINE_S} s of its input's end"})
        server.kill()


def main():
    path, *command = sys.argv[1:]
    if "lsp" not in command[1:]:
        os.execv(command[0], command)
    transcript = Transcript(path)
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    threading.Thread(target=listen_to_editor, args=(transcript, server), daemon=True).start()
    transcript.pump(server.stdout.fileno(), 1, "server")
    status = server.wait()
    transcript.add(exit=status)
    os._exit(status if status >= 0 else 128 - status)  # the other pump may still wait for the editor


if __name__ == "__main__":
    main()
