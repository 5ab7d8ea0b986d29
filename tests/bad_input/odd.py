#!/usr/bin/env python3
"""Well signed requests that make no sense: operations with each other's parameters, headers, documents and kinds of
payload. Each gets an answer that is no 5xx but 501, or 503 where it waits; the server stays up.

    python3 tests/bad_input/odd.py [--count 4000] [--seed 1] [--only N]

Half of them come from a user without any right, who must never be answered with success. --count 100000 is the full
run; --only N replays one request alone. Exit code 0 when all hold.
"""

import argparse
import collections
import http.client
import json
import pathlib
import random
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from tests.support import sigv4  # noqa: E402
from tests.support.node import Endpoint, Node  # noqa: E402

BUCKETS = ("plain", "versioned")
KEYS = ("", "/", "/a", "/b/c", "/upload", "/new", "//", "/a/../b", "/%", "/\u00e9", "/" + "k" * 1024)
METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH")
VALUES = (
    "", "0", "1", "-1", "2147483647", "2147483648", "99999999999999999999", "1e9", "null", "*", '"x"', "true", "quiet",
    "hub", "Enabled", "COMPOSITE", "FULL_OBJECT", "CRC32", "CRC64NVME", "SHA256", "MD5", "AAAAAA==", "AAAAAA==-1",
    "AAAAAA==-10000", "bytes=0-", "bytes=-1", "bytes=5-4", "bytes=18446744073709551615-", "bytes=0-0,2-3",
    "x-amz-checksum-crc32", "x-amz-checksum-sha256,x-amz-meta-a", "url", "/", "plain/a", "/plain/a", "versioned/a",
    "/versioned/a?versionId=null", "plain/a?versionId=", "plain", "%", "a%00b", "%zz", "0" * 32, "f" * 64, "REPLACE", "COPY",
    "private", "STANDARD", "Tue, 24 Nov 2026 15:23:29 GMT", "Thu, 99 Foo 0000 99:99:99 GMT", "a" * 2000, "1,2,3", ";")
HEADERS = (
    "range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "x-amz-checksum-mode",
    "x-amz-checksum-crc32", "x-amz-checksum-crc32c", "x-amz-checksum-sha1", "x-amz-checksum-sha256",
    "x-amz-checksum-crc64nvme", "x-amz-checksum-algorithm", "x-amz-sdk-checksum-algorithm", "x-amz-checksum-type",
    "x-amz-trailer", "x-amz-copy-source", "x-amz-copy-source-range", "x-amz-copy-source-if-match",
    "x-amz-copy-source-if-none-match", "x-amz-metadata-directive", "x-amz-tagging-directive", "x-amz-mp-object-size",
    "x-amz-decoded-content-length", "content-md5", "content-encoding", "content-type", "content-disposition", "x-amz-meta-a",
    "x-demilune-parents", "x-amz-acl", "x-amz-storage-class", "x-amz-expected-bucket-owner", "cache-control", "expires")
PARAMETERS = (
    "versionId", "partNumber", "uploadId", "uploads", "list-type", "prefix", "delimiter", "marker", "key-marker",
    "version-id-marker", "upload-id-marker", "max-keys", "max-parts", "max-uploads", "part-number-marker",
    "continuation-token", "start-after", "encoding-type", "fetch-owner", "versions", "location", "versioning", "delete",
    "tagging", "acl", "policy", "response-content-type", "response-expires", "max-buckets", "x-id")
DOCUMENTS = (
    b"", b"x", b"<a/>", b"<Delete><Object><Key>a</Key></Object></Delete>",
    b"<Delete><Object><Key></Key></Object><Quiet>x</Quiet></Delete>",
    b"<Delete><Object><Key>a</Key><VersionId>null</VersionId><ETag>*</ETag></Object></Delete>",
    b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>",
    b"<CompleteMultipartUpload></CompleteMultipartUpload>",
    b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>",
    b"<CreateBucketConfiguration><LocationConstraint>x</LocationConstraint></CreateBucketConfiguration>",
    b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"5\r\nhel")
