"""boto3: multipart uploads and their checksums."""

import hashlib
import random

import pytest

from tests.clients.test_objects import MIB, keys_below, read, refused
from tests.support import checksums

PARTS = [random.Random(1).randbytes(5 * MIB), random.Random(2).randbytes(5 * MIB), random.Random(3).randbytes(777)]


def start(s3, place, name="o", **more):
    where = {"Bucket": place.bucket, "Key": place.key(name)}
    return {**where, "UploadId": s3.create_multipart_upload(**where, **more)["UploadId"]}


def rows(answers):
    return {"Parts": [{"PartNumber": number, "ETag": answer["ETag"]} for number, answer in answers]}


def etag_of(parts):
    return f'"{hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest()}-{len(parts)}"'


def test_parts_become_one_object(s3, place):
    upload = start(s3, place, ContentType="a/b", Metadata={"k": "v"})
    answers = [(n, s3.upload_part(**upload, PartNumber=n, Body=part)) for n, part in zip((1, 5, 10000), PARTS)]
    assert keys_below(s3, place) == []
    done = s3.complete_multipart_upload(**upload, MultipartUpload=rows(answers))
    assert done["ETag"] == etag_of(PARTS)
    got = s3.get_object(Bucket=place.bucket, Key=place.key("o"))
    assert got["Body"].read() == b"".join(PARTS)
    assert (got["ContentType"], got["Metadata"], got["ETag"]) == ("a/b", {"k": "v"}, done["ETag"])
    seam = 5 * MIB
    assert read(s3, place, "o", Range=f"bytes={seam - 3}-{seam + 2}") == b"".join(PARTS)[seam - 3:seam + 3]
    assert [row["Size"] for row in s3.list_objects_v2(Bucket=place.bucket, Prefix=place.prefix)["Contents"]] == [
        sum(map(len, PARTS))]


def test_a_part_can_be_sent_again_and_left_out(s3, place):
    upload = start(s3, place)
    s3.upload_part(**upload, PartNumber=1, Body=b"first try")
    s3.upload_part(**upload, PartNumber=2, Body=b"left out")
    last = s3.upload_part(**upload, PartNumber=1, Body=b"second try")
    s3.complete_multipart_upload(**upload, MultipartUpload=rows([(1, last)]))
    assert read(s3, place, "o") == b"second try"


def test_pages_of_parts_and_uploads(s3, place):
    uploads = [start(s3, place, name) for name in ("a", "b", "b", "c")]
    for number in range(1, 6):
        s3.upload_part(**uploads[0], PartNumber=number, Body=b"x" * number)
    pages = s3.get_paginator("list_parts").paginate(**uploads[0], PaginationConfig={"PageSize": 2})
    assert [(r["PartNumber"], r["Size"]) for p in pages for r in p["Parts"]] == [(n, n) for n in range(1, 6)]
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=place.bucket, Prefix=place.prefix, PaginationConfig={"PageSize": 1})
    found = [(row["Key"], row["UploadId"]) for page in pages for row in page.get("Uploads", [])]
    assert sorted(found) == sorted((upload["Key"], upload["UploadId"]) for upload in uploads)
    assert [key for key, _ in found] == sorted(upload["Key"] for upload in uploads)
    for upload in uploads:
        s3.abort_multipart_upload(**upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=place.bucket, Prefix=place.prefix)


def test_completing_wrongly_is_refused_and_can_be_repeated_rightly(s3, place):
    upload = start(s3, place)
    one = s3.upload_part(**upload, PartNumber=1, Body=b"too small for a first part")
    two = s3.upload_part(**upload, PartNumber=2, Body=b"last")
    complete = s3.complete_multipart_upload
    refused(complete, 400, "EntityTooSmall", **upload, MultipartUpload=rows([(1, one), (2, two)]))
    refused(complete, 400, "InvalidPartOrder", **upload, MultipartUpload=rows([(2, two), (1, one)]))
    refused(complete, 400, "InvalidPart", **upload, MultipartUpload=rows([(3, one)]))
    refused(complete, 400, "InvalidPart", **upload, MultipartUpload=rows([(1, two)]))
    assert keys_below(s3, place) == []
    complete(**upload, MultipartUpload=rows([(2, two)]))
    assert read(s3, place, "o") == b"last"


