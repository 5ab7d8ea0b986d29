"""What a device does alone and what only its hub does: the same answers with the link and without."""

import botocore.exceptions
import pytest

from tests.clients.conftest import make_client
from tests.support import sigv4
from tests.support.fleet import Device

BUCKET = "alone"


@pytest.fixture(scope="module")
def at_hub(hub):
    hub.cli("bucket", "create", BUCKET, "--versioning")
    return make_client(hub.endpoint())


@pytest.fixture(scope="module", params=["linked", "cut-off"])
def holder(hub, at_hub, request):
    """A device that holds the bucket with `from-hub` in it."""
    device = Device(hub, f"alone-{request.param}")
    request.addfinalizer(device.close)
    at_hub.put_object(Bucket=BUCKET, Key="from-hub", Body=b"hub's")
    device.enroll().assign(BUCKET)
    device.start()
    device.wait_settled(BUCKET)
    if request.param == "cut-off":
        device.cut()
    return device


@pytest.fixture(scope="module")
def at_device(holder):
    """Its client."""
    return make_client(holder.endpoint())


def refused(call, status, code, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]) == (status, code)
    return answer["Error"]["Message"]


def test_buckets_are_made_changed_and_deleted_at_the_hub_only(at_hub, at_device):
    def buckets(client):
        return [row["Name"] for row in client.list_buckets()["Buckets"]]

    assert buckets(at_device) == [BUCKET]
    for call, more in ((at_device.create_bucket, {"Bucket": "made-at-a-device"}), (at_device.delete_bucket, {"Bucket": BUCKET}),
                       (at_device.put_bucket_versioning,
                        {"Bucket": BUCKET, "VersioningConfiguration": {"Status": "Suspended"}})):
        assert "done at the hub" in refused(call, 501, "NotImplemented", **more)
    refused(at_device.create_bucket, 409, "BucketAlreadyOwnedByYou", Bucket=BUCKET)  # what rclone asks before a copy
    assert buckets(at_device) == [BUCKET] and "made-at-a-device" not in buckets(at_hub)
    for client in (at_device, at_hub):
        assert client.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
        assert client.get_object(Bucket=BUCKET, Key="from-hub")["Body"].read() == b"hub's"


def test_an_empty_bucket_is_not_deleted_at_a_device(hub, make_device):
    hub.cli("bucket", "create", "emptied")
    at_hub = make_client(hub.endpoint())
    at_hub.put_object(Bucket="emptied", Key="k", Body=b"x")
    device = make_device("empties")
    device.enroll().assign("emptied")
    device.start()
    device.wait_settled("emptied")
    client = make_client(device.endpoint())
    client.delete_object(Bucket="emptied", Key="k")
    device.wait_settled("emptied")
    refused(client.delete_bucket, 501, "NotImplemented", Bucket="emptied")
    at_hub.delete_bucket(Bucket="emptied")


def test_a_bucket_that_is_not_assigned_is_not_there(hub, at_device):
    hub.cli("bucket", "create", "elsewhere") if "elsewhere" not in names(hub) else None
    refused(at_device.list_objects_v2, 404, "NoSuchBucket", Bucket="elsewhere")
    refused(at_device.put_object, 404, "NoSuchBucket", Bucket="elsewhere", Key="k", Body=b"x")


def names(hub):
    return [row["name"] for row in hub.ask("bucket", "list")["buckets"]]


def test_a_write_that_asks_for_the_hub_waits_for_it(hub, at_hub, at_device, request):
    def wait_for_hub(request, **_):
        request.headers["x-demilune-wait"] = "hub"

    linked = request.node.callspec.params["holder"] == "linked"
    client, key = at_device, f"asked-for-hub-{linked}"
    client.meta.events.register("before-sign.s3.PutObject", wait_for_hub)
    try:
        if linked:
            client.put_object(Bucket=BUCKET, Key=key, Body=b"x")
            assert at_hub.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"x"
        else:
            message = refused(client.put_object, 503, "ServiceUnavailable", Bucket=BUCKET, Key=key, Body=b"x")
            assert "safe on this node" in message
            refused(at_hub.get_object, 404, "NoSuchKey", Bucket=BUCKET, Key=key)
    finally:
        client.meta.events.unregister("before-sign.s3.PutObject", wait_for_hub)
    assert client.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"x"


@pytest.mark.parametrize("days_ago", [0, 1, 2, 6])
def test_a_presigned_url_lives_its_seven_days_here_too(hub, holder, days_ago):
    made = sigv4.amz_now(-days_ago * 24 * 3600)
    for node in (hub, holder):
        url = sigv4.presign(node.endpoint(), "GET", f"/{BUCKET}/from-hub", 7 * 24 * 3600, amz_date=made)
        answer = sigv4.call_plain(node.endpoint(), "GET", url)
        assert (answer.status, answer.body) == (200, b"hub's"), answer


def test_a_presigned_url_of_over_seven_days_has_expired(hub, holder):
    made = sigv4.amz_now(-7 * 24 * 3600 - 60)
    for node in (hub, holder):
        url = sigv4.presign(node.endpoint(), "GET", f"/{BUCKET}/from-hub", 7 * 24 * 3600, amz_date=made)
        answer = sigv4.call_plain(node.endpoint(), "GET", url)
        assert answer.status == 403 and b"expired" in answer.body.lower(), answer
