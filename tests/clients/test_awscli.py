"""AWS CLI, Debian's 2.9 and the current version: what a person types."""

import hashlib
import json
import subprocess

import pytest

from tests.clients.conftest import tree_contents

MIB = 1 << 20


def s3api(aws, *arguments, **options):
    """Runs `aws s3api` and returns its JSON ({} when it printed nothing)."""
    out = aws("s3api", *arguments, **options).stdout
    return json.loads(out) if out.strip() else {}


@pytest.mark.own_bucket
def test_make_list_and_remove_a_bucket(aws, new_bucket_name, files):
    aws("s3", "mb", f"s3://{new_bucket_name}")
    assert new_bucket_name in aws("s3", "ls").stdout
    aws("s3", "cp", files.make("one", 10), f"s3://{new_bucket_name}/one")
    refused = aws("s3", "rb", f"s3://{new_bucket_name}", check=False)
    assert refused.returncode != 0 and "BucketNotEmpty" in refused.stderr
    aws("s3", "rb", "--force", f"s3://{new_bucket_name}")
    assert new_bucket_name not in aws("s3", "ls").stdout
    gone = aws("s3", "ls", f"s3://{new_bucket_name}", check=False)
    assert gone.returncode != 0 and "NoSuchBucket" in gone.stderr


def test_copy_up_and_down_keeps_content_type_and_metadata(aws, place, files):
    small, back = files.make("small.html", 5000), files.path("back.html")
    aws("s3", "cp", small, place.uri("a/small.html"), "--metadata", "colour=blue", "--cache-control", "max-age=5")
    aws("s3", "cp", place.uri("a/small.html"), back)
    assert back.read_bytes() == small.read_bytes()
    head = s3api(aws, "head-object", "--bucket", place.bucket, "--key", place.key("a/small.html"))
    assert head["ContentType"] == "text/html"
    assert head["Metadata"] == {"colour": "blue"}
    assert head["CacheControl"] == "max-age=5"
    assert head["ETag"] == f'"{hashlib.md5(small.read_bytes()).hexdigest()}"'


def test_large_file_goes_up_and_down_in_parts(aws, place, files):
    large, back = files.make("large", 20 * MIB + 7), files.path("back")
    aws("s3", "cp", large, place.uri("large"))
    head = s3api(aws, "head-object", "--bucket", place.bucket, "--key", place.key("large"))
    assert head["ContentLength"] == 20 * MIB + 7
    parts = [hashlib.md5(large.read_bytes()[i:i + 8 * MIB]).digest() for i in range(0, 20 * MIB + 7, 8 * MIB)]
    assert head["ETag"] == f'"{hashlib.md5(b"".join(parts)).hexdigest()}-3"'
    aws("s3", "cp", place.uri("large"), back)
    assert back.read_bytes() == large.read_bytes()


def test_copy_from_and_to_a_pipe(aws, place):
    aws("s3", "cp", "-", place.uri("pipe"), stdin=b"through a pipe\n")
    assert aws("s3", "cp", place.uri("pipe"), "-").stdout == "through a pipe\n"


def test_sync_makes_both_sides_equal_and_then_has_nothing_to_do(aws, place, files):
    tree = files.tree("tree")
    assert "upload:" in aws("s3", "sync", "--no-progress", tree, place.uri("tree")).stdout
    assert aws("s3", "sync", "--no-progress", tree, place.uri("tree")).stdout == ""
    (tree / "dir0/sub0/file000.bin").write_bytes(b"no longer empty")
    (tree / "dir1/sub1/file001.bin").unlink()
    told = aws("s3", "sync", "--no-progress", "--delete", tree, place.uri("tree")).stdout
    assert sorted(line.split(":")[0] for line in told.splitlines()) == ["delete", "upload"]
    aws("s3", "sync", place.uri("tree"), files.path("back"))
    assert tree_contents(files.path("back")) == tree_contents(tree)


def test_sync_between_two_prefixes_copies_at_the_server(aws, place, files):
    tree = files.tree("tree", 8)
    aws("s3", "sync", tree, place.uri("from"))
    told = aws("s3", "sync", "--no-progress", place.uri("from"), place.uri("to")).stdout
    assert len(told.splitlines()) == len(tree_contents(tree))
    aws("s3", "sync", place.uri("to"), files.path("back"))
    assert tree_contents(files.path("back")) == tree_contents(tree)


def test_move_up_across_and_down(aws, place, files):
    path = files.make("mover", 3000)
    content = path.read_bytes()
    aws("s3", "mv", path, place.uri("one"))
    assert not path.exists()
    aws("s3", "mv", place.uri("one"), place.uri("deeper/two"))
    aws("s3", "mv", place.uri("deeper/two"), path)
    assert path.read_bytes() == content
    assert aws("s3", "ls", "--recursive", place.uri(), check=False).stdout == ""


