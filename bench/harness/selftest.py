"""Shows that the benchmark can fail: servers that answer wrongly, slowly or not at all, and a run that expects other bytes
than were stored, must all show as errors; then a short run of ours, in which every row must be measured without one.

`cd bench && python3 -m harness.selftest` (BENCH_PROGRAMS and DEMILUNE as for `./dev bench s3`).
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ.get("BENCH_PROGRAMS", ROOT / "build/release/bench"))
SIZE = 512


class FakeServer:
    """Answers every request on every connection in one way. `stall`: answers well, but stands still once for a while."""

    ANSWERS = {
        "good": (b"200 OK", b"x" * SIZE, SIZE),
        "wrong length": (b"200 OK", b"x" * (SIZE - 1), SIZE - 1),
        "503": (b"503 Slow Down", b"<Error><Code>SlowDown</Code></Error>", 36),
        "cut": (b"200 OK", b"x" * 100, SIZE),
        "chunks": (b"200 OK", b"64;a=b\r\n" + b"x" * 100 + b"\r\n19C\r\n" + b"x" * 412 + b"\r\n0\r\nA: b\r\n\r\n", None),
        "chunks cut": (b"200 OK", b"64\r\n" + b"x" * 100 + b"\r\n19C\r\n" + b"x" * 411, None),
        "nonsense": (b"200 OK", b"zz\r\n", None),
        "stall": (b"200 OK", b"x" * SIZE, SIZE),
    }
    STALL_SECONDS = 0.6

    def __init__(self, way):
        self.way = way
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.stall_at = None
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        status, body, length = self.ANSWERS[self.way]
        framing = b"Transfer-Encoding: chunked" if length is None else b"Content-Length: " + str(length).encode()
        text = b"HTTP/1.1 " + status + b"\r\n" + framing + b"\r\n\r\n" + body
        with peer:
            held = b""
            while True:
                try:
                    data = peer.recv(65536)
                except OSError:
                    return
                held += data
                if not data:
                    return
                while b"\r\n\r\n" in held:
                    held = held.split(b"\r\n\r\n", 1)[1]
                    self.stand_still()
                    peer.sendall(text)
                    if self.way.endswith("cut"):
                        return

    def stand_still(self):
        if self.way != "stall":
            return
        with self.lock:  # all connections wait here while one of them sleeps
            now = time.monotonic()
            self.stall_at = self.stall_at or now + 0.2
            if now >= self.stall_at:
                time.sleep(self.STALL_SECONDS)
                self.stall_at = now + 3600


def ask(address, credentials, *words):
    command = [PROGRAMS / "s3_bench", "--address", address, "--credentials", credentials, "--bucket", "b", "--op", "get",
               "--size", SIZE, "--connections", 4, "--warm-up", 0, "--seconds", 0.3, "--patience", 10, *words]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, check=False)
    require(done.stdout.startswith("{"), "the generator must end with its figures", done.stderr)
    return done.returncode, json.loads(done.stdout)


def require(holds, what, seen):
    if not holds:
        sys.exit(f"selftest: {what}; saw {seen}")


def faults(credentials):
    for way in ("good", "chunks"):
        status, told = ask(FakeServer(way).address, credentials, "--compare", "length")
        require(status == 0 and told["errors"] == 0 and told["requests"] > 0, "a good server must show no errors", told)
    for way, compare, fault in (("good", "bytes", "wrong bytes"), ("wrong length", "bytes", "wrong length of body"),
                                ("wrong length", "length", "wrong length of body"), ("503", "bytes", "status 503"),
                                ("chunks", "bytes", "wrong bytes"), ("cut", "length", "the connection broke off"),
                                ("chunks cut", "length", "the connection broke off"),
                                ("nonsense", "length", "the connection broke off")):
        status, told = ask(FakeServer(way).address, credentials, "--compare", compare)
        require(status == 1 and told["requests"] == 0 and told["faults"] == {fault: told["errors"]} and told["errors"] > 0,
                f"a server of the kind '{way}' must show as '{fault}' only", told)
    print("faults: every answer was wrong, every one was counted")


def omission(credentials):
    """A server that stands still: on a schedule, what was due meanwhile must have waited."""
    words = ("--compare", "length", "--seconds", 1.5, "--rate", 200)
    status, told = ask(FakeServer("stall").address, credentials, *words)
    require(status == 0 and told["loop"] == "open" and told["requests"] == 300, "all that was due must be asked for", told)
    least = FakeServer.STALL_SECONDS * 1000 / 2
    require(told["p99_ms"] > least, f"p99 over {least:.0f} ms is needed: a third of the requests waited", told)
    # The same in a closed loop sees one slow answer a connection; that is why the tables name the loop.
    print(f"omission: p99 {told['p99_ms']:.0f} ms on a schedule over a stall of {FakeServer.STALL_SECONDS * 1000:.0f} ms")


def whole(*words):
    command = [sys.executable, ROOT / "bench/s3.py", "--peers", "none", "--rounds", "1", "--warm-up", "0", *words]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stdout + done.stderr


def ours():
    works = "put4k,get4k,head,mixed,get10m-tls,list,flat"
    status, out, everything = whole("--seconds", "0.3", "--only", works, "--flat", "1500")
    rows = [line for line in out.splitlines() if "| demilune |" in line and ("closed" in line or "open" in line)]
    require(status == 0 and len(rows) == 6 and all(row.endswith("| 0 |") for row in rows), "six rows without errors are needed",
            everything)
    held = [line for line in out.splitlines() if "| not measured |" in line]
    require(any("1 connection, p50" in line for line in held) and any("first page" in line for line in held),
            "rows that this run did not measure must say so", everything)
    status, out, everything = whole("--seconds", "0.3", "--only", "get10m", "--plant", "wrong-bytes")
    require(status == 1 and "wrong bytes" in out and "| no: " in out, "a GET of other bytes must fail the run and its row",
            everything)
    print("ours: measured without errors; a planted difference of bytes was counted")


def main():
    with tempfile.TemporaryDirectory(prefix="bench-selftest-") as directory:
        credentials = pathlib.Path(directory) / "credentials"
        credentials.write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
        faults(credentials)
        omission(credentials)
    ours()


if __name__ == "__main__":
    main()
