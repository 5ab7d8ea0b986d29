"""A full disk, on a real small file system: refused in words, everything else goes on, space comes back, nothing is lost."""

import errno
import io
import json
import os

import botocore.exceptions
import pytest

from tests.clients.conftest import make_client
from tests.support.node import Node, wait_until
from tests.support.small_disk import free_mib, small_disk, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=f"NOT TESTED: a small file system needs {why_not()}")


@pytest.fixture
def disk(tmp_path, request):
    """The mount point of a small file system."""
    with small_disk(tmp_path, request.param) as at:
        yield at


@pytest.fixture
def node(disk, tmp_path):
    made = Node(disk / "node")
    made.log_path = tmp_path / "node.log"  # what it says of a full disk is not kept on that disk
    made.start()
    yield made
    made.close()


def is_refused(answer):
    return answer.status == 507 and b"<Code>InsufficientStorage</Code>" in answer.body and b"MiB free" in answer.body


def takes_writes(ledger, key):
    return lambda: ledger.put(key, 1000).status == 200


@pytest.mark.parametrize("disk,size", [(300, 1000000), (200, 16000)], indirect=["disk"], ids=["large-bodies", "small-bodies"])
def test_a_disk_that_clients_fill(node, disk, ledger_of, size):
    ledger = ledger_of(node)
    refused, taken = ledger.fill(size)
    assert all(is_refused(answer) for answer in refused), refused
    assert taken * size > free_mib(disk) << 20, "most of the disk was used before it was refused"
    assert is_refused(ledger.put("one-more", 10))
    if size > 16384:  # small ones are refused earlier, for what memory still has to write
        assert any(row["subject"] == "disk" and row["level"] == "error" for row in findings(node))
    ledger.check()  # reads and listings go on
    assert node.stop() == 0
    node.start()  # full as it is
    refused, _ = ledger.fill(size, "after-the-restart")
    assert all(is_refused(answer) for answer in refused), refused
    ledger.delete_many(sorted(ledger.acknowledged)[::2])
    assert ledger.listed() == set(ledger.acknowledged)
    wait_until("space came back by itself", takes_writes(ledger, "again"), seconds=90)
    again, taken = ledger.fill(size, "second")  # and is used
    assert taken > 0 and all(is_refused(answer) for answer in again), (taken, again)
    assert node.stop() == 0
    node.start()
    ledger.check()


def findings(node):
    return json.loads(node.cli("-o", "json", "doctor", check=False).stdout)["findings"]


@pytest.mark.parametrize("disk", [400], indirect=True)
def test_a_multipart_upload_that_does_not_fit(node, disk, ledger_of):
    ledger = ledger_of(node)
    assert ledger.put("kept", 100000).status == 200
    client = make_client(node.endpoint())
    where = {"Bucket": ledger.bucket, "Key": "large"}
    where["UploadId"] = client.create_multipart_upload(**where)["UploadId"]
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        for number in range(1, 100):
            # A stream: then boto3 asks with `Expect: 100-continue`, and hears the refusal before it sends 8 MiB.
            client.upload_part(PartNumber=number, Body=io.BytesIO(os.urandom(8 << 20)), **where)
    assert caught.value.response["Error"]["Code"] == "InsufficientStorage"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 507
    before = free_mib(disk)
    client.abort_multipart_upload(**where)
    wait_until("the parts' space is back", lambda: free_mib(disk) > before + 100)
    assert ledger.put("again", 1000000).status == 200
    ledger.check()


@pytest.mark.parametrize("disk", [400], indirect=True)
def test_a_disk_that_others_fill_to_the_last_byte(node, disk, ledger_of):
    ledger = ledger_of(node)
    for number in range(40):
        assert ledger.put(f"small-{number}", 2000).status == 200
        assert ledger.put(f"large-{number}", 200000).status == 200
    ballast = disk / "ballast"
    fill_up(ballast)
    for number in range(20):
        assert ledger.put(f"refused-{number}", 2000).status in (503, 507)
        read = ledger.call("GET", f"large-{number}")
        assert read.status == 503 or read.status == 200 and len(read.body) == 200000, read  # closed until there is space
    assert node.is_running()
    ballast.unlink()
    wait_until("it has recovered by itself", takes_writes(ledger, "again"))
    # What was refused with 503 was open: it may be there.
    for key in ledger.listed() - set(ledger.acknowledged):
        assert key.startswith("refused-")
        assert ledger.call("DELETE", key).status == 204
    ledger.check()
    fill_up(ballast)
    node.kill()
    try:
        node.start()
    except AssertionError as ended:  # it may need space to open; then it says so
        assert "No space left" in str(ended) or "no space" in str(ended).lower(), ended
        assert "next: " in str(ended), ended
    ballast.unlink()
    if not node.is_running():
        node.start()
    wait_until("it takes writes", takes_writes(ledger, "after the restart"))
    ledger.check()


def fill_up(path):
    """Writes a file until nothing is free."""
    with open(path, "wb", buffering=0) as file:
        for block in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(block))
            except OSError as error:
                assert error.errno == errno.ENOSPC
