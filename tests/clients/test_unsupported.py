"""What is not supported says so (501), does nothing, and never pretends success."""

import urllib.parse

import botocore.exceptions
import botocore.session
import pytest

from tests.clients.test_objects import keys_below, refused
from tests.support import sigv4

B = {"Bucket": "{bucket}"}
O = {"Bucket": "{bucket}", "Key": "{key}"}
TAGS = {"TagSet": [{"Key": "k", "Value": "v"}]}
RULE = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
ENCRYPTION = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
BLOCK = {name: True for name in ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")}
CORS = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}

OPERATIONS = [
    ("put_bucket_policy", {**B, "Policy": "{{}}"}), ("get_bucket_policy", B), ("delete_bucket_policy", B),
    ("put_bucket_lifecycle_configuration", {**B, "LifecycleConfiguration": {"Rules": [RULE]}}),
    ("get_bucket_lifecycle_configuration", B), ("delete_bucket_lifecycle", B),
    ("put_bucket_cors", {**B, "CORSConfiguration": CORS}), ("get_bucket_cors", B), ("delete_bucket_cors", B),
    ("put_bucket_tagging", {**B, "Tagging": TAGS}), ("get_bucket_tagging", B), ("delete_bucket_tagging", B),
    ("put_object_tagging", {**O, "Tagging": TAGS}), ("delete_object_tagging", O),
    ("put_bucket_acl", {**B, "ACL": "public-read"}), ("put_object_acl", {**O, "ACL": "public-read"}),
    ("put_bucket_encryption", {**B, "ServerSideEncryptionConfiguration": ENCRYPTION}), ("get_bucket_encryption", B),
    ("put_public_access_block", {**B, "PublicAccessBlockConfiguration": BLOCK}), ("get_public_access_block", B),
    ("get_bucket_policy_status", B), ("get_bucket_website", B), ("get_bucket_logging", B),
    ("get_bucket_notification_configuration", B), ("get_bucket_replication", B),
    ("get_bucket_accelerate_configuration", B), ("get_bucket_ownership_controls", B), ("get_bucket_request_payment", B),
    ("list_bucket_inventory_configurations", B), ("get_object_lock_configuration", B),
    ("get_object_legal_hold", O), ("get_object_retention", O),
    ("put_object_legal_hold", {**O, "LegalHold": {"Status": "ON"}}),
    ("put_object_retention", {**O, "Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": "2040-01-01T00:00:00Z"}}),
    ("get_object_torrent", O), ("get_object_attributes", {**O, "ObjectAttributes": ["ETag"]}),
    ("restore_object", {**O, "RestoreRequest": {"Days": 1}}),
    ("select_object_content", {**O, "Expression": "select * from s3object", "ExpressionType": "SQL",
                               "InputSerialization": {"CSV": {}}, "OutputSerialization": {"CSV": {}}}),
]


def fill(value, bucket, key):
    if isinstance(value, str):
        return value.format(bucket=bucket, key=key)
    if isinstance(value, dict):
        return {name: fill(item, bucket, key) for name, item in value.items()}
    return [fill(item, bucket, key) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("operation,arguments", OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_operation_is_refused_as_not_implemented(s3, place, operation, arguments):
    s3.put_object(Bucket=place.bucket, Key=place.key("o"), Body=b"stays")
    refused(getattr(s3, operation), 501, "NotImplemented", **fill(arguments, place.bucket, place.key("o")))
    assert s3.get_object(Bucket=place.bucket, Key=place.key("o"))["Body"].read() == b"stays"


SERVED = {
    "AbortMultipartUpload", "CompleteMultipartUpload", "CopyObject", "CreateBucket", "CreateMultipartUpload", "DeleteBucket",
    "DeleteObject", "DeleteObjects", "GetBucketLocation", "GetBucketVersioning", "GetObject", "GetObjectTagging", "HeadBucket",
    "HeadObject", "ListBuckets", "ListMultipartUploads", "ListObjectVersions", "ListObjects", "ListObjectsV2", "ListParts",
    "PutBucketVersioning", "PutObject", "UploadPart", "UploadPartCopy",
    "ListDirectoryBuckets",  # the same request as ListBuckets, at a host of its own
}
MODEL = botocore.session.get_session().get_service_model("s3")
# ... and what comes after this model: a sub-resource that nobody has heard of.
UNHEARD = [(f"{method} {path} newResource", method, path + ("&" if "?" in path else "?") + "newResource") for method, path in (
    ("GET", "/{Bucket}"), ("PUT", "/{Bucket}"), ("POST", "/{Bucket}"), ("DELETE", "/{Bucket}"), ("GET", "/{Bucket}/{Key+}"),
    ("HEAD", "/{Bucket}/{Key+}"), ("PUT", "/{Bucket}/{Key+}"), ("POST", "/{Bucket}/{Key+}"), ("DELETE", "/{Bucket}/{Key+}"),
    ("PUT", "/{Bucket}?versioning"), ("POST", "/{Bucket}?delete"))]


def of_model():
    rows = [(name, MODEL.operation_model(name).http) for name in MODEL.operation_names if name not in SERVED]
    return [(name, http["method"], http["requestUri"]) for name, http in rows] + UNHEARD


@pytest.mark.parametrize("name,method,uri", of_model(), ids=[row[0] for row in of_model()])
def test_every_other_operation_of_the_model_is_refused(s3, endpoint, place, name, method, uri):
    s3.put_object(Bucket=place.bucket, Key=place.key("o"), Body=b"stays")
    path, _, query = uri.replace("{Bucket}", place.bucket).replace("{Key+}", place.key("o")).partition("?")
    answer = sigv4.call(endpoint, method, path, urllib.parse.parse_qsl(query, keep_blank_values=True), body=b"")
    assert answer.status == 501, (answer.status, answer.body)
    assert s3.get_object(Bucket=place.bucket, Key=place.key("o"))["Body"].read() == b"stays"


HEADERS = [
    {"ACL": "public-read"}, {"GrantRead": "id=1"}, {"StorageClass": "GLACIER"}, {"Tagging": "a=b"},
    {"ServerSideEncryption": "aws:kms"}, {"SSECustomerKey": "k" * 32, "SSECustomerAlgorithm": "AES256"},
    {"ObjectLockLegalHoldStatus": "ON"}, {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": "2040-01-01"},
    {"WebsiteRedirectLocation": "/x"}, {"WriteOffsetBytes": 3},
]


@pytest.mark.parametrize("headers", HEADERS, ids=["+".join(row) for row in HEADERS])
def test_a_put_that_asks_for_more_than_there_is_stores_nothing(s3, place, headers):
    for call, more in ((s3.put_object, {"Body": b"x"}), (s3.create_multipart_upload, {})):
        if "WriteOffsetBytes" in headers and not more:
            continue
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            call(Bucket=place.bucket, Key=place.key("o"), **more, **headers)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 501)
    assert keys_below(s3, place) == []


@pytest.mark.own_bucket
def test_a_bucket_with_object_lock_is_not_made(s3, new_bucket_name):
    refused(s3.create_bucket, 501, "NotImplemented", Bucket=new_bucket_name, ObjectLockEnabledForBucket=True)
    refused(s3.create_bucket, 501, "NotImplemented", Bucket=new_bucket_name, ACL="public-read")
    assert new_bucket_name not in [row["Name"] for row in s3.list_buckets()["Buckets"]]