def test_an_ended_upload_is_gone(s3, place):
    upload = start(s3, place)
    s3.abort_multipart_upload(**upload)
    refused(s3.upload_part, 404, "NoSuchUpload", **upload, PartNumber=1, Body=b"x")
    refused(s3.list_parts, 404, "NoSuchUpload", **upload)
    refused(s3.complete_multipart_upload, 404, "NoSuchUpload", **upload, MultipartUpload=rows([(1, {"ETag": '"0"'})]))
    for number in (0, 10001):
        refused(s3.upload_part, 400, "InvalidArgument", **start(s3, place), PartNumber=number, Body=b"x")


def test_completing_with_a_condition(s3, place):
    s3.put_object(Bucket=place.bucket, Key=place.key("o"), Body=b"there already")
    upload = start(s3, place)
    part = s3.upload_part(**upload, PartNumber=1, Body=b"new")
    refused(s3.complete_multipart_upload, 412, "PreconditionFailed", **upload, IfNoneMatch="*",
            MultipartUpload=rows([(1, part)]))
    assert read(s3, place, "o") == b"there already"


def test_parts_copied_from_objects(s3, place):
    body = b"".join(PARTS)
    source = {"Bucket": place.bucket, "Key": place.key("from é+")}
    s3.put_object(**source, Body=body)
    upload = start(s3, place, "to")
    answers = []
    for number, span in ((1, "bytes=0-6000000"), (2, f"bytes=6000001-{len(body) - 1}")):
        copied = s3.upload_part_copy(**upload, PartNumber=number, CopySource=source, CopySourceRange=span)
        answers.append((number, copied["CopyPartResult"]))
    s3.complete_multipart_upload(**upload, MultipartUpload=rows(answers))
    assert read(s3, place, "to") == body
    refused(s3.upload_part_copy, 404, "NoSuchKey", **start(s3, place), PartNumber=1,
            CopySource={**source, "Key": place.key("none")})


@pytest.mark.parametrize("algorithm,kind", [
    ("CRC32", "COMPOSITE"), ("CRC32", "FULL_OBJECT"), ("CRC32C", "COMPOSITE"), ("CRC32C", "FULL_OBJECT"),
    ("CRC64NVME", "FULL_OBJECT"), ("SHA1", "COMPOSITE"), ("SHA256", "COMPOSITE")])
def test_checksum_of_a_multipart_upload(s3, place, algorithm, kind):
    if not checksums.is_available(algorithm):
        pytest.skip(f"NOT TESTED: {algorithm} needs the package awscrt (tests/requirements.txt)")
    name, parts = f"Checksum{algorithm}", PARTS[1:]
    upload = start(s3, place, ChecksumAlgorithm=algorithm, ChecksumType=kind)
    listed = []
    for number, part in enumerate(parts, 1):
        answer = s3.upload_part(**upload, PartNumber=number, Body=part, ChecksumAlgorithm=algorithm)
        assert answer[name] == checksums.encoded(algorithm, part)
        listed.append({"PartNumber": number, "ETag": answer["ETag"], name: answer[name]})
    assert [row[name] for row in s3.list_parts(**upload)["Parts"]] == [row[name] for row in listed]
    want = (checksums.composite(algorithm, parts) if kind == "COMPOSITE" else
            checksums.encoded(algorithm, b"".join(parts)))
    wrong = [{**listed[0], name: listed[1][name]}, listed[1]]
    refused(s3.complete_multipart_upload, 400, None, **upload, MultipartUpload={"Parts": wrong})
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": listed}, ChecksumType=kind)
    assert (done[name], done["ChecksumType"]) == (want, kind)
    got = s3.get_object(Bucket=place.bucket, Key=place.key("o"), ChecksumMode="ENABLED")
    assert got["Body"].read() == b"".join(parts)
    assert (got[name], got["ChecksumType"]) == (want, kind)


def test_a_full_object_checksum_that_is_wrong_is_refused_at_the_end(s3, place):
    upload = start(s3, place, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    part = s3.upload_part(**upload, PartNumber=1, Body=b"content", ChecksumAlgorithm="CRC32")
    row = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]}]}
    refused(s3.complete_multipart_upload, 400, "BadDigest", **upload, MultipartUpload=row, ChecksumType="FULL_OBJECT",
            ChecksumCRC32=checksums.encoded("CRC32", b"other content"))
    assert keys_below(s3, place) == []
