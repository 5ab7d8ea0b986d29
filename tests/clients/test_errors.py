"""The errors a person meets: wrong keys, wrong region, missing things; nothing is ever answered without a signature."""

import dataclasses
import re
import xml.etree.ElementTree

import pytest

from tests.clients.conftest import make_client
from tests.clients.test_objects import keys_below, read, refused
from tests.support import sigv4


def code(answer):
    """The <Code> of an S3 error body, and the fields beside it."""
    fields = {re.sub("{.*}", "", row.tag): row.text for row in xml.etree.ElementTree.fromstring(answer.body)}
    assert fields["Message"] and fields["RequestId"]
    return fields["Code"], fields


def test_wrong_secret(endpoint, place):
    client = make_client(dataclasses.replace(endpoint, secret_key="x" * 40))
    refused(client.put_object, 403, "SignatureDoesNotMatch", Bucket=place.bucket, Key=place.key("o"), Body=b"x")
    refused(client.list_objects_v2, 403, "SignatureDoesNotMatch", Bucket=place.bucket)


def test_unknown_access_key(endpoint, place):
    client = make_client(dataclasses.replace(endpoint, access_key="AKIAXXXXXXXXXXXXXXXX"))
    refused(client.get_object, 403, "InvalidAccessKeyId", Bucket=place.bucket, Key=place.key("o"))


def test_cli_says_that_the_key_is_wrong(aws, place):
    aws.env["AWS_SECRET_ACCESS_KEY"] = "wrong" * 8
    denied = aws("s3", "ls", place.uri(), check=False)
    assert denied.returncode != 0 and "SignatureDoesNotMatch" in denied.stderr


def test_wrong_region_names_the_right_one(endpoint, place):
    other = dataclasses.replace(endpoint, region="mars-north-1")
    answer = sigv4.call(other, "GET", f"/{place.bucket}", [("list-type", "2")])
    name, fields = code(answer)
    assert (answer.status, name) == (400, "AuthorizationHeaderMalformed")
    assert fields["Region"] == endpoint.region
    answer = sigv4.call(other, "HEAD", f"/{place.bucket}")
    assert answer.status == 400 and answer.headers["x-amz-bucket-region"] == endpoint.region


def test_boto3_finds_the_right_region_by_itself(endpoint, s3, place):
    s3.put_object(Bucket=place.bucket, Key=place.key("o"), Body=b"found")
    client = make_client(dataclasses.replace(endpoint, region="mars-north-1"), retries={"total_max_attempts": 3})
    assert read(client, place, "o") == b"found"


@pytest.mark.parametrize("method,path", [
    ("GET", "/"), ("GET", "/{bucket}"), ("GET", "/{bucket}/{key}"), ("HEAD", "/{bucket}/{key}"),
    ("PUT", "/{bucket}/{key}"), ("DELETE", "/{bucket}/{key}"), ("PUT", "/anonymous-bucket"), ("DELETE", "/{bucket}"),
    ("POST", "/{bucket}?delete"), ("POST", "/{bucket}/{key}?uploads"), ("GET", "/{bucket}?versions"),
    ("GET", "/no-such-bucket/k")])
def test_anonymous_is_denied(endpoint, s3, place, method, path):
    s3.put_object(Bucket=place.bucket, Key=place.key("o"), Body=b"private")
    answer = sigv4.call_plain(endpoint, method, path.format(bucket=place.bucket, key=place.key("o")), body=b"")
    assert answer.status == 403, answer
    if method != "HEAD":
        assert code(answer)[0] == "AccessDenied" and b"private" not in answer.body
    assert read(s3, place, "o") == b"private"


def test_missing_key_and_bucket(s3, place):
    refused(s3.get_object, 404, "NoSuchKey", Bucket=place.bucket, Key=place.key("none"))
    refused(s3.head_object, 404, "404", Bucket=place.bucket, Key=place.key("none"))
    none = place.bucket + "-none"
    refused(s3.get_object, 404, "NoSuchBucket", Bucket=none, Key="k")
    refused(s3.list_objects_v2, 404, "NoSuchBucket", Bucket=none)
    refused(s3.list_objects, 404, "NoSuchBucket", Bucket=none)
    refused(s3.put_object, 404, "NoSuchBucket", Bucket=none, Key="k", Body=b"x")
    refused(s3.create_multipart_upload, 404, "NoSuchBucket", Bucket=none, Key="k")
    refused(s3.delete_object, 404, "NoSuchBucket", Bucket=none, Key="k")
    refused(s3.get_bucket_versioning, 404, "NoSuchBucket", Bucket=none)


