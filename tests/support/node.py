"""A `demilune up` process that a test owns: started, found by its ready line, stopped, killed, started again."""

import configparser
import dataclasses
import json
import os
import pathlib
import queue
import re
import shutil
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
READY = re.compile(r"^ready data=https://(\S+) admin=https://(\S+)(?: link=(\S+))?")  # a device has no link port
START_SECONDS = 60
STOP_SECONDS = 60


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """Where an S3 service is and who we are there. `bucket` is set where buckets can't be made (a device)."""

    url: str
    ca: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"
    bucket: str | None = None

    @property
    def address(self):
        """host:port"""
        return self.url.split("//", 1)[1].rstrip("/")

    @property
    def host(self):
        return self.address.rsplit(":", 1)[0]

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    @property
    def is_tls(self):
        return self.url.startswith("https:")


def read_credentials(path):
    """The keys of the profile `default` of an AWS credentials file."""
    parser = configparser.ConfigParser()
    with open(path, encoding="utf-8") as file:
        parser.read_file(file)
    profile = parser["default"]
    return profile["aws_access_key_id"], profile["aws_secret_access_key"]


def find_program():
    """build/demilune, or what DEMILUNE names."""
    program = os.environ.get("DEMILUNE", str(ROOT / "build" / "demilune"))
    if not os.access(program, os.X_OK):
        raise SystemExit(f"no program {program}: run ./dev build, or set DEMILUNE=PATH")
    return program


class Node:
    """One node with one data directory, which outlives its processes. Not thread-safe but for `kill()`.

    Everything it said on stderr is in `log_path`; `ready` has the addresses of the running process.
    """

    def __init__(self, base=None, env=None, arguments=(), insecure_http=False):
        self._own_base = base is None
        self.base = pathlib.Path(base or tempfile.mkdtemp(prefix="demilune-test-"))
        self.base.mkdir(parents=True, exist_ok=True)
        self.data_dir = self.base / "data"
        self.credentials = self.base / "admin.credentials"
        self.log_path = self.base / "node.log"
        self.env = {**os.environ, **(env or {})}
        self.arguments = list(arguments)
        self.http_port = None
        self.insecure_http = insecure_http
        self.process = None
        self.ready = None
        self._reader = None

    def start(self):
        """Starts and waits for the ready line. Raises with the log's end when the process ends first or is too late."""
        command = [find_program(), "up", "--data-dir", str(self.data_dir)]
        for listener in ("data", "admin", "link"):
            command += [f"--listen-{listener}", "127.0.0.1:0"]
        if not self.credentials.exists():
            command += ["--admin-key-file", str(self.credentials)]
        if self.insecure_http:
            self.http_port = free_port()
            command += ["--insecure-http", f"127.0.0.1:{self.http_port}"]
        self.process = subprocess.Popen(
            command + self.arguments, env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            errors="replace")
        lines = queue.Queue()
        self._reader = threading.Thread(target=self._read, args=(self.process.stderr, lines), daemon=True)
        self._reader.start()
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self.kill()
                raise AssertionError(f"no ready line within {START_SECONDS} s:\n{self.log_tail()}") from None
            if line is None:
                code = self.process.wait()
                raise AssertionError(f"the node ended with code {code} before it was ready:\n{self.log_tail()}")
            match = READY.match(line)
            if match:
                self.ready = match.groups()
                return self

    def _read(self, stream, lines):
        with open(self.log_path, "a", encoding="utf-8") as log:
            for line in stream:
                log.write(line)
                log.flush()
                lines.put(line)
        lines.put(None)

    def endpoint(self):
        access_key, secret_key = read_credentials(self.credentials)
        return Endpoint(f"https://{self.ready[0]}", str(self.data_dir / "ca.pem"), access_key, secret_key)

    def http_endpoint(self):
        access_key, secret_key = read_credentials(self.credentials)
        return Endpoint(f"http://127.0.0.1:{self.http_port}", "", access_key, secret_key)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def cli(self, *arguments, check=True, stdin=None):
        """Runs a command of the program against this node's data directory; returns the finished process."""
        done = run_program("--data-dir", str(self.data_dir), *arguments, env=self.env, stdin=stdin)
        if check and done.returncode != 0:
            raise AssertionError(f"demilune {' '.join(arguments)} gave {done.returncode}: {done.stderr}{done.stdout}")
        return done

    def ask(self, *arguments):
        """What a command that must succeed answers as JSON."""
        return json.loads(self.cli("-o", "json", *arguments).stdout)

    def try_start(self):
        """The finished process of a start that must be refused, by itself and at once."""
        listeners = [word for name in ("data", "admin", "link") for word in (f"--listen-{name}", "127.0.0.1:0")]
        return run_program("up", *listeners, *self.arguments, "--data-dir", str(self.data_dir), env=self.env)

    def stop(self):
        """SIGTERM; the node must end by itself with code 0."""
        self.process.terminate()
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the node did not stop within {STOP_SECONDS} s:\n{self.log_tail()}") from None
        self._reader.join()
        return code

    def kill(self):
        """SIGKILL, as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self._reader.join()

    def close(self):
        """Ends the process if it runs and removes the directory if this object made it."""
        if self.is_running():
            self.kill()
        if self._own_base:
            shutil.rmtree(self.base, ignore_errors=True)

    def log_text(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace") if self.log_path.exists() else ""

    def log_tail(self, lines=30):
        return "".join(self.log_text().splitlines(True)[-lines:]) or "(no log)"

    # What /proc says of the running process.

    def resident_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        raise AssertionError("no VmRSS")

    def open_files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def run_program(*arguments, env=None, stdin=None):
    """The finished process of one command of the program."""
    return subprocess.run([find_program(), *arguments], env=env, input=stdin, capture_output=True, text=True, timeout=60)


def wait_until(what, ask, seconds=60, every=0.1):
    """Asks until the answer is true, and returns it. Raises with the last answer when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}; the last answer was {answer!r}")
        time.sleep(every)


def free_port():
    """A TCP port of loopback that nobody listens on now."""
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
