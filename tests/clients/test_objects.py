"""boto3: objects, their headers, ranges, conditions, copies."""

import datetime
import hashlib
import io
import random
import urllib.request

import botocore.exceptions
import pytest

from tests.clients.conftest import make_client
from tests.support import sigv4

MIB = 1 << 20


def refused(call, status, code=None, **arguments):
    """Calls; it must be refused with this HTTP status (and S3 error code)."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status, answer
    if code:
        assert answer["Error"]["Code"] == code, answer
    return answer


def read(s3, place, name, **more):
    return s3.get_object(Bucket=place.bucket, Key=place.key(name), **more)["Body"].read()


def keys_below(s3, place, **more):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=place.prefix, **more)
    return [row["Key"][len(place.prefix):] for page in pages for row in page.get("Contents", [])]


class Stream(io.RawIOBase):
    """A seeded stream of `size` bytes that can't be rewound; knows the hash of what was read."""

    def __init__(self, size, seed):
        super().__init__()
        self.random = random.Random(seed)
        self.left = size
        self.sha256 = hashlib.sha256()

    def readable(self):
        return True

    def read(self, size=-1):
        size = self.left if size is None or size < 0 else min(size, self.left)
        self.left -= size
        data = self.random.randbytes(size)
        self.sha256.update(data)
        return data


@pytest.mark.parametrize("size", [0, 1, 4096, 16383, 16384, 16385, 65536, 1 * MIB + 3])
def test_what_was_put_is_what_is_got(s3, place, size):
    body = random.Random(size).randbytes(size)
    put = s3.put_object(Bucket=place.bucket, Key=place.key("o"), Body=body)
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    got = s3.get_object(Bucket=place.bucket, Key=place.key("o"))
    assert got["Body"].read() == body
    assert got["ContentLength"] == size and got["ETag"] == put["ETag"]
    head = s3.head_object(Bucket=place.bucket, Key=place.key("o"))
    assert head["ContentLength"] == size and head["LastModified"] == got["LastModified"]
    row = s3.list_objects_v2(Bucket=place.bucket, Prefix=place.prefix)["Contents"]
    assert [(r["Key"], r["Size"], r["ETag"]) for r in row] == [(place.key("o"), size, put["ETag"])]
    age = datetime.datetime.now(datetime.timezone.utc) - head["LastModified"]
    assert abs(age) < datetime.timedelta(hours=1)


def test_standard_headers_and_metadata_come_back(s3, place):
    given = {"ContentType": "text/x-mission; charset=utf-8", "CacheControl": "no-store", "ContentLanguage": "de",
             "ContentDisposition": 'attachment; filename="a b.txt"', "ContentEncoding": "identity"}
    metadata = {"Name": "Field Report", "empty": "", "long": "x" * 900, "signs": "a=b; c,d \"e\""}
    s3.put_object(Bucket=place.bucket, Key=place.key("o"), Body=b"x", Metadata=metadata, **given)
    for answer in (s3.head_object, s3.get_object):
        got = answer(Bucket=place.bucket, Key=place.key("o"))
        assert {name: got[name] for name in given} == given
        assert got["Metadata"] == {name.lower(): value for name, value in metadata.items()}


def test_an_object_without_type_is_binary(s3, place):
    s3.put_object(Bucket=place.bucket, Key=place.key("o"), Body=b"x")
    assert s3.head_object(Bucket=place.bucket, Key=place.key("o"))["ContentType"] == "binary/octet-stream"


def test_too_much_metadata_is_refused(s3, place):
    metadata = {f"k{i}": "v" * 100 for i in range(21)}
    refused(s3.put_object, 400, "MetadataTooLarge", Bucket=place.bucket, Key=place.key("o"), Body=b"",
            Metadata=metadata)
    assert keys_below(s3, place) == []


def test_private_acl_and_standard_storage_class_are_accepted(s3, place):
    s3.put_object(Bucket=place.bucket, Key=place.key("o"), Body=b"x", ACL="private", StorageClass="STANDARD")
    assert read(s3, place, "o") == b"x"


