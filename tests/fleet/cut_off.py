#!/usr/bin/env python3
"""The real clients of tests/clients against a device whose link is cut; then the link returns and the hub must hold it all.

    .venv/bin/python tests/fleet/cut_off.py            the short form: boto3, rclone, restic, s3cmd whole; AWS CLI: the
                                                        current one, copy, sync, listings, delete (SHORT)
    .venv/bin/python tests/fleet/cut_off.py --all      everything that does not make buckets, with both AWS CLIs
    .venv/bin/python tests/fleet/cut_off.py -- -k NAME  only these; what follows -- goes to pytest

Exit code 0: every client test passed, the device ran on, and after the meeting both nodes show the same objects.
"""

import argparse
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from tests.clients.conftest import make_client  # noqa: E402
from tests.support.fleet import Device  # noqa: E402
from tests.support.node import ROOT, Node, wait_until  # noqa: E402

BUCKET = "mission"
# A second start of the AWS CLI costs a second of CPU: of its tests these few, with the current version.
SHORT = "not debian-cli and not (test_awscli and not (keeps_content_type or sync_makes or pipe or large_file))"


def objects(client):
    """key -> (ETag, size) of all objects of the bucket."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return {row["Key"]: (row["ETag"], row["Size"]) for page in pages for row in page.get("Contents", [])}


def run_clients(device, credentials, options):
    endpoint = device.endpoint()
    choice = [] if options.all or options.pytest else ["-k", SHORT]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/clients", "--endpoint", endpoint.url,
         "--ca", endpoint.ca, "--credentials", str(credentials), "--region", endpoint.region, "--bucket", BUCKET,
         *choice, *options.pytest], cwd=ROOT, check=False).returncode


def play(hub, device, options):
    hub.start()
    hub.cli("bucket", "create", BUCKET)
    make_client(hub.endpoint()).put_object(Bucket=BUCKET, Key="readme", Body=b"from the hub")
    device.link.mend(hub.ready[2])
    device.enroll().assign(BUCKET)
    device.start()
    device.wait_settled(BUCKET)
    device.link.cut()
    assert hub.stop() == 0, hub.log_tail()  # there is no hub at all now
    if run_clients(device, hub.credentials, options) != 0:
        print(f"cut off: clients failed; the device's log ends:\n{device.log_tail()}")
        return 1
    assert device.is_running(), device.log_tail()
    hub.start()
    device.follow_hub()
    at_device, at_hub = make_client(device.endpoint()), make_client(hub.endpoint())
    here = objects(at_device)
    wait_until("the hub shows what the device does", lambda: objects(at_hub) == here, seconds=120)
    device.wait_settled(BUCKET, seconds=120)
    assert "readme" in here and objects(at_device) == here
    for key in here:
        body = at_hub.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        assert body == at_device.get_object(Bucket=BUCKET, Key=key)["Body"].read(), f"{key} differs at the hub"
    assert device.stop() == 0 and hub.stop() == 0
    print(f"cut off: the hub holds all {len(here)} objects that the clients left at the device")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("pytest", nargs="*", help="options for pytest, behind --")
    options = parser.parse_args()
    hub = Node()
    device = Device(hub, "field-01")
    try:
        return play(hub, device, options)
    finally:
        device.close()
        hub.close()


if __name__ == "__main__":
    sys.exit(main())
