"""One flipped bit anywhere in the directory of a stopped node: it is told, or it does no harm. Never is anything else served
than what was stored, and never does something that was stored seem not to be there.

DL_FLIPS=1000 is the full run (40); DL_FLIP_SEED chooses others.
"""

import http.client
import os
import random
import re
import shutil
import subprocess

import pytest

from tests.support import sigv4
from tests.support.node import Endpoint, Node

FLIPS = int(os.environ.get("DL_FLIPS", "40"))
SEED = os.environ.get("DL_FLIP_SEED", "1")
BUCKET = "box"
LISTED = 1000


def body_of(number):
    return random.Random(number).randbytes((10, 600, 5000, 40_000, 200_000)[number % 5])


def key_of(number):
    return f"dir-{number % 3}/object-{number}"


@pytest.fixture(scope="module")
def stopped(tmp_path_factory, request):
    """A hub with objects of all sizes, some overwritten, some deleted; restarted once, so that tables are there; stopped."""
    node = Node(tmp_path_factory.mktemp("stopped"))
    request.addfinalizer(node.close)
    node.start()
    there = {}
    answer = sigv4.call(node.endpoint(), "PUT", f"/{BUCKET}")
    assert answer.status == 200, answer
    for number in range(60):
        if number == 40:
            assert node.stop() == 0
            node.start()
        key, body = key_of(number % 50), body_of(number)
        assert sigv4.call(node.endpoint(), "PUT", f"/{BUCKET}/{key}", body=body).status == 200
        there[key] = body
        if number % 11 == 10:
            assert sigv4.call(node.endpoint(), "DELETE", f"/{BUCKET}/{key}").status == 204
            del there[key]
    assert node.stop() == 0
    return node, there


def flip(directory, source):
    """Flips one bit; each file is as likely as any other. Returns what it was."""
    path = source.choice(sorted(p for p in directory.rglob("*") if p.is_file() and p.stat().st_size > 0))
    data = bytearray(path.read_bytes())
    at, bit = source.randrange(len(data)), source.randrange(8)
    data[at] ^= 1 << bit
    mode = path.stat().st_mode
    path.write_bytes(data)
    path.chmod(mode)
    return f"{path.relative_to(directory)}, byte {at}, bit {bit}"


def look(endpoint, there):
    """What is wrong with what the node says; a refusal to say it is not."""
    wrong = []

    def ask(path, query=()):
        try:
            answer = sigv4.call(endpoint, "GET", path, query)
        except (OSError, http.client.HTTPException):
            return None  # the body broke off, or the process ended: seen by whoever asks
        return None if answer.status >= 500 else answer

    for key, body in there.items():
        answer = ask(f"/{BUCKET}/{key}")
        if answer and (answer.status != 200 or answer.body != body):
            wrong.append(f"GET {key}: {answer.status}, {len(answer.body)} bytes")
    answer = ask(f"/{BUCKET}", [("list-type", "2"), ("max-keys", str(LISTED))])
    if answer:
        listed = {part.split(b"</Key>")[0].decode() for part in answer.body.split(b"<Key>")[1:]}
        if answer.status != 200 or listed != set(there):
            wrong.append(f"the listing: {answer.status}, differs in {sorted(listed ^ set(there))}")
    return wrong


def test_one_flipped_bit_is_told_or_harmless(stopped, tmp_path):
    whole, there = stopped
    told = 0
    for number in range(FLIPS):
        source = random.Random(f"{SEED}/{number}")
        node = Node(tmp_path / str(number))
        try:
            subprocess.run(["cp", "-a", str(whole.data_dir), str(node.data_dir)], check=True)
            ca = shutil.copy(node.data_dir / "ca.pem", node.base / "ca-that-was.pem")
            shutil.copy(whole.credentials, node.credentials)
            where = flip(node.data_dir, source)
            try:
                node.start()
            except AssertionError as refused:
                # Its own end, with a reason; not that of a program which trusted what it read.
                assert re.search(r"ended with code \d+ before", str(refused)), f"{where}: {refused}"
                assert "assertion failed" not in str(refused), f"{where}: {refused}"
                told += 1
                continue
            known = node.endpoint()
            wrong = look(Endpoint(known.url, str(ca), known.access_key, known.secret_key), there)
            assert not wrong, f"flip {number} of seed {SEED} ({where}): {wrong}\n{node.log_tail()}"
        finally:
            node.close()
            shutil.rmtree(tmp_path / str(number), ignore_errors=True)
    print(f"{FLIPS} flips, {told} refused at the start")
    assert told > 0, "no flip was ever seen: does this look at the right directory?"