def test_list_with_folders_and_summary_and_remove_recursive(aws, place, files):
    tree = files.tree("tree", 10)
    aws("s3", "cp", "--recursive", tree, place.uri())
    shown = [line.split(maxsplit=1)[-1] for line in aws("s3", "ls", place.uri()).stdout.splitlines()]
    assert shown == [f"PRE dir{i}/".split(maxsplit=1)[-1] for i in range(5)] + ["odd names/"]
    summary = aws("s3", "ls", "--recursive", "--summarize", place.uri()).stdout
    contents = tree_contents(tree)
    assert f"Total Objects: {len(contents)}" in summary
    assert f"Total Size: {sum(map(len, contents.values()))}" in summary
    for name in contents:
        assert place.key(name) in summary
    aws("s3", "rm", "--recursive", "--exclude", "odd*", place.uri())
    left = aws("s3", "ls", "--recursive", "--summarize", place.uri()).stdout
    assert "Total Objects: 6" in left
    aws("s3", "rm", "--recursive", place.uri())
    assert aws("s3", "ls", "--recursive", place.uri(), check=False).stdout == ""


def test_presigned_address_is_read_by_curl_and_expires(aws, place, files, endpoint):
    # CLI version 1 signs addresses with the old version 2 in us-east-1 unless it is told otherwise.
    aws.env["AWS_CONFIG_FILE"] = str(files.path("config"))
    files.path("config").write_text("[default]\ns3 =\n  signature_version = s3v4\n", encoding="utf-8")
    path = files.make("shared", 4321)
    aws("s3", "cp", path, place.uri("to share+now"))
    address = aws("s3", "presign", place.uri("to share+now"), "--expires-in", "300").stdout.strip()
    curl = ["curl", "-sS", "--fail-with-body", "--cacert", endpoint.ca]
    assert subprocess.run([*curl, address], capture_output=True, check=True).stdout == path.read_bytes()
    assert "X-Amz-Signature=" in address
    changed = address[:-1] + ("0" if address[-1] != "0" else "1")
    refused = subprocess.run([*curl, changed], capture_output=True, text=True)
    assert refused.returncode == 22 and "SignatureDoesNotMatch" in refused.stdout


def test_api_put_get_head_copy_delete(aws, place, files):
    path, back = files.make("body", 10000), files.path("back")
    where = ("--bucket", place.bucket, "--key", place.key("o"))
    put = s3api(aws, "put-object", *where, "--body", path, "--content-type", "x/y", "--metadata", "a=1,b=two")
    got = s3api(aws, "get-object", *where, back)
    assert back.read_bytes() == path.read_bytes()
    assert got["ETag"] == put["ETag"] and got["ContentType"] == "x/y" and got["Metadata"] == {"a": "1", "b": "two"}
    got = s3api(aws, "get-object", *where, "--range", "bytes=100-199", back)
    assert back.read_bytes() == path.read_bytes()[100:200]
    assert got["ContentRange"] == "bytes 100-199/10000"
    copied = s3api(aws, "copy-object", "--bucket", place.bucket, "--key", place.key("copy"),
                   "--copy-source", f"{place.bucket}/{place.key('o')}")
    assert copied["CopyObjectResult"]["ETag"] == put["ETag"]
    head = s3api(aws, "head-object", "--bucket", place.bucket, "--key", place.key("copy"))
    assert head["Metadata"] == {"a": "1", "b": "two"} and head["ContentLength"] == 10000
    assert "TagSet" in s3api(aws, "get-object-tagging", *where)
    s3api(aws, "delete-object", *where)
    gone = aws("s3api", "head-object", *where, check=False)
    assert gone.returncode != 0 and "404" in gone.stderr


def test_api_listings_page_and_delete_many(aws, place):
    for name in "abcde":
        aws("s3api", "put-object", "--bucket", place.bucket, "--key", place.key(f"{name}/x"))
    for command in ("list-objects", "list-objects-v2"):
        listing = s3api(aws, command, "--bucket", place.bucket, "--prefix", place.prefix, "--page-size", "2")
        assert [row["Key"] for row in listing["Contents"]] == [place.key(f"{name}/x") for name in "abcde"]
        folders = s3api(aws, command, "--bucket", place.bucket, "--prefix", place.prefix, "--delimiter", "/")
        assert [row["Prefix"] for row in folders["CommonPrefixes"]] == [place.key(f"{name}/") for name in "abcde"]
    first = s3api(aws, "list-objects-v2", "--bucket", place.bucket, "--prefix", place.prefix, "--max-items", "3")
    rest = s3api(aws, "list-objects-v2", "--bucket", place.bucket, "--prefix", place.prefix,
                 "--starting-token", first["NextToken"])
    assert len(first["Contents"]) == 3 and len(rest["Contents"]) == 2
    doomed = {"Objects": [{"Key": place.key(f"{name}/x")} for name in "abcde"] + [{"Key": place.key("never was")}]}
    answer = s3api(aws, "delete-objects", "--bucket", place.bucket, "--delete", json.dumps(doomed))
    assert len(answer["Deleted"]) == 6 and "Errors" not in answer
    assert "Contents" not in s3api(aws, "list-objects-v2", "--bucket", place.bucket, "--prefix", place.prefix)


