#!/usr/bin/env python3
"""A bucket is taken from a device and given back, between real processes: what only the device has comes to the hub
first, also when its process is killed in between; then the device's copy goes; given back, it flows again.

    python3 tests/chaos/unassign.py [--rounds 2] [--seed N]

Prints one line a round and ends with `N passed, N failed`. The seed decides sizes and the moment of the kill.
"""

import argparse
import pathlib
import random
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from tests.support.node import Node  # noqa: E402

WAIT_SECONDS = 90


def wait_for(what, holds):
    """Asks four times a second; raises when it does not come."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"it did not come: {what}")
        time.sleep(0.25)


class Story:
    def __init__(self, base, seed):
        self.random = random.Random(seed)
        self.base = base
        self.hub = Node(base / "hub")
        self.device = Node(base / "device")
        self.bodies = {}

    def start(self):
        self.hub.start()
        env = {"AWS_SHARED_CREDENTIALS_FILE": str(self.hub.credentials)}
        self.hub.env.update(env)
        self.device.env.update(env)
        self.hub.cli("bucket", "create", "mission", "--versioning")
        code = self.hub.cli("device", "invite", "field-01", "--hub-address", self.hub.ready[2], "-o", "name").stdout
        self.device.cli("device", "enroll", "--code", "-", stdin=code)
        self.device.credentials = self.hub.credentials
        self.device.start()
        self.assign()
        assert not self.device.cli("ls", "s3://mission/", "-o", "name").stdout, "the new bucket is empty"

    def has(self, node, key):
        done = node.cli("cp", f"s3://mission/{key}", str(self.base / "got"), check=False)
        return done.returncode == 0 and (self.base / "got").read_bytes() == self.bodies[key]

    def put(self, node, key, size):
        self.bodies[key] = self.random.randbytes(size)
        (self.base / "put").write_bytes(self.bodies[key])
        node.cli("cp", str(self.base / "put"), f"s3://mission/{key}")

    def shown(self):
        return self.device.cli("ls", "s3://mission/", check=False).returncode == 0

    def assign(self):
        self.hub.cli("device", "assign", "field-01", "--bucket", "mission")
        wait_for("the device shows the bucket", self.shown)

    def dropped(self):
        return "no longer assigned" in self.device.log_path.read_text()

    def round(self, number):
        self.put(self.device, f"online-{number}", 100_000)
        wait_for("an object written with a link", lambda: self.has(self.hub, f"online-{number}"))
        self.device.cli("sync", "pause")
        for i in range(3):
            self.put(self.device, f"offline-{number}-{i}", self.random.choice([10, 100_000, 8_000_000]))
        self.hub.cli("device", "unassign", "field-01", "--bucket", "mission")
        self.device.log_path.write_text("")
        killed = number % 2 == 1
        if killed:  # a start begins with a link
            self.device.kill()
            self.device.start()
            time.sleep(self.random.random())
            self.device.kill()
            self.device.start()
        else:
            self.device.cli("sync", "resume")
        wait_for("the device lets go", self.dropped)
        for key in self.bodies:
            assert self.has(self.hub, key), f"{key} is not at the hub, and the device let it go"
        assert not self.shown(), "an unassigned bucket is shown"
        self.put(self.hub, f"meanwhile-{number}", 50_000)
        self.assign()
        self.put(self.device, f"again-{number}", 20_000)
        wait_for("an object written after", lambda: self.has(self.hub, f"again-{number}"))
        for key in self.bodies:
            wait_for(f"{key} at the device", lambda key=key: self.has(self.device, key))
        facts = self.hub.cli("sync", "why", f"s3://mission/again-{number}").stdout
        assert "checked: its device signed it" in facts, facts

    def stop(self):
        for node in (self.device, self.hub):
            if node.is_running():
                node.stop()
        for node in (self.device, self.hub):
            log = node.log_path.read_text()
            assert " error " not in log and "ALARM" not in log, log[-3000:]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    base = pathlib.Path(tempfile.mkdtemp(prefix="demilune-unassign-"))
    story, passed, failed = Story(base, options.seed), 0, 0
    try:
        story.start()
        for number in range(options.rounds):
            story.round(number)
            passed += 1
            print(f"round {number}: {len(story.bodies)} objects at both", flush=True)
        story.stop()
    except AssertionError as problem:
        failed += 1
        print(f"round {passed}: {problem}\n  replay: tests/chaos/unassign.py --seed {options.seed}; logs in {base}")
    finally:
        for node in (story.device, story.hub):
            if node.is_running():
                node.kill()
    if not failed:
        shutil.rmtree(base)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
