"""The mixed load of the kill test: one thread, its own keys in a plain and in a versioned bucket."""

import hashlib
import http.client
import random
import xml.etree.ElementTree

from tests.chaos.ledger import ABSENT, Content, Ledger, Loss, Upload, caller, text_of

KEYS = 12
PART = 5 << 20
KEPT_VERSIONS = 5  # of a key; with more one of them is deleted, so that the load is bounded
# What is asked for, and how often of a hundred.
MIX = {"small": 40, "medium": 14, "large": 4, "copy": 12, "delete": 16, "delete_version": 10, "multipart": 4}
# How a request ends when the server is killed under it (ssl.SSLError is an OSError).
CUT_OFF = (OSError, EOFError, http.client.HTTPException)


class Worker:
    """Runs requests until the server goes away; keeps the ledgers over all rounds."""

    def __init__(self, number, seed, buckets):
        self.prefix = f"w{number}/"
        self.seed = f"{seed}/{number}"
        self.ledgers = [Ledger(bucket, is_versioned) for bucket, is_versioned in buckets]
        self.acknowledged = 0
        self.failure = None

    def run(self, endpoint, round_number, on_acknowledged, is_ending):
        """One round. `on_acknowledged()` is called after each answer; ends by itself once `is_ending()`."""
        self.random = random.Random(f"{self.seed}/{round_number}")
        self.on_acknowledged = on_acknowledged
        try:
            self.call, close = caller(endpoint)
            while not is_ending():
                self.step()
            close()
        except CUT_OFF:
            pass  # the kill; what is open stays open in the ledger
        except Exception as error:  # told by the main thread
            self.failure = error

    def step(self):
        ledger = self.random.choice(self.ledgers)
        key = f"{self.prefix}k{self.random.randrange(KEYS):02}"
        kind = self.random.choices(list(MIX), list(MIX.values()))[0]
        if len(ledger.versions.get(key, {})) > KEPT_VERSIONS:
            kind = "delete_version"
        getattr(self, kind)(ledger, key)

    def expect(self, answer, *statuses):
        if answer.status not in statuses:
            raise AssertionError(f"{self.prefix}: a request got {answer}")
        return answer

    def done(self, ledger, answer):
        ledger.acknowledge(answer.headers.get("x-amz-version-id"))
        self.acknowledged += 1
        self.on_acknowledged()

    def put(self, ledger, key, size):
        body = self.random.randbytes(size)
        ledger.begin(key, Content.of(body))
        self.done(ledger, self.expect(self.call("PUT", f"/{ledger.bucket}/{key}", body=body), 200))

    def small(self, ledger, key):
        self.put(ledger, key, self.random.choice([0, 1, 100, 4096, 16384, 16385]))

    def medium(self, ledger, key):
        self.put(ledger, key, self.random.randrange(20000, 300000))

    def large(self, ledger, key):
        self.put(ledger, key, self.random.randrange(1 << 20, 3 << 20))

    def copy(self, ledger, key):
        source = f"{self.prefix}k{self.random.randrange(KEYS):02}"
        state = ledger.current.get(source, ABSENT)
        if state is ABSENT or source == key:
            return self.small(ledger, key)
        ledger.begin(key, state)
        headers = {"x-amz-copy-source": f"/{ledger.bucket}/{source}"}
        answer = self.call("PUT", f"/{ledger.bucket}/{key}", headers=headers)
        if answer.status == 404:
            raise Loss(f"{ledger.bucket}/{source} is gone, acknowledged was {state}")
        self.expect(answer, 200)
        if b"<Error>" in answer.body:
            raise AssertionError(f"copy gave {answer}")
        self.done(ledger, answer)

    def delete(self, ledger, key):
        if ledger.current.get(key, ABSENT) is ABSENT:
            return self.small(ledger, key)
        ledger.begin(key, ABSENT)
        self.done(ledger, self.expect(self.call("DELETE", f"/{ledger.bucket}/{key}"), 204))

    def delete_version(self, ledger, key):
        versions = list(ledger.versions.get(key, {}))
        if not versions:
            return self.small(ledger, key)
        ledger.begin(key, None, self.random.choice(versions))
        query = [("versionId", ledger.open_version)]
        self.done(ledger, self.expect(self.call("DELETE", f"/{ledger.bucket}/{key}", query), 204))

    def multipart(self, ledger, key):
        path = f"/{ledger.bucket}/{key}"
        answer = self.expect(self.call("POST", path, [("uploads", "")]), 200)
        upload = Upload(key, text_of(xml.etree.ElementTree.fromstring(answer.body), "UploadId"), [])
        ledger.uploads.append(upload)
        bodies = [self.random.randbytes(self.random.randrange(1000, 200000))]
        if self.random.random() < 0.3:
            bodies.insert(0, self.random.randbytes(PART))
        for number, body in enumerate(bodies, 1):
            query = [("partNumber", str(number)), ("uploadId", upload.upload_id)]
            answer = self.expect(self.call("PUT", path, query, body=body), 200)
            assert answer.headers["etag"].strip('"') == hashlib.md5(body).hexdigest()
            upload.parts.append((number, answer.headers["etag"]))
            self.acknowledged += 1
            self.on_acknowledged()
        whole = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{e}</ETag></Part>" for n, e in upload.parts)
        upload.content = Content.of(b"".join(bodies))
        ledger.begin(key, upload.content)
        body = f"<CompleteMultipartUpload>{whole}</CompleteMultipartUpload>".encode()
        answer = self.expect(self.call("POST", path, [("uploadId", upload.upload_id)], body=body), 200)
        if b"<Error>" in answer.body:
            raise AssertionError(f"completing gave {answer}")
        ledger.uploads.remove(upload)
        self.done(ledger, answer)
