"""Checksums in header and trailer form, and the chunked transfer forms by hand."""

import hashlib
import hmac

import pytest

from tests.clients.test_objects import keys_below, read, refused
from tests.support import checksums, sigv4

BODY = bytes(range(256)) * 300


def need(algorithm):
    if not checksums.is_available(algorithm):
        pytest.skip(f"NOT TESTED: {algorithm} needs the package awscrt (tests/requirements.txt)")


@pytest.mark.parametrize("form", ["header", "trailer"])
@pytest.mark.parametrize("algorithm", checksums.ALGORITHMS)
def test_checksum_is_verified_stored_and_returned(s3, place, algorithm, form):
    need(algorithm)
    name, where = f"Checksum{algorithm}", {"Bucket": place.bucket, "Key": place.key("o")}
    given = {name: checksums.encoded(algorithm, BODY)} if form == "header" else {"ChecksumAlgorithm": algorithm}
    put = s3.put_object(**where, Body=BODY, **given)
    assert put[name] == checksums.encoded(algorithm, BODY)
    got = s3.get_object(**where, ChecksumMode="ENABLED")
    assert got["Body"].read() == BODY
    assert (got[name], got["ChecksumType"]) == (put[name], "FULL_OBJECT")
    assert s3.head_object(**where, ChecksumMode="ENABLED")[name] == put[name]
    copy = s3.copy_object(Bucket=place.bucket, Key=place.key("copy"), CopySource=where)
    assert copy["CopyObjectResult"][name] == put[name]
    row = s3.list_objects_v2(Bucket=place.bucket, Prefix=place.prefix)["Contents"][0]
    assert row["ChecksumAlgorithm"] == [algorithm]


@pytest.mark.parametrize("algorithm", checksums.ALGORITHMS)
def test_wrong_checksum_in_the_header_is_refused(s3, place, algorithm):
    need(algorithm)
    wrong = {f"Checksum{algorithm}": checksums.encoded(algorithm, b"something else")}
    refused(s3.put_object, 400, "BadDigest", Bucket=place.bucket, Key=place.key("o"), Body=BODY, **wrong)
    assert keys_below(s3, place) == []


