"""A user whose policy allows one prefix only, made with the node's own command line."""

import dataclasses
import json
import uuid

import pytest

from tests.clients.conftest import make_client
from tests.clients.test_objects import keys_below, read, refused
from tests.support.node import wait_until

pytestmark = pytest.mark.own_node


def make_user(node, endpoint, tmp_path, policy):
    """(name, endpoint with the keys) of a new user."""
    name = f"user-{uuid.uuid4().hex[:8]}"
    arguments = []
    if policy is not None:
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps(policy), encoding="utf-8")
        arguments = ["--policy", str(file)]
    node.cli("user", "create", name, *arguments)
    key = json.loads(node.cli("key", "create", name, "-o", "json").stdout)
    return name, dataclasses.replace(endpoint, access_key=key["access_key_id"], secret_key=key["secret_access_key"])


def prefix_policy(place, **statement):
    bucket = f"arn:aws:s3:::{place.bucket}"
    return {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
         "Resource": f"{bucket}/{place.key('mine/*')}"},
        *([statement] if statement else [])]}


def test_user_without_a_policy_may_nothing(node, endpoint, s3, place, tmp_path):
    _, user = make_user(node, endpoint, tmp_path, None)
    client = make_client(user)
    s3.put_object(Bucket=place.bucket, Key=place.key("o"), Body=b"x")
    refused(client.get_object, 403, "AccessDenied", Bucket=place.bucket, Key=place.key("o"))
    refused(client.put_object, 403, "AccessDenied", Bucket=place.bucket, Key=place.key("o"), Body=b"y")
    refused(client.list_objects_v2, 403, "AccessDenied", Bucket=place.bucket)
    refused(client.create_bucket, 403, "AccessDenied", Bucket="made-by-nobody")
    assert read(s3, place, "o") == b"x"


def test_user_of_one_prefix_stays_there(node, endpoint, s3, place, tmp_path):
    _, user = make_user(node, endpoint, tmp_path, prefix_policy(place))
    client = make_client(user)
    s3.put_object(Bucket=place.bucket, Key=place.key("theirs/o"), Body=b"theirs")
    client.put_object(Bucket=place.bucket, Key=place.key("mine/o"), Body=b"mine")
    assert read(client, place, "mine/o") == b"mine"
    for name in ("theirs/o", "mine", "mine-not/o"):
        refused(client.get_object, 403, "AccessDenied", Bucket=place.bucket, Key=place.key(name))
        refused(client.put_object, 403, "AccessDenied", Bucket=place.bucket, Key=place.key(name), Body=b"")
        refused(client.delete_object, 403, "AccessDenied", Bucket=place.bucket, Key=place.key(name))
    refused(client.list_objects_v2, 403, "AccessDenied", Bucket=place.bucket)
    refused(client.copy_object, 403, "AccessDenied", Bucket=place.bucket, Key=place.key("mine/stolen"),
            CopySource={"Bucket": place.bucket, "Key": place.key("theirs/o")})
    answer = client.delete_objects(Bucket=place.bucket, Delete={"Objects": [
        {"Key": place.key("mine/o")}, {"Key": place.key("theirs/o")}]})
    assert [row["Key"] for row in answer["Deleted"]] == [place.key("mine/o")]
    assert [(row["Key"], row["Code"]) for row in answer["Errors"]] == [(place.key("theirs/o"), "AccessDenied")]
    assert keys_below(s3, place) == ["theirs/o"]


def test_explicit_deny_wins(node, endpoint, place, tmp_path):
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": f"arn:aws:s3:::{place.bucket}/{place.key('mine/secret*')}"}
    _, user = make_user(node, endpoint, tmp_path, prefix_policy(place, **deny))
    client = make_client(user)
    client.put_object(Bucket=place.bucket, Key=place.key("mine/open"), Body=b"x")
    refused(client.put_object, 403, "AccessDenied", Bucket=place.bucket, Key=place.key("mine/secret1"), Body=b"x")


def test_disabled_key_no_longer_works(node, endpoint, place, tmp_path):
    _, user = make_user(node, endpoint, tmp_path, prefix_policy(place))
    client = make_client(user)
    client.put_object(Bucket=place.bucket, Key=place.key("mine/o"), Body=b"x")
    node.cli("key", "disable", user.access_key)
    refused(client.get_object, 403, None, Bucket=place.bucket, Key=place.key("mine/o"))


@pytest.mark.parametrize("change", [
    {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}, {"Principal": "*"}, {"Effect": "Perhaps"}])
def test_policy_with_something_unsupported_is_refused_when_stored(node, place, tmp_path, change):
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*", **change}
    file = tmp_path / "policy.json"
    file.write_text(json.dumps({"Version": "2012-10-17", "Statement": [statement]}), encoding="utf-8")
    done = node.cli("user", "create", f"user-{uuid.uuid4().hex[:8]}", "--policy", str(file), check=False)
    assert done.returncode not in (0, 3), done
    assert next(iter(change)) in done.stderr


def test_each_key_of_a_delete_has_the_outcome_it_had(node, endpoint, s3, place, tmp_path):
    name, user = make_user(node, endpoint, tmp_path, prefix_policy(place))
    keys = [place.key(f"mine/{letter}") for letter in "abc"]
    for key in keys:
        s3.put_object(Bucket=place.bucket, Key=key, Body=b"x")
    answer = make_client(user).delete_objects(Bucket=place.bucket, Delete={"Objects": [
        {"Key": keys[0]}, {"Key": keys[1], "ETag": "0" * 32}, {"Key": keys[2]}]})
    assert [(row["Key"], row["Code"]) for row in answer["Errors"]] == [(keys[1], "PreconditionFailed")]
    assert {row["Key"] for row in answer["Deleted"]} == {keys[0], keys[2]}
    assert read(s3, place, "mine/b") == b"x"

    def outcomes():
        rows = node.ask("audit", "search", "--principal", f"user/{name}", "--action", "s3:DeleteObject")["records"]
        found = sorted((row["resource"].rsplit("/", 1)[1], row["outcome"]) for row in rows)
        return found if len(found) >= 3 else None  # what was not done is written within 100 ms

    assert wait_until("each key has its record", outcomes) == [("a", "done"), ("b", "failed"), ("c", "done")]
