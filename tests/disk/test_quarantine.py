"""Damage on the disk of a running node: what is damaged is refused precisely, everything else is served, and no start ends
the process again and again. The scrub finds by itself what nobody reads, and `doctor` names it."""

import http.client
import json
import random
import shutil
import subprocess

import pytest

from tests.support import sigv4
from tests.support.node import Node, wait_until

BUCKET = "box"
OBJECTS = 60
NEVER = {"DEMILUNE_STORAGE__SCRUB_INTERVAL": "0s"}
ALWAYS = {"DEMILUNE_STORAGE__SCRUB_INTERVAL": "1s", "DEMILUNE_STORAGE__SCRUB_RATE": "1GiB"}


def key_of(number):
    return f"object-{number:02}"


def body_of(number):
    return random.Random(number).randbytes((10, 600, 5000, 40_000, 700_000)[number % 5])


def call(node, method, key="", query=(), body=b""):
    return sigv4.call(node.endpoint(), method, f"/{BUCKET}" + (f"/{key}" if key else ""), query, None, body)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory, request):
    node = Node(tmp_path_factory.mktemp("quarantine"), env=NEVER)
    request.addfinalizer(node.close)
    node.start()
    assert call(node, "PUT").status == 200
    for number in range(OBJECTS):
        assert call(node, "PUT", key_of(number), body=body_of(number)).status == 200
    for _ in range(2):  # what lies in the log goes into tables
        assert node.stop() == 0
        node.start()
    assert node.stop() == 0
    return node


@pytest.fixture
def node_with(stopped, tmp_path, request):
    """A function (pattern, byte, environment) -> a started node whose largest such file has a byte flipped there."""

    def make(pattern, at, env):
        node = Node(tmp_path / "hurt", env=env)
        request.addfinalizer(node.close)
        subprocess.run(["cp", "-a", str(stopped.data_dir), str(node.data_dir)], check=True)
        shutil.copy(stopped.credentials, node.credentials)
        path = max(node.data_dir.glob(pattern), key=lambda p: p.stat().st_size)
        data = bytearray(path.read_bytes())
        data[at] ^= 0x10
        path.write_bytes(data)
        return node.start()

    return make


def refused(node):
    """The keys that are not served; each must be refused in the one way, all others be whole."""
    out = []
    for number in range(OBJECTS):
        try:
            answer = call(node, "GET", key_of(number))
        except (OSError, http.client.HTTPException):
            out.append((key_of(number), None))  # cut off: damage behind what was sent
            continue
        if answer.status == 200:
            assert answer.body == body_of(number), f"{key_of(number)} has another content"
        else:
            assert answer.status == 500 and b"<Code>DataDamaged</Code>" in answer.body, f"{key_of(number)}: {answer}"
            out.append((key_of(number), answer.body))
    return out


def findings(node, subject):
    answer = node.cli("-o", "json", "doctor", check=False)
    return [f for f in json.loads(answer.stdout)["findings"] if f["subject"] == subject]


@pytest.mark.parametrize("pattern,at", [("segments/default/*.seg", 50_000), ("kv/default/*.blob", 3000)],
                         ids=["segment", "blob-file"])
def test_one_damaged_body_is_refused_and_all_else_served(node_with, pattern, at):
    node = node_with(pattern, at, NEVER)
    bad = refused(node)
    assert len(bad) == 1, bad
    key, body = bad[0]
    assert b"is damaged on this node" in body and b"other versions and objects are not concerned" in body, body
    assert call(node, "HEAD", key).status == 200
    told = findings(node, "damage")
    assert len(told) == 1 and told[0]["level"] == "error" and f"s3://{BUCKET}/{key}" in told[0]["message"], told
    records = wait_until("the audit record", lambda: [r for r in node.ask("audit", "search", "--action", "demilune:FindDamage")["records"]])
    assert len(records) == 1 and key in records[0]["resource"] and records[0]["outcome"] == "failed", records
    # Written anew, it is served again; the process never ended.
    assert call(node, "PUT", key, body=b"new").status == 200
    assert call(node, "GET", key).body == b"new"
    assert node.stop() == 0


def test_damage_behind_what_was_sent_cuts_the_answer(node_with):
    node = node_with("segments/default/*.seg", -40_000, NEVER)
    bad = refused(node)
    assert len(bad) == 1, bad
    assert any(f"s3://{BUCKET}/{bad[0][0]}" in f["message"] for f in findings(node, "damage"))


def test_a_damaged_block_of_a_table_never_ends_the_process(node_with):
    """Enough writes and starts for compactions over the block: they fail, and the node goes on."""
    node = node_with("kv/default/*.sst", 500, NEVER)
    for turn in range(8):
        for number in range(40):
            assert call(node, "PUT", f"more-{turn}-{number}", body=b"x" * 700).status == 200
        assert node.stop() == 0, node.log_tail()  # by itself, with 0: it was never ended by the damage
        node.start()
    met = wait_until("a compaction meets the block", lambda: [f for f in findings(node, "damage") if "database" in f["message"]])
    assert ".sst" in met[0]["message"] and met[0]["next"], met
    assert call(node, "GET", "more-0-0").body == b"x" * 700
    assert call(node, "PUT", "last", body=b"y").status == 200 and call(node, "DELETE", "more-1-1").status == 204
    for number in range(OBJECTS):
        answer = call(node, "GET", key_of(number))
        assert answer.status == 500 or answer.body == body_of(number)
    assert node.stop() == 0


def test_a_start_that_needs_repair_says_so_and_is_not_tried_again(stopped, tmp_path):
    node = Node(tmp_path)
    subprocess.run(["cp", "-a", str(stopped.data_dir), str(node.data_dir)], check=True)
    shutil.copy(stopped.credentials, node.credentials)
    (node.data_dir / "kv" / "default" / "CURRENT").unlink()
    done = node.try_start()
    assert done.returncode == 65 and "CURRENT is missing" in done.stderr and "next:" in done.stderr, done


def test_the_scrub_finds_what_nobody_reads_and_remembers_when_it_ended(node_with):
    node = node_with("segments/default/*.seg", 50_000, ALWAYS)
    last = wait_until("a scrub ends", lambda: [f for f in findings(node, "scrub") if "1 findings" in f["message"]], 90)
    assert last[0]["level"] == "error" and last[0]["next"], last
    told = findings(node, "damage")
    assert any(f"s3://{BUCKET}/object-" in f["message"] for f in told), told
    metrics = subprocess.run(["curl", "-s", "--unix-socket", str(node.data_dir / "demilune.sock"), "http://d/metrics"],
                             capture_output=True, text=True, check=True).stdout
    values = {line.split(" ")[0]: float(line.split(" ")[1]) for line in metrics.splitlines() if line and line[0] != "#"}
    assert values["demilune_scrub_findings"] == 1 and values["demilune_damaged"] == 1
    # Bodies in segments, but what lies behind the damage in its body.
    assert values["demilune_scrub_bytes_total"] > sum(len(body_of(n)) for n in range(OBJECTS) if n % 5 > 2) - 700_000
    assert values["demilune_scrub_finished_timestamp_seconds"] > 1_600_000_000
    assert node.stop() == 0
    node.env.update(NEVER)
    node.start()
    assert findings(node, "scrub")[0]["level"] == "warning"  # switched off
    assert node.stop() == 0
