"""A bucket is taken from a device and given back: what only the device has comes to the hub first, also when its process
is killed in between; then the device's copy goes; given back, it flows again."""

import random

import botocore.exceptions
import pytest

from tests.clients.conftest import make_client
from tests.support.node import wait_until

ROUNDS = 2


# A device knows the keys of those only who have rights in a bucket of its.
NOT_THERE = ("NoSuchKey", "NoSuchBucket", "ServiceUnavailable", "InvalidAccessKeyId")


def body_of(client, bucket, key):
    """None when it is not there."""
    try:
        return client.get_object(Bucket=bucket, Key=key)["Body"].read()
    except botocore.exceptions.ClientError as refusal:
        assert refusal.response["Error"]["Code"] in NOT_THERE, refusal
        return None


def assign(device, bucket):
    device.assign(bucket)
    wait_until("the device shows the bucket", lambda: device.cli("ls", f"s3://{bucket}/", check=False).returncode == 0)


@pytest.mark.parametrize("killed_after", [None, 20_000, 6_000_000], ids=["undisturbed", "killed-early", "killed-in-a-body"])
def test_nothing_is_lost_when_a_bucket_is_taken_and_given_back(hub, make_device, killed_after):
    bucket = f"on-loan-{killed_after or 0}"
    source, bodies = random.Random(killed_after), {}
    hub.cli("bucket", "create", bucket, "--versioning")
    at_hub = make_client(hub.endpoint())
    device = make_device(bucket)
    device.enroll()
    device.start()
    device.env["AWS_SHARED_CREDENTIALS_FILE"] = str(hub.credentials)
    assign(device, bucket)

    def put(client, key, size):
        bodies[key] = source.randbytes(size)
        client.put_object(Bucket=bucket, Key=key, Body=bodies[key])

    def wait_all(client, where):
        for key, body in bodies.items():
            wait_until(f"{key} is {where}", lambda k=key, b=body: body_of(client, bucket, k) == b)

    for number in range(1, ROUNDS + 1):
        at_device = make_client(device.endpoint())
        put(at_device, f"linked-{number}", 100_000)
        wait_all(at_hub, "at the hub")
        device.cut()
        for size in (10, 100_000, 8_000_000):
            put(at_device, f"cut-off-{number}-{size}", size)
        hub.cli("device", "unassign", device.name, "--bucket", bucket)
        carried = device.link.carried
        device.mend()
        if killed_after:
            wait_until("the device sends", lambda: device.link.carried - carried >= killed_after, every=0.01)
            device.kill()
            device.start()
        wait_until("the device lets go", lambda: device.log_text().count("no longer assigned") == number)
        for key, body in bodies.items():
            assert body_of(at_hub, bucket, key) == body, f"{key} is not at the hub, and the device let it go"
        at_device = make_client(device.endpoint())
        assert body_of(at_device, bucket, f"linked-{number}") is None
        put(at_hub, f"meanwhile-{number}", 50_000)
        assign(device, bucket)
        put(at_device, f"again-{number}", 20_000)
        wait_all(at_hub, "at the hub")
        wait_all(at_device, "at the device")
        assert "checked: its device signed it" in hub.cli("sync", "why", f"s3://{bucket}/again-{number}").stdout
    for node in (device, hub):
        assert " error " not in node.log_text() and "ALARM" not in node.log_text(), node.log_tail()
