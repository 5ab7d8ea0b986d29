"""A hub and its devices as real processes; each device's link to the hub goes through a Link that can be cut."""

import base64
import hashlib
import os

from tests.support.link import Link
from tests.support.node import Endpoint, Node, read_credentials, run_program, wait_until


class Device(Node):
    """A device's data directory. `link` leads to the hub's link port, once the hub runs."""

    def __init__(self, hub, name, base=None, **options):
        super().__init__(base, **options)
        self.hub = hub
        self.name = name
        self.link = Link(hub.ready[2] if hub.ready else None)

    def invite(self, *arguments):
        return invite(self.hub, self.name, self.link.address, *arguments)

    def enroll(self, code=None):
        """Enrols; a code of its own when none is given."""
        done = enroll(self, code or self.invite())
        assert done.returncode == 0, done.stderr
        return self

    def assign(self, bucket):
        self.hub.cli("device", "assign", self.name, "--bucket", bucket)
        return self

    def endpoint(self):
        access_key, secret_key = read_credentials(self.hub.credentials)
        return Endpoint(f"https://{self.ready[0]}", str(self.data_dir / "ca.pem"), access_key, secret_key, self.name)

    def follow_hub(self):
        """After the hub's restart: its link port is another."""
        self.link.mend(self.hub.ready[2])
        self.cli("sync", "now")

    def cut(self):
        self.link.cut()
        wait_until(f"{self.name} knows that its link is cut", lambda: self.hub_link()["state"] != "connected")

    def mend(self):
        self.link.mend()
        self.cli("sync", "now")

    def hub_link(self):
        """What this device says of its link to the hub."""
        return self.ask("sync", "status")["links"][0]

    def wait_settled(self, bucket, seconds=60):
        """Until this device holds all of the bucket and the hub has decided all that was written here.

        The hub is asked, too: a device that has heard nothing yet knows of nothing that is missing.
        """
        seen = []

        def row_of(node, peer):
            status = node.ask("sync", "status")
            seen.append(status)
            return next((row for row in status["spaces"] if (row["bucket"], row["peer"]) == (bucket, peer)), None)

        def is_settled():
            seen.clear()
            there = row_of(self.hub, self.name)
            here = there and row_of(self, self.hub_link()["peer"])
            return (there and here and here["undecided"] == here["bodies_missing"] == there["bodies_missing"] == 0
                    and 0 < there["newest"] == there["cursor"] == here["cursor"])

        try:
            wait_until(f"{self.name} holds all of {bucket}", is_settled, seconds)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{seen}\n{self.log_tail()}") from None

    def close(self):
        super().close()
        self.link.close()


def invite(hub, name, address, *arguments):
    return hub.ask("device", "invite", name, "--hub-address", address, *arguments)["code"]


def enroll(node, code):
    """The finished `device enroll` of the node's data directory."""
    return run_program("device", "enroll", "--code", "-", "--data-dir", str(node.data_dir), env=node.env, stdin=code)


def states(hub):
    """What the hub knows of its devices, without what changes by itself."""
    return {row["name"]: (row["state"], row.get("node"), row["buckets"]) for row in hub.ask("device", "list")["devices"]}


def tree(directory):
    """Every entry below a directory: path -> (mode, SHA-256 of the content of a file)."""
    found = {}
    for base, folders, files in os.walk(directory):
        for name in folders + files:
            path = os.path.join(base, name)
            content = ""
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    content = hashlib.sha256(file.read()).hexdigest()
            found[os.path.relpath(path, directory)] = (os.lstat(path).st_mode, content)
    return found


# The invitation code: "dl1-", then base64url of a protobuf message (proto/invite.proto) and its CRC-32C.


def code_fields(code):
    """Field number -> bytes."""
    text = code.removeprefix("dl1-")
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    body, fields, at = raw[:-4], {}, 0
    assert int.from_bytes(raw[-4:], "big") == crc32c(body)
    while at < len(body):
        number, size = body[at] >> 3, body[at + 1]
        assert body[at] & 7 == 2 and size < 128, "fields of a code are short strings"
        fields[number] = body[at + 2:at + 2 + size]
        at += 2 + size
    return fields


def make_code(fields):
    body = b"".join(bytes([number << 3 | 2, len(value)]) + value for number, value in sorted(fields.items()))
    return "dl1-" + base64.urlsafe_b64encode(body + crc32c(body).to_bytes(4, "big")).decode().rstrip("=")


HUB_ADDRESS, CA_SHA256, SECRET, DEVICE = 1, 2, 3, 4


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