def test_bad_arguments(endpoint, s3, place):
    bucket = f"/{place.bucket}"
    for query, name in (([("max-keys", "-1")], "InvalidArgument"), ([("max-keys", "x")], "InvalidArgument"),
                        ([("list-type", "2"), ("continuation-token", "rubbish!")], "InvalidArgument"),
                        ([("encoding-type", "morse")], "InvalidArgument")):
        answer = sigv4.call(endpoint, "GET", bucket, query)
        assert (answer.status, code(answer)[0]) == (400, name), (query, answer)
    answer = sigv4.call(endpoint, "POST", bucket, [("delete", "")], body=b"<Delete><Object>",
                        headers={"content-md5": "2/tgmBdmQLO+511KLYgSag=="})
    assert (answer.status, code(answer)[0]) == (400, "MalformedXML")
    refused(s3.get_object, 400, "InvalidArgument", Bucket=place.bucket, Key=place.key("o"), VersionId="rubbish")


def test_clock_far_off_is_told(endpoint, place):
    for shift in (-3600, 3600):
        answer = sigv4.call(endpoint, "GET", f"/{place.bucket}", amz_date=sigv4.amz_now(shift))
        assert (answer.status, code(answer)[0]) == (403, "RequestTimeTooSkewed")


def get_presigned(endpoint, place, **more):
    target = sigv4.presign(endpoint, "GET", f"/{place.bucket}/{place.key('o')}", **more)
    return sigv4.call_plain(endpoint, "GET", target)


def test_presigned_addresses_end(endpoint, s3, place):
    s3.put_object(Bucket=place.bucket, Key=place.key("o"), Body=b"x")
    assert get_presigned(endpoint, place).status == 200
    assert get_presigned(endpoint, place, expires=3600, amz_date=sigv4.amz_now(-1800)).status == 200
    late = get_presigned(endpoint, place, expires=60, amz_date=sigv4.amz_now(-1800))
    assert (late.status, code(late)[0]) == (403, "AccessDenied") and "expired" in code(late)[1]["Message"].lower()
    early = get_presigned(endpoint, place, amz_date=sigv4.amz_now(3600))
    assert early.status == 403 and code(early)[0] in ("AccessDenied", "RequestTimeTooSkewed")
    for seconds in (-1, 604801):
        answer = get_presigned(endpoint, place, expires=seconds)
        assert (answer.status, code(answer)[0]) == (400, "AuthorizationQueryParametersError")
    target = sigv4.presign(endpoint, "GET", f"/{place.bucket}/{place.key('o')}")
    assert sigv4.call_plain(endpoint, "PUT", target, body=b"y").status == 403
    assert read(s3, place, "o") == b"x"


def test_an_address_signed_with_version_2_is_refused_and_told_what_to_use(endpoint, s3, place):
    s3.put_object(Bucket=place.bucket, Key=place.key("o"), Body=b"x")
    client = make_client(endpoint, signature_version="s3")
    params = {"Bucket": place.bucket, "Key": place.key("o")}
    address = client.generate_presigned_url("get_object", Params=params)
    answer = sigv4.call_plain(endpoint, "GET", address[len(endpoint.url):])
    assert (answer.status, code(answer)[0]) == (400, "InvalidRequest")
    assert re.search("AWS4-HMAC-SHA256|Version 4", code(answer)[1]["Message"])


def test_a_head_has_no_body_and_the_connection_goes_on(endpoint, s3, place):
    s3.put_object(Bucket=place.bucket, Key=place.key("o"), Body=b"x" * 1000)
    connection = sigv4.connect(endpoint)
    path = f"/{place.bucket}/{place.key('o')}"
    for _ in range(3):
        head = sigv4.call(endpoint, "HEAD", path, connection=connection)
        assert (head.status, head.headers["content-length"], head.body) == (200, "1000", b"")
        missing = sigv4.call(endpoint, "HEAD", path + "-none", connection=connection)
        assert (missing.status, missing.body) == (404, b"")
        assert sigv4.call(endpoint, "GET", path, connection=connection).body == b"x" * 1000
    connection.close()


def test_every_answer_has_its_own_request_id(endpoint, place):
    answers = [sigv4.call(endpoint, "GET", f"/{place.bucket}/{place.key('none')}") for _ in range(3)]
    ids = {answer.headers["x-amz-request-id"] for answer in answers}
    assert len(ids) == 3 and {code(answer)[1]["RequestId"] for answer in answers} == ids


def test_plain_http_on_the_tls_port_does_no_harm(endpoint, s3, place):
    import socket
    with socket.create_connection((endpoint.host, endpoint.port), timeout=30) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        data = raw.recv(1000)
    assert not data.startswith(b"HTTP/1.1 2")
    assert keys_below(s3, place) == []


def test_certificate_is_checked_against_the_nodes_ca(endpoint, place):
    import subprocess
    system = subprocess.run(["curl", "-sS", endpoint.url], capture_output=True, text=True)
    assert system.returncode == 60, "a certificate that only the node's own CA signed must be refused elsewhere"
