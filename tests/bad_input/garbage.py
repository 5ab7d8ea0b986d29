#!/usr/bin/env python3
"""Malformed requests over the wire: each gets 4xx, 501 or a closed connection, the request behind it is never executed,
and the server stays up.

    python3 tests/bad_input/garbage.py [--count 2000] [--seed 1] [--only N] [--verbose]
    ... --endpoint https://A:P --ca CA.pem --credentials F --region R --bucket B      against a running server

--count 10000 is the full run; --only N replays one case and prints its bytes and the answer. Exit code 0 when all hold.
"""

import argparse
import collections
import pathlib
import re
import socket
import sys
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from tests.bad_input.cases import Maker  # noqa: E402
from tests.support import sigv4  # noqa: E402
from tests.support.node import Endpoint, Node, read_credentials  # noqa: E402

READ_SECONDS = 30
MOST_FAILURES = 50
NOT_OFFERED = 501  # the only refusal beside the 4xx
STATUS = re.compile(rb"^HTTP/1\.[01] (\d{3})")


class Wrong(Exception):
    pass


class Run:
    def __init__(self, endpoint, bucket, seed):
        self.endpoint = endpoint
        self.bucket = bucket
        self.maker = Maker(endpoint, bucket, seed)
        self.context = sigv4.tls_context(endpoint) if endpoint.is_tls else None
        self.watch = sigv4.connect(endpoint)
        self.seen = collections.Counter()
        self.is_there("stays", body=b"must stay")

    def is_there(self, key, body=None):
        """HEAD (or PUT first) on the connection that watches; a server that closed it meanwhile is asked again."""
        if body is not None:
            answer = sigv4.call(self.endpoint, "PUT", f"/{self.bucket}/{key}", body=body)
            assert answer.status == 200, answer
        try:
            answer = sigv4.call(self.endpoint, "HEAD", f"/{self.bucket}/{key}", connection=self.watch)
        except (OSError, sigv4.http.client.HTTPException):
            self.watch.close()
            answer = sigv4.call(self.endpoint, "HEAD", f"/{self.bucket}/{key}", connection=self.watch)
        if answer.status not in (200, 404):
            raise Wrong(f"a good HEAD got {answer}")
        return answer.status == 200

    def exchange(self, case):
        """All bytes that came back; None when the server neither answers nor closes in time."""
        connection = socket.create_connection((self.endpoint.host, self.endpoint.port), timeout=READ_SECONDS)
        if self.context:
            connection = self.context.wrap_socket(connection, server_hostname=self.endpoint.host)
        answer = b""
        try:
            connection.sendall(case.data)
        except OSError:
            pass  # closed while we sent: its answer may still be there to read
        try:
            while not case.is_cut and (data := connection.recv(65536)):
                answer += data
        except TimeoutError:
            return None
        except OSError:
            pass  # a reset counts as closed
        finally:
            connection.close()
        return answer

    def check(self, number, verbose=False):
        case = self.maker.case(number)
        answer = self.exchange(case)
        if verbose:
            print(f"{case.name}\n--- sent\n{case.data[:4000]!r}\n--- got\n{answer!r}")
        if answer is None:
            raise Wrong(f"{case.name}: no end of the connection within {READ_SECONDS} s")
        match = STATUS.match(answer)
        if answer and not match:
            raise Wrong(f"{case.name}: the answer is no HTTP: {answer[:200]!r}")
        status = int(match[1]) if match else 0
        if status == 100:  # the body was asked for before it was seen to be bad
            following = answer.split(b"\r\n\r\n", 1)[1]
            match = STATUS.match(following)
            status = int(match[1]) if match else 0
        self.seen[status or "closed"] += 1
        if case.must_refuse and status and not (400 <= status < 500 or status == NOT_OFFERED):
            raise Wrong(f"{case.name}: got status {status}")
        if status >= 500 and status != NOT_OFFERED:
            raise Wrong(f"{case.name}: got status {status}")
        if not case.marker_allowed:
            if number % 2 and not self.is_there("stays"):
                raise Wrong(f"{case.name}: the DELETE behind it was EXECUTED")
            if not number % 2 and self.is_there(f"marker-{number}"):
                raise Wrong(f"{case.name}: the PUT behind it was EXECUTED")
        elif number % 2 and not self.is_there("stays"):
            self.is_there("stays", body=b"must stay")


def open_run(options):
    """(run, node or None)"""
    node = None
    if options.endpoint:
        keys = read_credentials(options.credentials)
        endpoint = Endpoint(options.endpoint.rstrip("/"), options.ca, *keys, options.region)
        bucket = options.bucket
    else:
        node = Node().start()
        endpoint, bucket = node.endpoint(), None
    if bucket is None:
        bucket = f"bad-input-{uuid.uuid4().hex[:8]}"
        answer = sigv4.call(endpoint, "PUT", f"/{bucket}")
        assert answer.status == 200, answer
    return Run(endpoint, bucket, options.seed), node


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    parser.add_argument("--verbose", action="store_true")
    for name in ("endpoint", "ca", "credentials", "bucket"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--region", default="us-east-1")
    options = parser.parse_args()
    run, node = open_run(options)
    process = node.process.pid if node else None
    failures = []
    try:
        files = node.open_files() if node else 0
        numbers = range(options.count) if options.only is None else [options.only]
        for number in numbers:
            try:
                run.check(number, options.verbose or options.only is not None)
            except Wrong as wrong:
                failures.append(number)
                run.is_there("stays", body=b"must stay")
                print(f"case {number}: {wrong}\n  replay: python3 tests/bad_input/garbage.py --seed {options.seed} "
                      f"--only {number}", flush=True)
            if len(failures) >= MOST_FAILURES:
                break
        assert run.is_there("stays"), "a good request must work at the end"
        if node:
            assert node.is_running() and node.process.pid == process, f"the server ended:\n{node.log_tail()}"
            left = node.open_files() - files
            print(f"open files more than before: {left}")
            assert left < 50, "connections of bad requests stay open"
            assert node.stop() == 0, node.log_tail()
    except Exception:
        if node:
            print(node.log_tail())
        raise
    finally:
        if node:
            node.close()
    print(f"bad input: {sum(run.seen.values())} requests, answers {dict(sorted(run.seen.items(), key=str))}, "
          f"{len(failures)} wrong")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
