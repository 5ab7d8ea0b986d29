#!/usr/bin/env python3
"""Idle and slow connections do not slow a good client down, and cost little memory.

    python3 tests/bounded/connections.py [--idle 10000] [--slow 1000] [--requests 2000] [--limit-kib 48] [--ratio 2]

A good client reads a 4 KiB object over one connection, alone; then while --idle connections are silent and --slow ones
send one byte a second (half of them a request's head, half the body of a signed PUT); then alone again. Its p99 must be
under --ratio times the larger one of its two times alone, all in one run; resident memory may grow by --limit-kib a
connection. Whoever is cut off connects again: how often is printed. The holders are a process of their own. Without TLS:
10,000 handshakes of a Python client would be most of the run. Exit code 0: both bounds hold.
"""

import argparse
import contextlib
import multiprocessing
import pathlib
import resource
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from tests.support import sigv4  # noqa: E402
from tests.support.node import Node, wait_until  # noqa: E402

BUCKET = "connections"
BODY_BYTES = 4096
WARM_UP = 200
SPARE_FILES = 500
SLOW_BODY = 3600  # bytes, one a second


def fail(what):
    raise SystemExit(f"connections: {what}")


def measure(endpoint, count):
    """p50 and p99 in ms of `count` reads over one connection."""
    connection, times = sigv4.connect(endpoint), []
    for number in range(count + WARM_UP):
        began = time.perf_counter()
        answer = sigv4.call(endpoint, "GET", f"/{BUCKET}/object", connection=connection)
        times.append((time.perf_counter() - began) * 1000)
        if answer.status != 200 or len(answer.body) != BODY_BYTES:
            fail(f"the good client got {answer}")
    connection.close()
    times = sorted(times[WARM_UP:])
    return times[len(times) // 2], times[len(times) * 99 // 100]


class Slow:
    """A connection that sends its request byte by byte, and begins again when it is cut off or answered."""

    def __init__(self, endpoint, number):
        self.address, self.socket, self.begun = (endpoint.host, endpoint.port), None, 0
        path = f"/{BUCKET}/slow-{number}"
        headers = sigv4.sign_headers(endpoint, "PUT", path, (), {"content-length": str(SLOW_BODY)}, payload=sigv4.UNSIGNED)
        head = f"PUT {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        # Even ones are slow from the first byte on, odd ones only in the body.
        self.at_once, self.rest = ("", head) if number % 2 == 0 else (head, "x" * SLOW_BODY)

    def step(self):
        if self.socket is None:
            self.socket = socket.create_connection(self.address)
            self.socket.sendall(self.at_once.encode())
            self.socket.setblocking(False)
            self.begun, self.sent = self.begun + 1, 0
        try:
            self.socket.send(self.rest[self.sent].encode())
            self.sent += 1
            with contextlib.suppress(BlockingIOError):
                self.socket.recv(4096)
                raise ConnectionResetError
        except OSError:
            self.socket.close()
            self.socket = None


def hold(endpoint, idle, slow, is_ready, is_over, begun):
    """Runs in a process of its own."""
    silent = [socket.create_connection((endpoint.host, endpoint.port)) for _ in range(idle)]
    slow_ones = [Slow(endpoint, number) for number in range(slow)]
    while not is_over.is_set():
        round_began = time.monotonic()
        for one in slow_ones:
            one.step()
        is_ready.set()
        begun.value = sum(one.begun for one in slow_ones)
        is_over.wait(max(0.0, 1 - (time.monotonic() - round_began)))
    for one in silent:
        one.close()


def run(options):
    wanted = options.idle + options.slow + SPARE_FILES
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < wanted:
        fail(f"NOT TESTED: {wanted} open files are needed; ulimit -n allows {resource.getrlimit(resource.RLIMIT_NOFILE)[0]}")
    node = Node(insecure_http=True, env={"DEMILUNE_HTTP__MAX_CONNECTIONS": str(wanted)})
    try:
        node.start()
        endpoint = node.http_endpoint()
        assert sigv4.call(endpoint, "PUT", f"/{BUCKET}").status == 200
        assert sigv4.call(endpoint, "PUT", f"/{BUCKET}/object", body=b"x" * BODY_BYTES).status == 200
        before = measure(endpoint, options.requests)
        memory, files = node.resident_kib(), node.open_files()
        is_ready, is_over, begun = multiprocessing.Event(), multiprocessing.Event(), multiprocessing.Value("q", 0)
        holder = multiprocessing.Process(target=hold, args=(endpoint, options.idle, options.slow, is_ready, is_over, begun))
        holder.start()
        try:
            wait_until("all are connected", is_ready.is_set, 120)
            held = node.open_files() - files
            if held < (options.idle + options.slow) * 0.95:
                fail(f"only {held} of {options.idle + options.slow} connections are open")
            among = measure(endpoint, options.requests)
            grown = node.resident_kib() - memory
        finally:
            is_over.set()
            holder.join()
        wait_until("the connections are gone", lambda: node.open_files() < files + 100)
        after = measure(endpoint, options.requests)
        assert node.stop() == 0, node.log_tail()
    finally:
        node.close()
    return before, among, after, held, grown, begun.value


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--idle", type=int, default=10000)
    parser.add_argument("--slow", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--limit-kib", type=float, default=48)
    parser.add_argument("--ratio", type=float, default=2)
    options = parser.parse_args()
    before, among, after, held, grown, begun = run(options)
    for name, (p50, p99) in (("alone", before), (f"among {held} connections", among), ("alone again", after)):
        print(f"{name}: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    alone = max(before[1], after[1])
    each = grown / held
    print(f"p99 {among[1] / alone:.2f} of alone, limit {options.ratio}; {each:.1f} KiB a connection, limit "
          f"{options.limit_kib}; slow requests were begun {begun} times by {options.slow}")
    return 0 if among[1] < options.ratio * alone and each <= options.limit_kib else 1


if __name__ == "__main__":
    sys.exit(main())
