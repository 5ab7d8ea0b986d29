"""boto3: buckets and versions."""

import pytest

from tests.clients.test_objects import refused

pytestmark = pytest.mark.own_bucket


def set_versioning(s3, bucket, status):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def versions(s3, bucket):
    """(key, version id, is delete marker, is latest) in the order of the listing's two groups."""
    answer = s3.list_object_versions(Bucket=bucket)
    return ([(r["Key"], r["VersionId"], False, r["IsLatest"]) for r in answer.get("Versions", [])] +
            [(r["Key"], r["VersionId"], True, r["IsLatest"]) for r in answer.get("DeleteMarkers", [])])


def test_versions_are_kept_read_copied_and_deleted_one_by_one(s3, own_bucket):
    set_versioning(s3, own_bucket, "Enabled")
    where = {"Bucket": own_bucket, "Key": "k"}
    ids = [s3.put_object(**where, Body=body)["VersionId"] for body in (b"1", b"22", b"333")]
    assert len(set(ids)) == 3
    assert versions(s3, own_bucket) == [("k", ids[2], False, True), ("k", ids[1], False, False),
                                        ("k", ids[0], False, False)]
    for version, body in zip(ids, (b"1", b"22", b"333")):
        got = s3.get_object(**where, VersionId=version)
        assert got["Body"].read() == body and got["VersionId"] == version
        assert s3.head_object(**where, VersionId=version)["ContentLength"] == len(body)
    copied = s3.copy_object(Bucket=own_bucket, Key="copy", CopySource={**where, "VersionId": ids[0]})
    assert copied["CopySourceVersionId"] == ids[0]
    assert s3.get_object(Bucket=own_bucket, Key="copy")["Body"].read() == b"1"
    answer = s3.delete_object(**where, VersionId=ids[2])
    assert answer["VersionId"] == ids[2] and not answer.get("DeleteMarker")
    assert s3.get_object(**where)["Body"].read() == b"22"
    refused(s3.get_object, 404, "NoSuchVersion", **where, VersionId=ids[2])


def test_a_delete_marker_hides_and_is_told(s3, own_bucket):
    set_versioning(s3, own_bucket, "Enabled")
    where = {"Bucket": own_bucket, "Key": "k"}
    version = s3.put_object(**where, Body=b"x")["VersionId"]
    marker = s3.delete_object(**where)["VersionId"]
    answer = refused(s3.get_object, 404, "NoSuchKey", **where)
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"] == "true"
    refused(s3.get_object, 405, "MethodNotAllowed", **where, VersionId=marker)
    assert "Contents" not in s3.list_objects_v2(Bucket=own_bucket)
    assert versions(s3, own_bucket) == [("k", version, False, False), ("k", marker, True, True)]
    gone = s3.delete_object(**where, VersionId=marker)
    assert gone["DeleteMarker"] is True and gone["VersionId"] == marker
    assert s3.get_object(**where)["VersionId"] == version


def test_delete_many_with_versions(s3, own_bucket):
    set_versioning(s3, own_bucket, "Enabled")
    first = s3.put_object(Bucket=own_bucket, Key="a", Body=b"1")["VersionId"]
    s3.put_object(Bucket=own_bucket, Key="a", Body=b"2")
    s3.put_object(Bucket=own_bucket, Key="b", Body=b"3")
    answer = s3.delete_objects(Bucket=own_bucket, Delete={"Objects": [{"Key": "a", "VersionId": first}, {"Key": "b"}]})
    by_key = {row["Key"]: row for row in answer["Deleted"]}
    assert by_key["a"]["VersionId"] == first and by_key["b"]["DeleteMarker"] is True
    assert [row[0] for row in versions(s3, own_bucket)] == ["a", "b", "b"]


