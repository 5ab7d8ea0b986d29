"""What the tests of failing and full disks share."""

import concurrent.futures
import hashlib
import random

import pytest

from tests.support import sigv4


LANES = 4


def pytest_addoption(parser):
    parser.addoption("--full-seconds", type=int, default=4, help="how long a disk stays full under load (full run: 3600)")


def pytest_collection_modifyitems(config, items):
    for item in items:
        item.add_marker(pytest.mark.timeout(240 + 2 * config.getoption("full_seconds", 4)))


@pytest.fixture
def full_seconds(request):
    return request.config.getoption("full_seconds", 4)


class Ledger:
    """What a node acknowledged in one bucket: key -> SHA-256. Asks with raw requests, never twice."""

    def __init__(self, node, bucket):
        self.node = node
        self.bucket = bucket
        self.acknowledged = {}

    def call(self, method, key="", query=(), body=b""):
        """One request on a connection of its own, so that a restart between two does not matter."""
        return sigv4.call(self.node.endpoint(), method, f"/{self.bucket}" + (f"/{key}" if key else ""), query, None, body)

    def put(self, key, size, connection=None):
        """The answer; 200 counts as acknowledged."""
        body = random.Random(f"{self.bucket} {key}").randbytes(size)
        path = f"/{self.bucket}/{key}"
        answer = sigv4.call(self.node.endpoint(), "PUT", path, (), None, body, connection=connection)
        if answer.status == 200:
            self.acknowledged[key] = hashlib.sha256(body).hexdigest()
        return answer

    def fill(self, size, name="fill", at_most=20000):
        """PUTs over a few connections until each is refused; the answers that refused, and how many were taken."""

        def run(lane):
            connection = sigv4.connect(self.node.endpoint())
            for number in range(at_most):  # bounded, or a disk that never fills would hang here
                answer = self.put(f"{name}-{lane}-{number:05}", size, connection)
                if answer.status != 200:
                    connection.close()
                    return answer
            raise AssertionError(f"{at_most} objects of {size} bytes, and the disk is not full")

        before = len(self.acknowledged)
        with concurrent.futures.ThreadPoolExecutor(LANES) as pool:
            refused = list(pool.map(run, range(LANES)))
        return refused, len(self.acknowledged) - before

    def delete_many(self, keys):
        """Each must be answered 204."""

        def run(lane):
            endpoint = self.node.endpoint()
            connection = sigv4.connect(endpoint)
            for key in keys[lane::LANES]:
                answer = sigv4.call(endpoint, "DELETE", f"/{self.bucket}/{key}", connection=connection)
                assert answer.status == 204, f"DELETE {key}: {answer}"
            connection.close()

        with concurrent.futures.ThreadPoolExecutor(LANES) as pool:
            list(pool.map(run, range(LANES)))
        for key in keys:
            del self.acknowledged[key]

    def delete(self, key):
        answer = self.call("DELETE", key)
        if answer.status == 204:
            self.acknowledged.pop(key, None)
        return answer

    def check(self):
        """Everything acknowledged is listed and has its content, and nothing else is there."""
        assert self.listed() == set(self.acknowledged)
        endpoint = self.node.endpoint()
        connection = sigv4.connect(endpoint)
        for key, want in self.acknowledged.items():
            answer = sigv4.call(endpoint, "GET", f"/{self.bucket}/{key}", connection=connection)
            assert answer.status == 200, f"GET {key}: {answer}"
            assert hashlib.sha256(answer.body).hexdigest() == want, f"{key} has another content"
        connection.close()

    def listed(self):
        keys, token = set(), None
        while True:
            answer = self.call("GET", query=[("list-type", "2"), *([("continuation-token", token)] if token else [])])
            assert answer.status == 200, answer
            keys.update(text.split(b"</Key>")[0].decode() for text in answer.body.split(b"<Key>")[1:])
            if b"<IsTruncated>true" not in answer.body:
                return keys
            token = answer.body.split(b"<NextContinuationToken>")[1].split(b"<")[0].decode()


@pytest.fixture
def ledger_of():
    """A function (node, bucket) -> Ledger of a bucket made for it."""

    def make(node, bucket="disk"):
        node.cli("bucket", "create", bucket)
        return Ledger(node, bucket)

    return make
