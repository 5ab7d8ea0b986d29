"""A disk that stays full under load (`--full-seconds`): reads, deletes and audit go on, and it recovers by itself."""

import concurrent.futures
import datetime
import hashlib
import random
import time

import pytest

from tests.support.node import Node, wait_until
from tests.support.small_disk import small_disk, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=f"NOT TESTED: a small file system needs {why_not()}")

SIZE = 60000
READERS = 2
SPARE = 400  # small objects that are deleted while the disk is full
CHECK_EVERY = 2.0  # seconds between two looks at the audit log
LATE = datetime.timedelta(seconds=10)


@pytest.fixture
def node(tmp_path):
    with small_disk(tmp_path, 200) as disk:
        made = Node(disk / "node")
        made.log_path = tmp_path / "node.log"
        made.start()
        yield made
        made.close()


def read_on(ledger, lane, until):
    """Reads what stays; every one must be answered with its content. How many were read."""
    source, keys, count = random.Random(lane), sorted(key for key in ledger.acknowledged if key.startswith("fill")), 0
    while time.monotonic() < until:
        key = source.choice(keys)
        answer = ledger.call("GET", key)
        assert answer.status == 200, f"GET {key} of a full disk: {answer}"
        assert hashlib.sha256(answer.body).hexdigest() == ledger.acknowledged[key], f"{key} has another content"
        count += 1
    return count


def write_on(ledger, until):
    """Writes until refused, then deletes one, again and again. (taken, refused, deleted)"""
    taken, refused, deleted, mine = 0, 0, 0, sorted(key for key in ledger.acknowledged if key.startswith("spare"))
    while time.monotonic() < until:
        key = f"more-{taken + refused}"
        answer = ledger.put(key, SIZE)
        assert answer.status in (200, 507), f"PUT {key} on a full disk: {answer}"
        if answer.status == 200:
            taken += 1
            mine.append(key)
            continue
        refused += 1
        if mine:
            gone = ledger.delete(mine.pop())
            assert gone.status == 204, f"DELETE on a full disk: {gone}"
            deleted += 1
    return taken, refused, deleted


def audit_on(node, until):
    """What is done while the disk is full is in the audit log, and soon. How often it was looked."""
    looks = 0
    while time.monotonic() < until:
        now = datetime.datetime.now(datetime.timezone.utc)
        (newest,) = node.ask("audit", "search", "--last", "1h", "--limit", "1")["records"]
        at = datetime.datetime.fromisoformat(newest["time"].replace("Z", "+00:00"))
        assert at > now - LATE, f"at {now} the newest audit record of a full disk under load is {newest}"
        looks += 1
        time.sleep(min(CHECK_EVERY, max(0.0, until - time.monotonic())))
    return looks


def test_a_disk_that_stays_full_under_load(node, ledger_of, full_seconds):
    ledger = ledger_of(node)
    for number in range(SPARE):
        assert ledger.put(f"spare-{number}", 1000).status == 200
    ledger.fill(1000000)
    ledger.fill(SIZE, "fill2")
    until = time.monotonic() + full_seconds
    with concurrent.futures.ThreadPoolExecutor(READERS + 2) as pool:
        readers = [pool.submit(read_on, ledger, lane, until) for lane in range(READERS)]
        writer = pool.submit(write_on, ledger, until)
        auditor = pool.submit(audit_on, node, until)
        read, (taken, refused, deleted), looks = sum(one.result() for one in readers), writer.result(), auditor.result()
    print(f"full for {full_seconds} s: {read} reads, {taken} writes taken, {refused} refused, {deleted} deletes, {looks} looks")
    assert node.is_running() and read > full_seconds and refused > 0 and deleted > 0 and looks > 0
    ledger.delete_many(sorted(ledger.acknowledged)[::2])
    wait_until("space came back by itself", lambda: ledger.put("again", SIZE).status == 200, seconds=90)
    ledger.check()
    node.kill()
    node.start()
    ledger.check()