def test_suspended_versioning_overwrites_only_the_null_version(s3, own_bucket):
    where = {"Bucket": own_bucket, "Key": "k"}
    assert "VersionId" not in s3.put_object(**where, Body=b"before")
    set_versioning(s3, own_bucket, "Enabled")
    kept = s3.put_object(**where, Body=b"kept")["VersionId"]
    assert s3.get_object(**where, VersionId="null")["Body"].read() == b"before"
    set_versioning(s3, own_bucket, "Suspended")
    assert s3.get_bucket_versioning(Bucket=own_bucket)["Status"] == "Suspended"
    s3.put_object(**where, Body=b"null again")
    assert versions(s3, own_bucket) == [("k", "null", False, True), ("k", kept, False, False)]
    assert s3.get_object(**where, VersionId="null")["Body"].read() == b"null again"
    assert s3.delete_object(**where).get("VersionId", "null") == "null"
    assert versions(s3, own_bucket) == [("k", kept, False, False), ("k", "null", True, True)]
    assert s3.get_object(**where, VersionId=kept)["Body"].read() == b"kept"


def test_version_listing_pages(s3, own_bucket):
    set_versioning(s3, own_bucket, "Enabled")
    for key in ("a", "b/1", "b/2", "c ü"):
        for body in (b"1", b"2", b"3"):
            s3.put_object(Bucket=own_bucket, Key=key, Body=body)
        s3.delete_object(Bucket=own_bucket, Key=key)
    whole = versions(s3, own_bucket)
    assert len(whole) == 16
    for size in (1, 3, 5):
        rows, markers = [], []
        pages = s3.get_paginator("list_object_versions").paginate(
            Bucket=own_bucket, PaginationConfig={"PageSize": size})
        for page in pages:
            rows += [(r["Key"], r["VersionId"], False, r["IsLatest"]) for r in page.get("Versions", [])]
            markers += [(r["Key"], r["VersionId"], True, r["IsLatest"]) for r in page.get("DeleteMarkers", [])]
        assert rows + markers == whole
    folded = s3.list_object_versions(Bucket=own_bucket, Delimiter="/")
    assert [row["Prefix"] for row in folded["CommonPrefixes"]] == ["b/"]
    assert sorted({row["Key"] for row in folded["Versions"]}) == ["a", "c ü"]


def test_a_bucket_with_anything_in_it_is_not_deleted(s3, new_bucket_name):
    bucket = new_bucket_name
    s3.create_bucket(Bucket=bucket)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="u")["UploadId"]
    set_versioning(s3, bucket, "Enabled")
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    refused(s3.delete_bucket, 409, "BucketNotEmpty", Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="k", VersionId=version)
    refused(s3.delete_bucket, 409, "BucketNotEmpty", Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker)
    s3.abort_multipart_upload(Bucket=bucket, Key="u", UploadId=upload)
    s3.delete_bucket(Bucket=bucket)
    refused(s3.head_bucket, 404, None, Bucket=bucket)
    refused(s3.put_object, 404, "NoSuchBucket", Bucket=bucket, Key="k", Body=b"")
    refused(s3.delete_bucket, 404, "NoSuchBucket", Bucket=bucket)


def test_a_bucket_can_be_made_again_and_starts_empty(s3, new_bucket_name):
    s3.create_bucket(Bucket=new_bucket_name)
    s3.put_object(Bucket=new_bucket_name, Key="old", Body=b"x")
    s3.delete_object(Bucket=new_bucket_name, Key="old")
    s3.delete_bucket(Bucket=new_bucket_name)
    s3.create_bucket(Bucket=new_bucket_name)
    assert versions(s3, new_bucket_name) == []


@pytest.mark.parametrize("name", ["ab", "Upper", "under_score", "-dash-first", "dash-last-", "dot..dot", "192.168.1.1",
                                  "a" * 64, "xn--name", "name-s3alias"])
def test_bad_bucket_name_is_refused(endpoint, name):
    from tests.support import sigv4
    answer = sigv4.call(endpoint, "PUT", f"/{name}")
    assert answer.status == 400 and b"<Code>InvalidBucketName</Code>" in answer.body


def test_listing_buckets_and_location(s3, own_bucket, endpoint):
    rows = {row["Name"]: row for row in s3.list_buckets()["Buckets"]}
    assert rows[own_bucket]["CreationDate"].year >= 2024
    location = s3.get_bucket_location(Bucket=own_bucket)["LocationConstraint"]
    assert location == (None if endpoint.region == "us-east-1" else endpoint.region)
    head = s3.head_bucket(Bucket=own_bucket)["ResponseMetadata"]["HTTPHeaders"]
    assert head["x-amz-bucket-region"] == endpoint.region
