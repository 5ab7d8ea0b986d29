"""What a load thread knows about the server: every acknowledged write, and the one request whose answer never came.

A key belongs to one thread and a thread has one request under way, so after a crash a key is in the state of the last
acknowledgement, or in that of the one open request. Anything else is a loss (or something that nobody wrote).
"""

import dataclasses
import hashlib
import xml.etree.ElementTree

from tests.support import sigv4

ABSENT = None  # the state of a key without an object


class Loss(Exception):
    """The server's state differs from what was acknowledged."""


@dataclasses.dataclass(frozen=True)
class Content:
    sha256: str
    size: int

    @staticmethod
    def of(body):
        return Content(hashlib.sha256(body).hexdigest(), len(body))


@dataclasses.dataclass
class Upload:
    """A multipart upload whose end was not acknowledged."""

    key: str
    upload_id: str
    parts: list  # of (number, etag), acknowledged
    content: Content | None = None  # of the whole object, once its completion was sent


@dataclasses.dataclass
class Ledger:
    """The state of one bucket's keys of one thread."""

    bucket: str
    is_versioned: bool
    current: dict = dataclasses.field(default_factory=dict)  # key -> Content or ABSENT
    versions: dict = dataclasses.field(default_factory=dict)  # key -> {version id: Content or ABSENT (delete marker)}
    uploads: list = dataclasses.field(default_factory=list)
    open_key: str | None = None  # the key of the request under way
    open_state: Content | None = None  # what it would make of the key
    open_version: str | None = None  # the version it would delete
    touched: set = dataclasses.field(default_factory=set)

    def begin(self, key, state, version=None):
        self.open_key, self.open_state, self.open_version = key, state, version
        self.touched.add(key)

    def acknowledge(self, version_id=None):
        """The answer of the open request came: it counts."""
        key = self.open_key
        if self.open_version is not None:
            del self.versions[key][self.open_version]
            self.current[key] = self.newest_of(key)
        else:
            self.current[key] = self.open_state
            if self.is_versioned:
                self.versions.setdefault(key, {})[version_id] = self.open_state
        self.open_key = None

    def newest_of(self, key):
        """The content of the version written last (dicts keep their order)."""
        versions = list(self.versions[key].values())
        return versions[-1] if versions else ABSENT


def text_of(element, name):
    child = element.find(f"{{*}}{name}")
    return child.text or "" if child is not None else None


def list_rows(call, bucket, prefix, is_versioned):
    """All (kind, key, version id) below a prefix, newest first within a key."""
    rows, query = [], [("versions", "")] if is_versioned else [("list-type", "2")]
    more = []
    while True:
        answer = call("GET", f"/{bucket}", [*query, ("prefix", prefix), *more])
        if answer.status != 200:
            raise Loss(f"listing {bucket} gave {answer}")
        root = xml.etree.ElementTree.fromstring(answer.body)
        for element in root:
            kind = element.tag.split("}")[-1]
            if kind in ("Contents", "Version", "DeleteMarker"):
                rows.append((kind, text_of(element, "Key"), text_of(element, "VersionId")))
        if text_of(root, "IsTruncated") != "true":
            return rows
        if is_versioned:
            more = [("key-marker", text_of(root, "NextKeyMarker")),
                    ("version-id-marker", text_of(root, "NextVersionIdMarker"))]
        else:
            more = [("continuation-token", text_of(root, "NextContinuationToken"))]


