"""A node's /metrics, read through its local socket."""

import http.client
import re
import socket

SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


class SocketConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=30):
        super().__init__("demilune", timeout=timeout)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def text(node):
    connection = SocketConnection(node.data_dir / "demilune.sock")
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        body = answer.read().decode()
        assert answer.status == 200, (answer.status, body[:300])
        return body
    finally:
        connection.close()


def parse(exposition):
    """[(name, {label: value}, number)] of all samples."""
    out = []
    for line in exposition.splitlines():
        if line.startswith("#") or not line:
            continue
        match = SAMPLE.match(line)
        assert match, f"no sample: {line!r}"
        name, labels, value = match.groups()
        out.append((name, dict(LABEL.findall(labels or "")), float(value)))
    return out


def read(node):
    return parse(text(node))


def total(samples, name, **labels):
    """The sum of all series of that name with these labels; None when there is none."""
    found = [value for one, has, value in samples if one == name and labels.items() <= has.items()]
    return sum(found) if found else None
