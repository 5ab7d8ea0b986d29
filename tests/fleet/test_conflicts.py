"""One side deletes what the other changes: nobody's work is gone, both are named, and either can be kept."""

import pytest

from tests.clients.conftest import make_client
from tests.support.node import wait_until

BUCKET = "both-sides"


@pytest.fixture(scope="module")
def at_hub(hub):
    hub.cli("bucket", "create", BUCKET, "--versioning")
    return make_client(hub.endpoint())


def keys(client):
    return [row["Key"] for row in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def conflicts(node):
    return {row["key"]: row["versions"] for row in node.ask("conflict", "list", BUCKET)["conflicts"]}


@pytest.mark.parametrize("keep", ["object", "delete-marker"])
@pytest.mark.parametrize("deleter", ["hub", "device"])
def test_a_delete_against_a_change_is_a_conflict_that_either_side_may_win(hub, at_hub, make_device, deleter, keep):
    key = f"{deleter}-deletes-{keep}-stays"
    at_hub.put_object(Bucket=BUCKET, Key=key, Body=b"as it was")
    device = make_device(key)
    device.enroll().assign(BUCKET)
    device.start()
    device.wait_settled(BUCKET)
    at_device = make_client(device.endpoint())
    device.cut()
    deletes, changes = (at_hub, at_device) if deleter == "hub" else (at_device, at_hub)
    deletes.delete_object(Bucket=BUCKET, Key=key)
    changes.put_object(Bucket=BUCKET, Key=key, Body=b"changed")
    device.mend()
    device.wait_settled(BUCKET)
    for node, client in ((hub, at_hub), (device, at_device)):
        wait_until("the conflict is known", lambda at=node: key in conflicts(at))
        shown = {row["kind"]: row for row in conflicts(node)[key]}
        assert set(shown) == {"object", "delete-marker"} and all(row["principal"] for row in shown.values())
        assert (shown["object"]["current"], shown["delete-marker"]["current"]) == (True, False)
        assert client.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"changed"
    hub.cli("conflict", "resolve", f"s3://{BUCKET}/{key}", "--keep", shown[keep]["version"])
    wait_until("it is settled at the device", lambda: key not in conflicts(device))
    assert key not in conflicts(hub)
    for client in (at_hub, at_device):
        assert (key in keys(client)) == (keep == "object")
        if keep == "object":
            assert client.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"changed"