def test_multipart_by_hand(aws, place, files):
    first, second = files.make("1", 5 * MIB), files.make("2", 1000)
    where = ("--bucket", place.bucket, "--key", place.key("joined"))
    upload = s3api(aws, "create-multipart-upload", *where, "--metadata", "made=by-hand")["UploadId"]
    listed = s3api(aws, "list-multipart-uploads", "--bucket", place.bucket, "--prefix", place.prefix)
    assert [row["UploadId"] for row in listed["Uploads"]] == [upload]
    with_upload = (*where, "--upload-id", upload)
    parts = []
    for number, path in (("1", first), ("2", second)):
        etag = s3api(aws, "upload-part", *with_upload, "--part-number", number, "--body", path)["ETag"]
        parts.append({"PartNumber": int(number), "ETag": etag})
    listed = s3api(aws, "list-parts", *with_upload)
    assert [(row["PartNumber"], row["Size"]) for row in listed["Parts"]] == [(1, 5 * MIB), (2, 1000)]
    done = s3api(aws, "complete-multipart-upload", *with_upload, "--multipart-upload", json.dumps({"Parts": parts}))
    assert done["ETag"].endswith('-2"')
    head = s3api(aws, "head-object", *where)
    assert head["ContentLength"] == 5 * MIB + 1000 and head["Metadata"] == {"made": "by-hand"}
    upload = s3api(aws, "create-multipart-upload", *where)["UploadId"]
    copied = s3api(aws, "upload-part-copy", *where, "--upload-id", upload, "--part-number", "1",
                   "--copy-source", f"{place.bucket}/{place.key('joined')}", "--copy-source-range", "bytes=0-99")
    assert "ETag" in copied["CopyPartResult"]
    s3api(aws, "abort-multipart-upload", *where, "--upload-id", upload)
    assert "Uploads" not in s3api(aws, "list-multipart-uploads", "--bucket", place.bucket, "--prefix", place.prefix)
    assert s3api(aws, "head-object", *where)["ETag"] == done["ETag"]


@pytest.mark.own_bucket
def test_versioning_keeps_every_version_and_a_delete_hides_only(aws, own_bucket, files):
    where = ("--bucket", own_bucket, "--key", "k")
    assert s3api(aws, "get-bucket-versioning", "--bucket", own_bucket) == {}
    s3api(aws, "put-bucket-versioning", "--bucket", own_bucket, "--versioning-configuration", "Status=Enabled")
    assert s3api(aws, "get-bucket-versioning", "--bucket", own_bucket)["Status"] == "Enabled"
    versions = [s3api(aws, "put-object", *where, "--body", files.make(f"v{i}", 10 + i))["VersionId"] for i in (1, 2)]
    marker = s3api(aws, "delete-object", *where)
    assert marker["DeleteMarker"] is True
    assert aws("s3api", "head-object", *where, check=False).returncode != 0
    listing = s3api(aws, "list-object-versions", "--bucket", own_bucket)
    assert [row["VersionId"] for row in listing["Versions"]] == versions[::-1]
    assert [(row["VersionId"], row["IsLatest"]) for row in listing["DeleteMarkers"]] == [(marker["VersionId"], True)]
    for size, version in zip((11, 12), versions):
        got = s3api(aws, "get-object", *where, "--version-id", version, files.path("back"))
        assert got["ContentLength"] == size and got["VersionId"] == version
    s3api(aws, "delete-object", *where, "--version-id", marker["VersionId"])
    assert s3api(aws, "head-object", *where)["VersionId"] == versions[1]


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256"])
def test_checksum_is_stored_and_given_back(aws, place, files, algorithm):
    path = files.make("sum", 3333)
    where = ("--bucket", place.bucket, "--key", place.key("sum"))
    put = s3api(aws, "put-object", *where, "--body", path, "--checksum-algorithm", algorithm)
    got = s3api(aws, "get-object", *where, "--checksum-mode", "ENABLED", files.path("back"))
    name = f"Checksum{algorithm}"
    assert got[name] == put[name] and files.path("back").read_bytes() == path.read_bytes()


@pytest.mark.own_bucket
def test_bucket_facts(aws, own_bucket, endpoint):
    s3api(aws, "head-bucket", "--bucket", own_bucket)
    location = s3api(aws, "get-bucket-location", "--bucket", own_bucket)["LocationConstraint"]
    assert location == (None if endpoint.region == "us-east-1" else endpoint.region)
    assert own_bucket in [row["Name"] for row in s3api(aws, "list-buckets")["Buckets"]]
    missing = aws("s3api", "head-bucket", "--bucket", own_bucket + "-not", check=False)
    assert missing.returncode != 0 and "404" in missing.stderr