ODD_KEYS = [
    "plain", "with space", "trailing space ", " leading space", "plus+plus", "per%20cent", "%", "%25", "a//b", "//",
    "a/", "/slash first", "a/./b", "a/../b", "tilde~", "star*", "question?x=1", "hash#x", "amp&lt;<>", "quote\"'",
    "back\\slash", "{}[]|^`", "semi;colon:comma,", "at@eq=$!()", "ünïcode", "日本語/ファイル", "🚀",
    "e\u0301 \u00e9", "tab\tkey", "line\nbreak", "\u2028", "control\x01char",
]


@pytest.mark.parametrize("name", ODD_KEYS, ids=[ascii(name)[1:-1] for name in ODD_KEYS])
def test_odd_key(s3, place, name):
    body = name.encode()
    s3.put_object(Bucket=place.bucket, Key=place.key(name), Body=body)
    assert read(s3, place, name) == body
    s3.copy_object(Bucket=place.bucket, Key=place.key("copy of " + name),
                   CopySource={"Bucket": place.bucket, "Key": place.key(name)})
    assert read(s3, place, "copy of " + name) == body
    assert sorted(keys_below(s3, place)) == sorted([name, "copy of " + name])
    s3.delete_object(Bucket=place.bucket, Key=place.key(name))
    assert keys_below(s3, place) == ["copy of " + name]


