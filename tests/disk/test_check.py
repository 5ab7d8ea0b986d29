"""`demilune check`: a whole directory is clean, damage is told with its place, and nothing is changed by looking."""

import hashlib
import json
import random
import shutil
import subprocess

import pytest

from tests.support import sigv4
from tests.support.node import Node, run_program

BUCKET = "box"


def body_of(number):
    return random.Random(number).randbytes((10, 600, 5000, 40_000, 200_000)[number % 5])


def call(node, method, path, query=(), body=b""):
    answer = sigv4.call(node.endpoint(), method, path, query, None, body)
    assert answer.status in (200, 204), f"{method} {path}: {answer}"
    return answer


@pytest.fixture(scope="module")
def stopped(tmp_path_factory, request):
    """A hub with objects of all sizes, versions, an open upload, deletions; restarted, so that there are tables; stopped."""
    node = Node(tmp_path_factory.mktemp("checked"))
    request.addfinalizer(node.close)
    node.start()
    call(node, "PUT", f"/{BUCKET}")
    node.cli("bucket", "versioning", BUCKET, "enabled")
    for number in range(60):
        if number == 40:
            assert node.stop() == 0
            node.start()
        call(node, "PUT", f"/{BUCKET}/object-{number % 50:02}", body=body_of(number))
    call(node, "DELETE", f"/{BUCKET}/object-07")
    begun = call(node, "POST", f"/{BUCKET}/upload", [("uploads", "")]).body
    upload = begun.split(b"<UploadId>")[1].split(b"<")[0].decode()
    call(node, "PUT", f"/{BUCKET}/upload", [("partNumber", "1"), ("uploadId", upload)], random.Random(1).randbytes(100_000))
    assert node.stop() == 0
    node.start()
    assert node.stop() == 0
    return node


@pytest.fixture
def copy(stopped, tmp_path):
    subprocess.run(["cp", "-a", str(stopped.data_dir), str(tmp_path / "data")], check=True)
    return tmp_path / "data"


def state_of(directory):
    """What every file holds, its mode and its time; directories too."""
    out = {}
    for path in sorted(directory.rglob("*")) + [directory]:
        stat = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        out[str(path.relative_to(directory))] = (content, stat.st_mode, stat.st_mtime_ns, stat.st_size)
    return out


def check(directory, *arguments):
    """(exit status, answer as JSON) of a check that must not change anything."""
    before = state_of(directory)
    done = run_program("-o", "json", "check", str(directory), *arguments)
    assert state_of(directory) == before, "the directory was changed"
    assert done.returncode in (0, 1), f"{done.returncode}: {done.stderr}"
    return done.returncode, json.loads(done.stdout)


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    mode = path.stat().st_mode
    path.write_bytes(data)
    path.chmod(mode)


def only(directory, pattern, least=0):
    """The largest file that fits."""
    found = max(directory.glob(pattern), key=lambda path: path.stat().st_size)
    assert found.stat().st_size > least, f"{pattern}: only {found.stat().st_size} bytes"
    return found


def test_a_whole_directory_is_clean(copy):
    status, answer = check(copy)
    assert (status, answer["clean"], answer["findings"]) == (0, True, [])
    summary = answer["summary"]
    # 60 objects and a marker in `box`, each of which was audited; control state besides.
    assert summary["objects"] >= 61 and summary["audit_records"] >= 61
    assert summary["bodies"] >= 61 and summary["bytes"] > sum(len(body_of(n)) for n in range(60))
    table = run_program("check", str(copy))
    assert table.returncode == 0 and table.stdout.startswith("clean: "), table.stdout


# Where a byte is damaged, and what a finding must name.
PLACES = [
    ("FORMAT", 5, "FORMAT"),
    ("watermark/default", 20, "watermark/default"),
    ("keys/ring", 200, "keys/ring"),
    ("kv/default/CURRENT", 70, "CURRENT"),
    ("kv/default/MANIFEST-*", 200, "MANIFEST-"),
    ("kv/default/*.sst", 500, ".sst"),
    ("kv/default/*.blob", 3000, ".blob"),
    ("kv/control/*.sst", 500, ".sst"),
    ("segments/default/*.seg", 5, ".seg"),
    ("segments/default/*.seg", 50_000, "segments/default"),
]


