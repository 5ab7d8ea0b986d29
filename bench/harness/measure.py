"""Runs the load generator and strace against a server that is up."""

import json
import os
import re
import signal
import time

from . import process
from .works import MIB

BUCKET = "bench"


class Generator:
    def __init__(self, program, options):
        self.program = program
        self.options = options

    def ask(self, server, op, *more, tls=False, seconds=60.0):
        """One line of JSON as a dict; `failed` says why there is none."""
        command = [self.program, "--op", op, "--bucket", BUCKET, *server.target(tls), *more]
        status, out, complaint = process.run(command, seconds)
        if status in (0, 1) and out.startswith("{"):
            return json.loads(out)
        return {"failed": " ".join(complaint.split())[:300] or f"s3_bench ended with {status}"}

    def make_bucket(self, server):
        status, _, complaint = process.run([self.program, "--op", "bucket", "--bucket", BUCKET, *server.target()], 60)
        if status != 0:
            raise RuntimeError(f"{server.name}: no bucket: {complaint.strip()}")

    def work(self, server, work, round_number):
        seconds, warm_up = self.options.seconds, self.options.warm_up
        words = ["--size", work.size, "--connections", work.connections, "--seconds", seconds, "--warm-up", warm_up, "--run",
                 f"{work.name}-{round_number}", "--seed", round_number, "--set", work.set, "--objects", max(1, work.objects)]
        rate = work.rate or (self.options.rate if work.size < MIB else 0)
        if rate:
            words += ["--rate", rate]
        if self.options.plant == "wrong-bytes":
            words += ["--body-seed", 2]
        return self.ask(server, work.op, *words, tls=work.tls, seconds=seconds + warm_up + 60)

    def fill(self, server, name, size, objects, limit, first=0):
        words = ["--set", name, "--size", size, "--limit", limit, "--patience", 60]
        if first == 0:  # alone: rclone answers 500 when several requests make the same directory at once
            told = self.ask(server, "fill", *words, "--objects", 1, "--connections", 1, seconds=limit + 120)
            first = 1
            if objects == 1 or told.get("errors", 1):
                return told
        words += ["--objects", objects, "--from", first, "--connections", 4 if size >= MIB else 64]
        return self.ask(server, "fill", *words, seconds=limit + 120)

    def listing(self, server, op, objects, limit=0.0):
        """`first`, `page` or `walk` over the flat bucket."""
        words = ["--set", "flat", "--objects", objects, "--connections", 1, "--limit", limit, "--patience", 60, "--seconds",
                 min(2, self.options.seconds), "--warm-up", 0]
        return self.ask(server, op, *words, seconds=limit + 120)

    def syncs(self, server):
        """How often a PUT makes the disk write, by strace, in a short run of its own."""
        trace = server.work / f"{server.name}.strace"
        calls = "fsync,fdatasync,sync_file_range,syncfs,msync,openat,pwritev2,io_uring_enter"
        tracer = process.start(["strace", "-f", "-qq", "-e", f"trace={calls}", "-o", trace, "-p", server.process.pid],
                               server.work / "strace.log")
        for _ in range(100):
            with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
                if re.search(r"TracerPid:\t[1-9]", status.read()):
                    break
            time.sleep(0.05)
        else:
            process.end(tracer, 5, signal.SIGINT)
            return "not counted: strace did not attach"
        told = self.ask(server, "put", "--run", "traced", "--seconds", 2, "--warm-up", 0)
        process.end(tracer, 10, signal.SIGINT)
        if "failed" in told:
            return "not counted: " + told["failed"]
        text = trace.read_text(errors="replace")
        os.unlink(trace)
        requests = max(1, told["requests"])
        syncs = len(re.findall(r"\b(?:fsync|fdatasync|msync|syncfs|sync_file_range)\(|RWF_D?SYNC", text)) / requests
        opens = len(re.findall(r"openat\([^\n]*O_D?SYNC", text)) / requests
        return f"{syncs:.2f} syncs and {opens:.2f} O_SYNC or O_DSYNC opens a PUT"


def machine_limits(programs, generator, work_dir, seconds):
    """What this machine can do at most, in the same run."""
    status, out, complaint = process.run([programs / "bench_limits", work_dir, min(1.0, seconds)], 60)
    found = json.loads(out) if status == 0 else {"failed": complaint.strip()}
    echo = Echo(programs / "bench_echo", work_dir)
    try:
        echo.start()
        for op in ("get", "put"):
            words = ["--compare", "length", "--seconds", min(4, seconds), "--warm-up", min(1, seconds)]
            found["echo_" + op] = generator.ask(echo, op, *words)
    finally:
        echo.stop()
    return found


class Echo:
    """Our HTTP server with nothing behind it, as far as the generator looks."""

    name = "echo"

    def __init__(self, program, work_dir):
        self.program = program
        self.work = work_dir
        self.credentials = work_dir / "echo.credentials"
        self.process = None
        self.port = None

    def start(self):
        self.credentials.write_text("[default]\naws_access_key_id = none\naws_secret_access_key = none\n")
        self.port = process.free_port()
        self.process = process.start([self.program, f"127.0.0.1:{self.port}"], self.work / "echo.log")
        if not process.wait_for_answer(self.process, self.port, False, 10):
            raise RuntimeError("bench_echo did not answer within 10 s")

    def stop(self):
        if self.process is not None:
            process.end(self.process)

    def target(self, tls=False):
        assert not tls
        return ["--address", f"127.0.0.1:{self.port}", "--credentials", self.credentials, "--pid", self.process.pid]