PAYLOADS = (None,) * 12 + (
    "UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
NEW_UPLOADS_EVERY = 300


class Maker:
    """The n-th request, made from the seed and n alone; only the ids of uploads are those of this run."""

    def __init__(self, seed, uploads):
        self.seed, self.uploads = seed, uploads

    def make(self, number):
        source = random.Random(f"{self.seed}/{number}")
        method, path = source.choice(METHODS), "/" + source.choice(BUCKETS) + source.choice(KEYS)
        if source.random() < 0.03:
            path = source.choice(("/", "/no-such-bucket/a", "/x", "//a"))
        query = {}
        for _ in range(source.choice((0, 1, 1, 2, 2, 3))):
            name = source.choice(PARAMETERS)
            query[name] = self.upload(source) if name == "uploadId" and source.random() < 0.8 else source.choice(VALUES)
        if source.random() < 0.25:
            bucket = source.choice(BUCKETS)
            path, query["uploadId"] = f"/{bucket}/upload", self.uploads[bucket]
        if method == "POST" and source.random() < 0.3:
            path, query = "/" + source.choice(BUCKETS), {"delete": ""}
        headers = {source.choice(HEADERS): source.choice(VALUES) for _ in range(source.choice((0, 1, 1, 2, 3)))}
        body, payload = source.choice(DOCUMENTS), source.choice(PAYLOADS)
        if payload and payload.startswith("STREAMING"):
            headers["x-amz-decoded-content-length"] = source.choice(("5", "0", str(len(body)), "99999"))
            if source.random() < 0.6:
                headers["x-amz-trailer"] = "x-amz-checksum-crc32"
            if source.random() < 0.5:
                headers["content-encoding"] = "aws-chunked"
        # Half of them with no right at all.
        return source.random() < 0.5, method, path, list(query.items()), headers, body, payload

    def upload(self, source):
        return self.uploads[source.choice(BUCKETS)]


class Run:
    def __init__(self, node, seed):
        self.node, self.seed = node, seed
        self.admin = node.endpoint()
        node.cli("user", "create", "nobody")
        key = json.loads(node.cli("key", "create", "nobody", "-o", "json").stdout)
        self.nobody = Endpoint(self.admin.url, self.admin.ca, key["access_key_id"], key["secret_access_key"])
        self.uploads = {}
        self.seen = collections.Counter()
        self.prepare()

    def prepare(self):
        """Buckets, objects and uploads that the requests speak of; some of these end them."""
        for bucket in BUCKETS:
            answer = sigv4.call(self.admin, "PUT", f"/{bucket}")
            assert answer.status in (200, 409), answer
            for key in ("a", "b/c"):
                assert sigv4.call(self.admin, "PUT", f"/{bucket}/{key}", body=b"hello").status == 200
            answer = sigv4.call(self.admin, "POST", f"/{bucket}/upload", [("uploads", "")])
            self.uploads[bucket] = re.search(r"<UploadId>(.*?)<", answer.body.decode())[1]
            where = [("partNumber", "1"), ("uploadId", self.uploads[bucket])]
            assert sigv4.call(self.admin, "PUT", f"/{bucket}/upload", where, body=b"x" * 100).status == 200
        document = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        assert sigv4.call(self.admin, "PUT", "/versioned", [("versioning", "")], body=document).status == 200

    def check(self, number):
        """None, or what is wrong with the answer."""
        strange, method, path, query, headers, body, payload = Maker(self.seed, self.uploads).make(number)
        if method in ("GET", "HEAD"):
            body = b""
        endpoint = self.nobody if strange else self.admin
        sent = {name: value.encode("utf-8").decode("latin-1") for name, value in headers.items()}
        sent["content-length"] = str(len(body))
        signed = sigv4.sign_headers(endpoint, method, path, query, sent, body=body, payload=payload)
        connection = sigv4.connect(endpoint, timeout=60)
        try:
            connection.request(method, sigv4.target(path, query), body=body, headers=signed)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as broken:
            return self.describe(number, f"no answer: {broken!r}") if not self.node.is_running() else None
        finally:
            connection.close()
        status = response.status
        self.seen[status] += 1
        if status >= 500 and status not in (501, 503):
            return self.describe(number, f"status {status}: {answer[:300]!r}")
        # GET / is everybody's: it lists what one may see. Deleting many tells each refusal in a document of its own.
        may = path in ("/", "//") or (method == "POST" and "delete" in dict(query) and b"<Deleted>" not in answer)
        if strange and 200 <= status < 300 and not may and method != "OPTIONS":
            return self.describe(number, f"somebody without any right got {status}: {answer[:300]!r}")
        return None

    def describe(self, number, what):
        request = Maker(self.seed, self.uploads).make(number)
        return (f"request {number}: {what}\n  {request!r}"[:1500] +
                f"\n  replay: python3 tests/bad_input/odd.py --seed {self.seed} --only {number}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    options = parser.parse_args()
    node = Node().start()
    failures = []
    try:
        run = Run(node, options.seed)
        for number in range(options.count) if options.only is None else [options.only]:
            if number % NEW_UPLOADS_EVERY == NEW_UPLOADS_EVERY - 1:
                run.prepare()
            wrong = run.check(number)
            if wrong:
                failures.append(wrong)
                print(wrong, flush=True)
            if not node.is_running():
                print(f"the server ended:\n{node.log_tail()}")
                node.start()
                run.admin, run.nobody = node.endpoint(), Endpoint(
                    node.endpoint().url, node.endpoint().ca, run.nobody.access_key, run.nobody.secret_key)
                run.prepare()
            if len(failures) >= 50:
                break
        assert node.stop() == 0, node.log_tail()
    finally:
        node.close()
    print(f"odd requests: {sum(run.seen.values())}, answers {dict(sorted(run.seen.items()))}, {len(failures)} wrong")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