def test_wrong_md5_is_refused(s3, place):
    refused(s3.put_object, 400, "BadDigest", Bucket=place.bucket, Key=place.key("o"), Body=BODY,
            ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==")
    refused(s3.put_object, 400, "InvalidDigest", Bucket=place.bucket, Key=place.key("o"), Body=BODY,
            ContentMD5="not base64")
    assert keys_below(s3, place) == []


def test_wrong_payload_hash_is_refused(endpoint, s3, place):
    answer = sigv4.call(endpoint, "PUT", f"/{place.bucket}/{place.key('o')}", body=BODY,
                        payload=hashlib.sha256(b"other").hexdigest())
    assert answer.status == 400 and b"<Code>XAmzContentSHA256Mismatch</Code>" in answer.body
    assert keys_below(s3, place) == []


def unsigned_chunks(data, sizes, trailer=""):
    out, at = b"", 0
    for size in sizes:
        out += b"%x\r\n" % len(data[at:at + size]) + data[at:at + size] + b"\r\n"
        at += size
    assert at >= len(data)
    return out + b"0\r\n" + trailer.encode() + b"\r\n"


def put_unsigned_trailer(endpoint, place, name, trailer_value):
    trailer = f"{name}:{trailer_value}\r\n"
    headers = {"content-encoding": "aws-chunked", "x-amz-decoded-content-length": str(len(BODY)), "x-amz-trailer": name}
    body = unsigned_chunks(BODY, [8192, 65536, 10000], trailer)
    return sigv4.call(endpoint, "PUT", f"/{place.bucket}/{place.key('o')}", headers=headers, body=body,
                      payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER")


@pytest.mark.parametrize("algorithm", checksums.ALGORITHMS)
def test_unsigned_chunks_with_a_trailer(endpoint, s3, place, algorithm):
    need(algorithm)
    name = f"x-amz-checksum-{algorithm.lower()}"
    answer = put_unsigned_trailer(endpoint, place, name, checksums.encoded(algorithm, b"something else"))
    assert answer.status == 400 and b"<Code>BadDigest</Code>" in answer.body
    assert keys_below(s3, place) == []
    answer = put_unsigned_trailer(endpoint, place, name, checksums.encoded(algorithm, BODY))
    assert answer.status == 200, answer
    assert read(s3, place, "o") == BODY
    head = s3.head_object(Bucket=place.bucket, Key=place.key("o"), ChecksumMode="ENABLED")
    assert head[f"Checksum{algorithm}"] == checksums.encoded(algorithm, BODY)
    assert "aws-chunked" not in head.get("ContentEncoding", "")


def signed_chunks(endpoint, path, headers, sizes, trailer=None, spoil=None):
    """Headers and body of a PUT with STREAMING-AWS4-HMAC-SHA256-PAYLOAD (and -TRAILER). `spoil(n, data)` changes the
    bytes of chunk n after they were signed."""
    payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
    amz_date = sigv4.amz_now()
    headers = {"content-encoding": "aws-chunked", "x-amz-decoded-content-length": str(len(BODY)), **headers}
    if trailer:
        headers["x-amz-trailer"] = trailer[0]
    sent = sigv4.sign_headers(endpoint, "PUT", path, (), headers, b"", payload, amz_date)
    previous = sent["authorization"].rsplit("=", 1)[1]
    key = sigv4.signing_key(endpoint.secret_key, amz_date[:8], endpoint.region)
    scope = f"{amz_date}\n{amz_date[:8]}/{endpoint.region}/s3/aws4_request"

    def chunk_signature(kind, content):
        text = f"AWS4-HMAC-SHA256-{kind}\n{scope}\n{previous}\n{content}"
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

    out, at = b"", 0
    for number, size in enumerate([*sizes, 0]):
        data = BODY[at:at + size]
        at += size
        previous = chunk_signature("PAYLOAD", sigv4.EMPTY_SHA256 + "\n" + hashlib.sha256(data).hexdigest())
        data = spoil(number, data) if spoil else data
        out += f"{len(data):x};chunk-signature={previous}\r\n".encode() + data
        out += b"\r\n" if size or not trailer else b""
    if trailer:
        line = f"{trailer[0]}:{trailer[1]}\n"
        signature = chunk_signature("TRAILER", hashlib.sha256(line.encode()).hexdigest())
        out += f"{trailer[0]}:{trailer[1]}\r\nx-amz-trailer-signature:{signature}\r\n\r\n".encode()
    return sent, out


def put_signed(endpoint, place, **more):
    path = f"/{place.bucket}/{place.key('o')}"
    headers, body = signed_chunks(endpoint, path, {}, [16384, 40000, 20416], **more)
    connection = sigv4.connect(endpoint)
    connection.request("PUT", sigv4.target(path), body=body, headers=headers)
    answer = sigv4.Reply(connection.getresponse())
    connection.close()
    return answer


def test_signed_chunks(endpoint, s3, place):
    assert len(BODY) == 76800
    answer = put_signed(endpoint, place)
    assert answer.status == 200, answer
    assert read(s3, place, "o") == BODY


def test_signed_chunks_with_a_signed_trailer(endpoint, s3, place):
    answer = put_signed(endpoint, place, trailer=("x-amz-checksum-crc32", checksums.encoded("CRC32", BODY)))
    assert answer.status == 200, answer
    assert read(s3, place, "o") == BODY
    head = s3.head_object(Bucket=place.bucket, Key=place.key("o"), ChecksumMode="ENABLED")
    assert head["ChecksumCRC32"] == checksums.encoded("CRC32", BODY)


@pytest.mark.parametrize("chunk", [0, 1, 2])
def test_a_changed_byte_in_a_signed_chunk_is_refused(endpoint, s3, place, chunk):
    answer = put_signed(endpoint, place, spoil=lambda number, data: (
        bytes([data[0] ^ 1]) + data[1:] if number == chunk else data))
    assert answer.status == 403 and b"<Code>SignatureDoesNotMatch</Code>" in answer.body
    assert keys_below(s3, place) == []


def test_a_wrong_signed_trailer_is_refused(endpoint, s3, place):
    answer = put_signed(endpoint, place, trailer=("x-amz-checksum-crc32", checksums.encoded("CRC32", b"else")))
    assert answer.status == 400 and b"<Code>BadDigest</Code>" in answer.body
    assert keys_below(s3, place) == []


def test_fewer_bytes_than_told_are_refused(endpoint, s3, place):
    headers = {"content-encoding": "aws-chunked", "x-amz-decoded-content-length": str(len(BODY) + 1)}
    answer = sigv4.call(endpoint, "PUT", f"/{place.bucket}/{place.key('o')}", headers=headers,
                        body=unsigned_chunks(BODY, [len(BODY)]), payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    assert answer.status == 400, answer
    assert keys_below(s3, place) == []