@pytest.mark.parametrize("letter", ["k", "é", "日"])
def test_key_of_1024_bytes_is_stored_and_of_1025_refused(s3, place, letter):
    room = 1024 - len(place.prefix)
    name = letter * (room // len(letter.encode()))
    name += "x" * (room - len(name.encode()))
    s3.put_object(Bucket=place.bucket, Key=place.key(name), Body=b"longest")
    assert read(s3, place, name) == b"longest"
    assert keys_below(s3, place) == [name]
    refused(s3.put_object, 400, "KeyTooLongError", Bucket=place.bucket, Key=place.key(name + "x"), Body=b"")


def test_ranges(s3, place):
    body = bytes(range(256)) * 400
    s3.put_object(Bucket=place.bucket, Key=place.key("o"), Body=body)
    for text, first, last in [("0-0", 0, 0), ("5-9", 5, 9), ("102399-102399", 102399, 102399), ("100-", 100, 102399),
                              ("-7", 102393, 102399), ("102390-999999", 102390, 102399), ("-999999", 0, 102399)]:
        got = s3.get_object(Bucket=place.bucket, Key=place.key("o"), Range=f"bytes={text}")
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert got["ContentRange"] == f"bytes {first}-{last}/{len(body)}"
        assert got["Body"].read() == body[first:last + 1]
    for text in ("102400-", "200000-200001", "-0"):
        refused(s3.get_object, 416, "InvalidRange", Bucket=place.bucket, Key=place.key("o"), Range=f"bytes={text}")
    for text in ("bytes=9-5", "bytes=x-y", "lines=1-2"):
        assert read(s3, place, "o", Range=text) == body
    head = s3.head_object(Bucket=place.bucket, Key=place.key("o"), Range="bytes=1-3")
    assert head["ContentLength"] == 3


def test_range_of_an_empty_object_is_refused(s3, place):
    s3.put_object(Bucket=place.bucket, Key=place.key("o"), Body=b"")
    refused(s3.get_object, 416, "InvalidRange", Bucket=place.bucket, Key=place.key("o"), Range="bytes=0-0")


def test_conditional_reads(s3, place):
    where = {"Bucket": place.bucket, "Key": place.key("o")}
    etag = s3.put_object(**where, Body=b"x")["ETag"]
    written = s3.head_object(**where)["LastModified"]
    day = datetime.timedelta(days=1)
    for passes in ({"IfMatch": etag}, {"IfMatch": "*"}, {"IfNoneMatch": '"0"'}, {"IfModifiedSince": written - day},
                   {"IfUnmodifiedSince": written}, {"IfMatch": etag, "IfUnmodifiedSince": written - day}):
        assert s3.get_object(**where, **passes)["Body"].read() == b"x"
        s3.head_object(**where, **passes)
    for fails, status in (({"IfMatch": '"0"'}, 412), ({"IfNoneMatch": etag}, 304), ({"IfNoneMatch": "*"}, 304),
                          ({"IfModifiedSince": written}, 304), ({"IfUnmodifiedSince": written - day}, 412),
                          ({"IfNoneMatch": etag, "IfModifiedSince": written - day}, 304)):
        refused(s3.get_object, status, **where, **fails)
        refused(s3.head_object, status, **where, **fails)


def test_conditional_writes(s3, place):
    where = {"Bucket": place.bucket, "Key": place.key("o")}
    refused(s3.put_object, 404, "NoSuchKey", **where, Body=b"0", IfMatch='"0"')
    first = s3.put_object(**where, Body=b"1", IfNoneMatch="*")["ETag"]
    refused(s3.put_object, 412, "PreconditionFailed", **where, Body=b"2", IfNoneMatch="*")
    refused(s3.put_object, 412, "PreconditionFailed", **where, Body=b"2", IfMatch='"0"')
    assert read(s3, place, "o") == b"1"
    s3.put_object(**where, Body=b"3", IfMatch=first)
    assert read(s3, place, "o") == b"3"
    s3.delete_object(**where)
    s3.put_object(**where, Body=b"4", IfNoneMatch="*")
    assert read(s3, place, "o") == b"4"


def test_response_headers_can_be_overridden_in_a_signed_get(s3, place):
    s3.put_object(Bucket=place.bucket, Key=place.key("o"), Body=b"x", ContentType="text/plain")
    got = s3.get_object(Bucket=place.bucket, Key=place.key("o"), ResponseContentType="image/png",
                        ResponseContentDisposition="attachment; filename=x.png")
    assert (got["ContentType"], got["ContentDisposition"]) == ("image/png", "attachment; filename=x.png")


def test_copy_keeps_or_replaces_metadata(s3, place):
    source = {"Bucket": place.bucket, "Key": place.key("from + ü %41")}
    to = {"Bucket": place.bucket, "Key": place.key("to")}
    body = random.Random(4).randbytes(300000)
    etag = s3.put_object(**source, Body=body, ContentType="a/b", Metadata={"k": "v"})["ETag"]
    assert s3.copy_object(**to, CopySource=source)["CopyObjectResult"]["ETag"] == etag
    head = s3.head_object(**to)
    assert (head["ContentType"], head["Metadata"]) == ("a/b", {"k": "v"})
    s3.copy_object(**to, CopySource=source, MetadataDirective="REPLACE", ContentType="c/d", Metadata={"n": "w"})
    head = s3.head_object(**to)
    assert (head["ContentType"], head["Metadata"]) == ("c/d", {"n": "w"})
    assert read(s3, place, "to") == body
    s3.copy_object(**source, CopySource=source, MetadataDirective="REPLACE", Metadata={"self": "yes"})
    assert s3.head_object(**source)["Metadata"] == {"self": "yes"}
    refused(s3.copy_object, 400, "InvalidRequest", **source, CopySource=source)


def test_copy_conditions_and_missing_sources(s3, place):
    source = {"Bucket": place.bucket, "Key": place.key("from")}
    to = {"Bucket": place.bucket, "Key": place.key("to")}
    etag = s3.put_object(**source, Body=b"x")["ETag"]
    refused(s3.copy_object, 412, "PreconditionFailed", **to, CopySource=source, CopySourceIfMatch='"0"')
    refused(s3.copy_object, 412, "PreconditionFailed", **to, CopySource=source, CopySourceIfNoneMatch=etag)
    refused(s3.copy_object, 404, "NoSuchKey", **to, CopySource={**source, "Key": place.key("none")})
    refused(s3.copy_object, 404, "NoSuchBucket", **to, CopySource={"Bucket": place.bucket + "-none", "Key": "k"})
    assert keys_below(s3, place) == ["from"]
    s3.copy_object(**to, CopySource=source, CopySourceIfMatch=etag)
    assert keys_below(s3, place) == ["from", "to"]


def test_deleting_what_is_not_there_is_no_error(s3, place):
    assert s3.delete_object(Bucket=place.bucket, Key=place.key("no"))["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_delete_many_quiet_and_loud(s3, place):
    names = [f"n {i:04}+é" for i in range(30)]
    for name in names:
        s3.put_object(Bucket=place.bucket, Key=place.key(name), Body=b"")
    rows = [{"Key": place.key(name)} for name in names]
    loud = s3.delete_objects(Bucket=place.bucket, Delete={"Objects": rows[:10]})
    assert sorted(row["Key"] for row in loud["Deleted"]) == sorted(row["Key"] for row in rows[:10])
    quiet = s3.delete_objects(Bucket=place.bucket, Delete={"Objects": rows[10:29], "Quiet": True})
    assert "Deleted" not in quiet and "Errors" not in quiet
    assert keys_below(s3, place) == names[29:]
    many = [{"Key": place.key(str(i))} for i in range(1001)]
    refused(s3.delete_objects, 400, "MalformedXML", Bucket=place.bucket, Delete={"Objects": many})


def test_presigned_put_and_get(place, endpoint):
    s3 = make_client(endpoint, signature_version="s3v4")
    params = {"Bucket": place.bucket, "Key": place.key("pre signed+ü")}
    context = sigv4.tls_context(endpoint)
    address = s3.generate_presigned_url("put_object", Params={**params, "ContentType": "a/b"}, ExpiresIn=600)
    request = urllib.request.Request(address, data=b"sent by hand", method="PUT", headers={"content-type": "a/b"})
    with urllib.request.urlopen(request, context=context) as answer:
        assert answer.status == 200
    address = s3.generate_presigned_url("get_object", Params=params, ExpiresIn=600)
    with urllib.request.urlopen(address, context=context) as answer:
        assert answer.read() == b"sent by hand" and answer.headers["content-type"] == "a/b"


def test_an_upload_that_cannot_be_rewound_streams_70_mib(s3, place):
    size = 70 * MIB + 11
    up = Stream(size, 7)
    s3.upload_fileobj(up, place.bucket, place.key("big"), ExtraArgs={"Metadata": {"m": "1"}})
    down, total = hashlib.sha256(), 0
    for chunk in s3.get_object(Bucket=place.bucket, Key=place.key("big"))["Body"].iter_chunks(MIB):
        down.update(chunk)
        total += len(chunk)
    assert total == size and down.digest() == up.sha256.digest()
    assert read(s3, place, "big", Range=f"bytes={size - 5}-") == read(s3, place, "big", Range="bytes=-5")


def test_one_put_of_65_mib_streams(s3, place, files):
    path = files.path("big")
    want = hashlib.sha256()
    with open(path, "wb") as file:
        for seed in range(65):
            block = random.Random(seed).randbytes(MIB)
            want.update(block)
            file.write(block)
    with open(path, "rb") as file:
        s3.put_object(Bucket=place.bucket, Key=place.key("big"), Body=file)
    got = hashlib.sha256()
    for chunk in s3.get_object(Bucket=place.bucket, Key=place.key("big"))["Body"].iter_chunks(MIB):
        got.update(chunk)
    assert got.digest() == want.digest()


def test_tagging_of_an_object_without_tags_is_empty(s3, place):
    s3.put_object(Bucket=place.bucket, Key=place.key("o"), Body=b"")
    assert s3.get_object_tagging(Bucket=place.bucket, Key=place.key("o"))["TagSet"] == []
