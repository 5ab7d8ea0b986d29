"""s3cmd: Debian's 2.3 and the current 2.4."""

import hashlib

import pytest

from tests.clients.conftest import tree_contents


@pytest.mark.own_bucket
def test_make_and_remove_a_bucket(s3cmd, new_bucket_name, files):
    s3cmd("mb", f"s3://{new_bucket_name}")
    assert f"s3://{new_bucket_name}" in s3cmd("ls").stdout
    s3cmd("put", files.make("x", 10), f"s3://{new_bucket_name}/x")
    assert "BucketNotEmpty" in s3cmd("rb", f"s3://{new_bucket_name}", check=False).stderr
    told = s3cmd("info", f"s3://{new_bucket_name}").stdout
    assert "Location:" in told and "Policy:    none" in told
    s3cmd("rb", "--recursive", "--force", f"s3://{new_bucket_name}")
    assert new_bucket_name not in s3cmd("ls").stdout


def test_put_get_info_list_and_delete(s3cmd, place, files):
    path, back = files.make("one file+ü.txt", 70000), files.path("back")
    s3cmd("put", "--add-header", "x-amz-meta-colour:blue", path, place.uri("one file+ü.txt"))
    assert place.uri("one file+ü.txt") in s3cmd("ls", place.uri()).stdout
    told = s3cmd("info", place.uri("one file+ü.txt")).stdout
    assert "70000" in told and hashlib.md5(path.read_bytes()).hexdigest() in told and "x-amz-meta-colour: blue" in told
    s3cmd("get", place.uri("one file+ü.txt"), back)
    assert back.read_bytes() == path.read_bytes()
    s3cmd("cp", place.uri("one file+ü.txt"), place.uri("copy"))
    s3cmd("mv", place.uri("copy"), place.uri("moved"))
    s3cmd("del", place.uri("one file+ü.txt"))
    listed = s3cmd("ls", place.uri()).stdout
    assert place.uri("moved") in listed and "one file" not in listed
    assert "70000" in s3cmd("du", place.uri()).stdout


def test_sync_both_ways(s3cmd, place, files):
    tree = files.tree("tree", 15)
    s3cmd("sync", f"{tree}/", place.uri("tree/"))
    assert "upload:" not in s3cmd("sync", f"{tree}/", place.uri("tree/")).stdout
    (tree / "dir1/sub1/file001.bin").unlink()
    s3cmd("sync", "--delete-removed", f"{tree}/", place.uri("tree/"))
    files.path("back/x").parent.mkdir(exist_ok=True)
    s3cmd("sync", place.uri("tree/"), f"{files.path('back')}/")
    assert tree_contents(files.path("back")) == tree_contents(tree)
    s3cmd("del", "--recursive", "--force", place.uri())
    assert s3cmd("ls", "--recursive", place.uri()).stdout == ""


def test_upload_in_parts(s3cmd, place, files):
    path, back = files.make("large", 11 << 20), files.path("back")
    s3cmd("put", "--multipart-chunk-size-mb=5", path, place.uri("large"))
    s3cmd("get", place.uri("large"), back)
    assert back.read_bytes() == path.read_bytes()
    assert place.key() not in s3cmd("multipart", f"s3://{place.bucket}").stdout