class Checker:
    """Holds one ledger against the server. `call` is sigv4.call on one connection."""

    def __init__(self, call, ledger, prefix):
        self.call = call
        self.ledger = ledger
        self.prefix = prefix

    def fetch(self, key, version=None):
        query = [("versionId", version)] if version else []
        answer = self.call("GET", f"/{self.ledger.bucket}/{key}", query)
        if answer.status == 404:
            return ABSENT
        if answer.status != 200:
            raise Loss(f"GET {self.ledger.bucket}/{key} version {version} gave {answer}")
        return Content.of(answer.body)

    def check(self, keys):
        """Verifies the listing whole and the content of `keys`; settles what was open. Raises Loss."""
        self.settle_uploads()
        if self.ledger.is_versioned:
            self.check_versions(keys)
        else:
            self.check_current(keys)
        self.ledger.open_key = None
        self.ledger.touched.clear()

    def settle_uploads(self):
        """An upload that was not ended is still there with all acknowledged parts; it is completed now."""
        ledger = self.ledger
        for upload in ledger.uploads:
            if upload.content is not None:
                now = self.fetch(upload.key)
                if now == upload.content:
                    continue  # the completion took effect; check_* sees it as the open request
            self.end_upload(upload)
        ledger.uploads.clear()

    def end_upload(self, upload):
        path, query = f"/{self.ledger.bucket}/{upload.key}", [("uploadId", upload.upload_id)]
        answer = self.call("GET", path, query)
        if answer.status != 200:
            raise Loss(f"upload {upload.upload_id} of {upload.key} was begun and not ended, and is gone: {answer}")
        found = {(int(text_of(row, "PartNumber")), text_of(row, "ETag").strip('"'))
                 for row in xml.etree.ElementTree.fromstring(answer.body).findall("{*}Part")}
        lost = {(number, etag.strip('"')) for number, etag in upload.parts} - found
        if lost:
            raise Loss(f"upload {upload.upload_id} of {upload.key} lost the acknowledged parts {sorted(lost)}")
        answer = self.call("DELETE", path, query)
        if answer.status != 204:
            raise Loss(f"aborting the upload {upload.upload_id} of {upload.key} gave {answer}")

    def check_current(self, keys):
        ledger = self.ledger
        listed = {key for _, key, _ in list_rows(self.call, ledger.bucket, self.prefix, False)}
        for key in sorted(keys | ledger.touched):
            now, allowed = self.fetch(key), [ledger.current.get(key)]
            if key == ledger.open_key:
                allowed.append(ledger.open_state)
            if now not in allowed:
                raise Loss(f"{ledger.bucket}/{key} is {now}, acknowledged was {allowed}")
            ledger.current[key] = now
        want = {key for key, state in ledger.current.items() if state is not ABSENT}
        if listed != want:
            raise Loss(f"listing of {ledger.bucket}: missing {sorted(want - listed)}, too many {sorted(listed - want)}")

    def check_versions(self, keys):
        ledger, found = self.ledger, {}
        for kind, key, version in list_rows(self.call, ledger.bucket, self.prefix, True):
            found.setdefault(key, {})[version] = kind
        for key in sorted(set(found) | set(ledger.versions)):
            self.check_key_versions(key, found.get(key, {}), key in keys or key in ledger.touched)

    def check_key_versions(self, key, found, with_content):
        ledger = self.ledger
        known = ledger.versions.setdefault(key, {})
        is_open = key == ledger.open_key
        for version in [version for version in known if version not in found]:
            if not (is_open and version == ledger.open_version):
                raise Loss(f"{ledger.bucket}/{key} lost its acknowledged version {version} ({known[version]})")
            del known[version]
        extra = [version for version in found if version not in known]
        if len(extra) > (1 if is_open and ledger.open_version is None else 0):
            raise Loss(f"{ledger.bucket}/{key} has versions nobody wrote: {extra}")
        for version in extra:
            now = ABSENT if found[version] == "DeleteMarker" else self.fetch(key, version)
            if now != ledger.open_state:
                raise Loss(f"{ledger.bucket}/{key} version {version} is {now}, sent was {ledger.open_state}")
            known[version] = now
        for version, kind in found.items():
            if (kind == "DeleteMarker") != (known[version] is ABSENT):
                raise Loss(f"{ledger.bucket}/{key} version {version} is now a {kind}")
            if with_content and kind != "DeleteMarker" and self.fetch(key, version) != known[version]:
                raise Loss(f"{ledger.bucket}/{key} version {version} changed its content")
        ledger.current[key] = ledger.newest_of(key)
        if with_content and self.fetch(key) != ledger.current[key]:
            raise Loss(f"{ledger.bucket}/{key} does not show its newest version")


def caller(endpoint):
    """A function (method, path, query, headers, body) -> Reply over one connection, and its close."""
    connection = sigv4.connect(endpoint)

    def call(method, path, query=(), headers=None, body=b""):
        return sigv4.call(endpoint, method, path, query, headers, body, connection=connection)

    return call, connection.close
