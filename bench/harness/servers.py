"""The servers that are measured: how each is found, started and ended, and what it promises."""

import os
import pathlib
import re
import shutil
import subprocess
import time

from . import process

KEY, SECRET = "benchuser0", "benchsecret0123"


class Server:
    """One server with one data directory, which outlives its processes."""

    name = ""
    mode = ""        # its durability, as it is run here
    install = ""     # how to get it
    has_tls = False
    tls_needs_own_start = True  # it speaks either TLS or plain HTTP

    def __init__(self, program, work):
        self.program = program
        self.work = pathlib.Path(work)
        self.data = self.work / self.name
        self.credentials = self.work / f"{self.name}.credentials"
        self.log = self.work / f"{self.name}.log"
        self.process = None
        self.port = None
        self.tls_port = None
        self.start_seconds = None

    @classmethod
    def find(cls, places):
        for place in places:
            program = shutil.which(cls.name, path=place)
            if program and cls.is_usable(program):
                return program
        return None

    @classmethod
    def is_usable(cls, _program):
        return True

    def version(self):
        return "?"

    def command(self, tls):
        raise NotImplementedError

    def environment(self):
        return {}

    def prepare(self):
        self.data.mkdir(exist_ok=True)
        self.credentials.write_text(f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")

    def start(self, tls=False):
        """Runs it until it answers; `start_seconds` is how long that took. Raises RuntimeError with the end of its log."""
        self.prepare()
        self.port = process.free_port()
        begun = time.monotonic()
        self.process = process.start(self.command(tls), self.log, self.environment())
        if not process.wait_for_answer(self.process, self.port, tls and self.tls_needs_own_start):
            what = "did not answer within a minute" if self.process.poll() is None else "ended before it answered"
            self.stop()
            raise RuntimeError(f"{self.name} {what}: {self.log_end()}")
        self.start_seconds = time.monotonic() - begun
        self.look_around()

    def look_around(self):
        """What there is to learn from a server that just answered."""

    def stop(self):
        if self.process is not None:
            process.end(self.process)
            self.process = None

    def log_end(self):
        return " ".join(self.log.read_text(errors="replace").split())[-300:] if self.log.exists() else ""

    def target(self, tls=False):
        """Options of the load generator."""
        port = (self.tls_port or self.port) if tls else self.port
        return ["--address", f"127.0.0.1:{port}", "--credentials", self.credentials, "--pid", self.process.pid,
                *(["--tls", "yes"] if tls else [])]


class Demilune(Server):
    name = "demilune"
    mode = "as always: a 200 only after the sync of its group; encrypted, audited"
    has_tls = True
    tls_needs_own_start = False
    max_connections = None

    @classmethod
    def find(cls, places):
        program = os.environ.get("DEMILUNE", "build/demilune")
        return program if os.access(program, os.X_OK) else None

    def version(self):
        told = subprocess.run([self.program, "version"], capture_output=True, text=True, check=False).stdout
        found = re.search(r"\d+(\.\d+)+\S*", told)
        return found.group() if found else "?"

    def prepare(self):
        pass  # it makes its directory and its key itself

    def environment(self):
        return {"DEMILUNE_HTTP__MAX_CONNECTIONS": str(self.max_connections)} if self.max_connections else {}

    def command(self, tls):
        key = [] if self.credentials.exists() else ["--admin-key-file", self.credentials]
        self.log.unlink(missing_ok=True)
        return [self.program, "up", "--data-dir", self.data, "--listen-data", "127.0.0.1:0", "--listen-admin", "127.0.0.1:0",
                "--listen-link", "127.0.0.1:0", "--insecure-http", f"127.0.0.1:{self.port}", *key]

    def look_around(self):
        for _ in range(1000):  # the line comes with the first answer, or just after it
            ready = re.search(r"^ready data=https://[^ ]+:(\d+) ", self.log.read_text(errors="replace"), re.M)
            if ready:
                self.tls_port = int(ready.group(1))
                return
            time.sleep(0.01)
        raise RuntimeError(f"demilune answered and printed no ready line:\n{self.log_end()}")


class Minio(Server):
    name = "minio"
    mode = "its default (one drive, no options)"
    install = "go install github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c"
    has_tls = True

    def version(self):
        return go_version(self.program)

    def environment(self):
        return {"MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET}

    def command(self, tls):
        certificates = self.work / "certs"
        if tls and not certificates.exists():
            certificates.mkdir()
            make_certificate(certificates / "public.crt", certificates / "private.key")
        return [self.program, "server", "--quiet", "--address", f"127.0.0.1:{self.port}", "--console-address",
                f"127.0.0.1:{process.free_port()}", *(["--certs-dir", certificates] if tls else []), self.data]


class Versitygw(Server):
    name = "versitygw"
    mode = "its default (posix, with --keep-alive): no sync"
    install = "go install github.com/versity/versitygw/cmd/versitygw@v1.8.0"

    def version(self):
        return go_version(self.program)

    def environment(self):
        return {"ROOT_ACCESS_KEY_ID": KEY, "ROOT_SECRET_ACCESS_KEY": SECRET}

    def command(self, tls):
        return [self.program, "--quiet", "--keep-alive", "--port", f"127.0.0.1:{self.port}", "posix", self.data]


class Rclone(Server):
    name = "rclone"
    mode = "its default (serve s3 over a local directory): no sync"
    install = "go install github.com/rclone/rclone@v1.76.0"

    @classmethod
    def is_usable(cls, program):
        told = subprocess.run([program, "serve", "s3", "--help"], capture_output=True, text=True, check=False)
        return told.returncode == 0 and "--auth-key" in told.stdout

    def version(self):
        return go_version(self.program)

    def environment(self):
        return {"RCLONE_CONFIG": str(self.work / "rclone.conf"), "RCLONE_AUTH_KEY": f'"{KEY},{SECRET}"'}  # a list of CSV

    def prepare(self):
        super().prepare()
        (self.work / "rclone.conf").touch()

    def command(self, tls):
        return [self.program, "serve", "s3", "--addr", f"127.0.0.1:{self.port}", self.data]


PEERS = [Minio, Versitygw, Rclone]


def go_version(program):
    """The module version that Go wrote into the program."""
    found = re.search(rb"mod\t\S+\t(v\S+)\t", pathlib.Path(program).read_bytes())
    return found.group(1).decode() if found else "?"


def make_certificate(certificate, key):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out",
                    str(certificate)], check=True, capture_output=True)