@pytest.mark.parametrize("pattern,at,named", PLACES, ids=[f"{p}@{a}" for p, a, _ in PLACES])
def test_a_flipped_bit_is_told_with_its_place(copy, pattern, at, named):
    path = only(copy, pattern, at)
    flip(path, at)
    status, answer = check(copy)
    assert status == 1 and answer["summary"]["findings"] >= 1
    texts = [f"{f['place']}: {f['message']}" for f in answer["findings"]]
    assert any(named in text for text in texts), texts
    # A finding is of what was damaged: partitions and files that are whole are not named.
    other = "control" if "default" in pattern else "default"
    assert not any(f"kv/{other}" in text for text in texts), texts


def test_a_damaged_log_is_told_with_its_byte(stopped, tmp_path):
    node = Node(tmp_path)
    try:
        subprocess.run(["cp", "-a", str(stopped.data_dir), str(node.data_dir)], check=True)
        shutil.copy(stopped.credentials, node.credentials)
        node.start()
        for number in range(20):
            call(node, "PUT", f"/{BUCKET}/late-{number}", body=body_of(1))
        node.kill()  # what was written lies in the log only
    finally:
        node.close()
    assert check(node.data_dir)[0] == 0
    flip(only(node.data_dir, "kv/default/*.log", 5000), 3000)
    status, answer = check(node.data_dir)
    texts = [f"{f['place']}: {f['message']}" for f in answer["findings"]]
    assert status == 1 and any(".log: a record is damaged at byte" in text for text in texts), texts


def test_a_damaged_body_is_told_with_its_object(copy):
    """In segments by slab; small ones by their value in a blob file."""
    for pattern, at in (("segments/default/*.seg", 50_000), ("kv/default/*.blob", 3000)):
        path = only(copy, pattern, at)
        whole = path.read_bytes()
        flip(path, at)
        _, answer = check(copy)
        named = [f for f in answer["findings"] if f["key"]]
        assert len(named) == 1 and named[0]["bucket"] == BUCKET, answer["findings"]
        assert named[0]["key"].startswith("object-") and len(named[0]["version"]) == 32, named
        path.write_bytes(whole)


def test_what_lies_in_a_damaged_block_is_named_by_what_points_to_it(copy):
    path = only(copy, "kv/default/*.sst", 4000)
    flip(path, 500)  # the first block: rows of listings
    _, answer = check(copy)
    named = [f for f in answer["findings"] if "listing" in f["message"]]
    assert len(named) >= 10 and all(f["bucket"] == BUCKET and f["key"] and f["version"] for f in named), answer["findings"]


def test_what_is_missing_is_told(copy):
    only(copy, "segments/default/*.seg").unlink()
    _, answer = check(copy)
    assert sum(1 for f in answer["findings"] if f["key"]) >= 10, answer["findings"]
    only(copy, "kv/default/*.sst").unlink()
    status, answer = check(copy)
    assert status == 1 and any(".sst" in f["message"] for f in answer["findings"]), answer["findings"]
    (copy / "keys" / "root").unlink()
    _, answer = check(copy)
    assert [f["place"] for f in answer["findings"]] == ["keys/root"]


def test_what_cannot_be_checked_is_refused(stopped, tmp_path):
    node = Node(tmp_path / "running")
    try:
        node.start()
        done = run_program("check", str(node.data_dir))
        assert done.returncode == 2 and "a node runs in" in done.stderr, done
    finally:
        node.close()
    (tmp_path / "empty").mkdir()
    assert run_program("check", str(tmp_path / "empty")).returncode == 2
    assert run_program("check", str(tmp_path / "absent")).returncode == 2
    assert not (tmp_path / "absent").exists() and not list((tmp_path / "empty").iterdir())
