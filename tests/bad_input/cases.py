"""Malformed HTTP requests, seeded. Each case is the bytes to send and what may follow.

A case ends with a *marker*: a whole request with a valid signature that must never be executed, because what stands
before it leaves no safe place where a next request could begin (RFC 9112 sections 2.2, 3, 5, 6.3, 7.1 and 11.2), or
because it is the body of the request before it.
"""

import dataclasses
import random
import re

from tests.support import sigv4

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
REQUEST_LINE = re.compile(rb"^" + TOKEN + rb" [\x21-\x7e]+ HTTP/1\.[01]$")
HEADER = re.compile(rb"^(" + TOKEN + rb"):[ \t]*([\x20-\x7e\x80-\xff\t]*)$")
DIGITS = re.compile(rb"^[0-9]{1,18}$")


@dataclasses.dataclass
class Case:
    name: str
    data: bytes
    # The server must refuse (4xx, 501) or close without an answer. False: anything goes, but for the marker.
    must_refuse: bool = True
    # The marker may be executed: what stands before it is a well-formed request after all.
    marker_allowed: bool = False
    # Nothing more comes: the server waits for the rest, so the client closes without reading.
    is_cut: bool = False


def judge(data):
    """A strict reader of request heads. 'malformed', 'incomplete', or the offset where the next request begins."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return "incomplete" if b"\n\n" not in data and b"\n\r\n" not in data else "malformed"
    lines = data[:end].split(b"\r\n")
    if not REQUEST_LINE.match(lines[0]) or any(b"\n" in line or b"\r" in line or b"\0" in line for line in lines):
        return "malformed"
    headers = []
    for line in lines[1:]:
        match = HEADER.match(line)
        if not match:
            return "malformed"
        headers.append((match[1].lower(), match[2].strip(b" \t")))
    lengths = [value for name, value in headers if name == b"content-length"]
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    if codings or len(lengths) > 1 or [name for name, _ in headers].count(b"host") != 1:
        return "malformed"
    if any(name == b"expect" for name, _ in headers):
        return "malformed"
    if not lengths:
        return end + 4
    if not DIGITS.match(lengths[0]):
        return "malformed"
    following = end + 4 + int(lengths[0])
    return following if following <= len(data) else "incomplete"


class Maker:
    """Makes cases for one endpoint and bucket. `case(n)` depends on the seed and n only (and on the time signed)."""

    def __init__(self, endpoint, bucket, seed):
        self.endpoint = endpoint
        self.bucket = bucket
        self.seed = seed
        self.kinds = [getattr(self, name) for name in sorted(dir(self)) if name.startswith("kind_")]

    def request(self, method, path, headers=None, body=b"", **sign):
        """A whole signed request as bytes."""
        signed = sigv4.sign_headers(self.endpoint, method, path, (), headers, body, **sign)
        lines = [f"{method} {sigv4.target(path)} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in signed.items()]
        if body and "content-length" not in signed:
            lines.append(f"content-length: {len(body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def marker(self, number):
        """PUT of a marker object, or DELETE of the object that must stay; closes the connection behind it."""
        close = {"connection": "close"}
        if number % 2:
            return self.request("DELETE", f"/{self.bucket}/stays", close)
        return self.request("PUT", f"/{self.bucket}/marker-{number}", close, b"executed")

    def head(self, rng, method=b"PUT", extra=(), drop=()):
        """Lines of a signed head (bytes, without the end), to be spoilt."""
        data = self.request(method.decode(), f"/{self.bucket}/case-{rng.randrange(1 << 30)}", body=b"")
        lines = data.split(b"\r\n\r\n")[0].split(b"\r\n")
        lines = [line for line in lines if line.split(b":")[0].lower() not in drop]
        return lines + list(extra)

    def case(self, number):
        rng = random.Random(f"{self.seed}/{number}")
        kind = rng.choice(self.kinds)
        case = kind(rng, self.marker(number))
        case.name = f"{kind.__name__[5:]}: {case.name}" if case.name else kind.__name__[5:]
        return case

    # The request line.

    def kind_request_line(self, rng, marker):
        lines = self.head(rng, b"GET")
        target = b"/" + self.bucket.encode()
        lines[0] = rng.choice([
            b"GET", b"GET " + target, b" GET " + target + b" HTTP/1.1", b"GET  " + target + b" HTTP/1.1",
            b"GET " + target + b"  HTTP/1.1", b"GET " + target + b" HTTP/1.1 ", b"GET\t" + target + b"\tHTTP/1.1",
            b"GET " + target + b" x HTTP/1.1", b"GET " + target + b" http/1.1", b"GET " + target + b" HTTP/11",
            b"GET " + target + b" HTTP/1.1.1", b"GET " + target + b" HTTP/1", b"GET " + target + b" HTTP/x.y",
            b"G(T " + target + b" HTTP/1.1", b"G\0T " + target + b" HTTP/1.1", b"G\xc3\xa4T " + target + b" HTTP/1.1",
            b": " + target + b" HTTP/1.1", b"GET " + target + b"\0 HTTP/1.1", b"GET " + target + b"\x7f HTTP/1.1",
            b"GET " + target + b"\r HTTP/1.1", b"GET " + target + b"\x01 HTTP/1.1", b"", b"\0", b"\x16\x03\x01\x02\x00",
            b"PRI * HTTP/2.0", b"SSH-2.0-x", b"GET " + target + b"HTTP/1.1"])
        if lines[0] == b"":
            lines[0] = b"\r\n\r\n\r\n \r\n"
        return Case(repr(lines[0]), b"\r\n".join(lines) + b"\r\n\r\n" + marker)

    def kind_long_target(self, rng, marker):
        lines = self.head(rng, b"GET")
        size = rng.choice([70_000, 300_000, 1_200_000])
        lines[0] = b"GET /" + self.bucket.encode() + b"/" + b"a" * size + b" HTTP/1.1"
        return Case(str(size), b"\r\n".join(lines) + b"\r\n\r\n" + marker)

    # Header lines.

    def kind_header_line(self, rng, marker):
        bad = rng.choice([
            b"no colon here", b": no name", b"name : space before the colon", b"name\t: tab", b" folded: first",
            b"x: y\r\n folded", b"x: y\r\n\tfolded", b"na me: x", b"na\0me: x", b"name: a\0b", b"name: a\x01b",
            b"name: a\rb", b"n\xc3\xa4me: x", b"na(me: x", b"name\x7f: x", b"\rname: x", b"name: a\x7fb", b"\0"])
        lines = self.head(rng, b"GET")
        lines.insert(rng.randrange(1, len(lines) + 1), bad)
        return Case(repr(bad), b"\r\n".join(lines) + b"\r\n\r\n" + marker)

    def kind_large_head(self, rng, marker):
        lines = self.head(rng, b"GET")
        if rng.random() < 0.5:
            lines.append(b"x-long: " + b"a" * rng.choice([100_000, 1_100_000]))
        else:
            lines += [b"x-%d: y" % number for number in range(rng.choice([20_000, 100_000]))]
        return Case("", b"\r\n".join(lines) + b"\r\n\r\n" + marker)

    def kind_line_ends(self, rng, marker):
        lines = self.head(rng, b"GET")
        end = rng.choice([b"\n", b"\r", b"\r\r\n", b"\n\r"])
        at = rng.randrange(1, len(lines))
        data = b"\r\n".join(lines[:at]) + end + b"\r\n".join(lines[at:]) + b"\r\n\r\n"
        return Case(repr(end), data + marker)

    # Where the body ends.

    def kind_content_length(self, rng, marker):
        value = rng.choice([
            b"-1", b"+5", b"0x5", b"5 5", b"5,6", b"5, 6", b"", b" ", b"five", b"5.0", b"1e1", b"99999999999999999999",
            b"18446744073709551616", b"18446744073709551621", b"\xd9\xa5", b"5;", b"'5'", b"5\x0b",
            b"9223372036854775808"])
        data = b"\r\n".join(self.head(rng, drop=(b"content-length",), extra=[b"content-length: " + value]))
        return Case(repr(value), data + b"\r\n\r\nhello" + marker)

    def kind_two_lengths(self, rng, marker):
        a, b = rng.choice([(b"0", b"5"), (b"5", b"0"), (b"5", b"6"), (b"5", b"x"), (b"0", b"%d" % len(marker))])
        data = b"\r\n".join(self.head(rng, extra=[b"Content-Length: " + a, b"content-length: " + b]))
        return Case(f"{a} {b}", data + b"\r\n\r\n" + (b"hello" if rng.random() < 0.5 else b"") + marker)

    def kind_length_and_chunked(self, rng, marker):
        extra = [b"content-length: %d" % rng.choice([0, 5, len(marker) + 5]), b"transfer-encoding: chunked"]
        rng.shuffle(extra)
        data = b"\r\n".join(self.head(rng, extra=extra))
        return Case("", data + b"\r\n\r\n0\r\n\r\n" + marker)

    def kind_transfer_encoding(self, rng, marker):
        value = rng.choice([
            b"xchunked", b"chunked, identity", b"identity", b"gzip", b"chunked, chunked", b"chunked;q=1",
            b"\"chunked\"", b"chunked, gzip", b"ch\0unked", b"chunked\x0b", b"", b"chunked\t\x0c", b"deflate, gzip",
            b"trailers"])
        data = b"\r\n".join(self.head(rng, extra=[b"transfer-encoding: " + value]))
        return Case(repr(value), data + b"\r\n\r\n0\r\n\r\n" + marker)

    def kind_two_transfer_encodings(self, rng, marker):
        values = rng.choice([(b"chunked", b"identity"), (b"identity", b"chunked"), (b"chunked", b"chunked"),
                             (b"chunked", b"x"), (b"gzip", b"chunked")])
        data = b"\r\n".join(self.head(rng, extra=[b"transfer-encoding: " + value for value in values]))
        return Case(repr(values), data + b"\r\n\r\n0\r\n\r\n" + marker)

    def kind_chunked_in_http_1_0(self, rng, marker):
        lines = self.head(rng, extra=[b"transfer-encoding: chunked", b"connection: keep-alive"])
        lines[0] = lines[0].replace(b"HTTP/1.1", b"HTTP/1.0")
        # May be answered, but the connection ends there (RFC 9112 section 6.1).
        return Case("", b"\r\n".join(lines) + b"\r\n\r\n0\r\n\r\n" + marker, must_refuse=False)

    def kind_chunk(self, rng, marker):
        """A chunked body that breaks off its own rules; signed as UNSIGNED-PAYLOAD, so only the framing is wrong."""
        body = rng.choice([
            b"x\r\nhello\r\n0\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n", b"+5\r\nhello\r\n0\r\n\r\n",
            b"0x5\r\nhello\r\n0\r\n\r\n", b"5hello\r\n0\r\n\r\n", b"5\r\nhelloX\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n",
            b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n", b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
            b"10000000000000005\r\nhello\r\n0\r\n\r\n", b"\r\nhello\r\n0\r\n\r\n", b";a=b\r\nhello\r\n0\r\n\r\n",
            b"5\nhello\r\n0\r\n\r\n", b"5\r\nhello\n0\r\n\r\n", b"5 \0\r\nhello\r\n0\r\n\r\n",
            b"5\r\nhello\r\n\0\r\n\r\n", b"5\r\nhello\r\n0\r\nbad trailer\r\n\r\n", b"5\r\nhello\r\n0\r\n: x\r\n\r\n",
            b"5\r\nhello\r\n0\r\na b: c\r\n\r\n", b"5;" + b"e" * 200_000 + b"\r\nhello\r\n0\r\n\r\n",
            b"5\r\nhello\r\n0\r\n" + b"t: x\r\n" * 50_000 + b"\r\n"])
        path = f"/{self.bucket}/case-{rng.randrange(1 << 30)}"
        data = self.request("PUT", path, {"transfer-encoding": "chunked"}, payload=sigv4.UNSIGNED)
        return Case(repr(body[:60]), data + body + marker)

    def kind_aws_chunk(self, rng, marker):
        """aws-chunked in a body of known length: the marker stands inside that body, behind a broken chunk."""
        body = rng.choice([b"x\r\n", b"5\r\nhelloX\r\n0\r\n\r\n", b"0\r\n\r\n", b"fffffffffffffffff\r\n",
                           b"5\nhello\n0\n\n", b"-1\r\n\r\n0\r\n\r\n", 
                           b"5\r\nhello\r\n0\r\n\r\n", b"6\r\nhello!\r\n0\r\n\r\n"]) + marker
        headers = {"content-encoding": "aws-chunked", "x-amz-decoded-content-length": "5",
                   "content-length": str(len(body)), "connection": "close"}
        path = f"/{self.bucket}/case-{rng.randrange(1 << 30)}"
        data = self.request("PUT", path, headers, payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER")
        return Case(repr(body[:30]), data + body)

    # Refused requests whose body is the marker.

    def kind_marker_as_body(self, rng, marker):
        """Refused before the body is read: the body must be swallowed or the connection closed, never executed."""
        path = f"/{self.bucket}/case-{rng.randrange(1 << 30)}"
        what = rng.choice(["anonymous", "wrong signature", "wrong hash", "unknown key", "method", "old", "expect"])
        headers = {"content-length": str(len(marker))}
        sign = {"payload": "0" * 64} if what == "wrong hash" else {"payload": sigv4.UNSIGNED}
        if what == "old":
            sign["amz_date"] = "20200101T000000Z"
        if what == "expect":
            headers["expect"] = "200-maybe"
        method = "BREW" if what == "method" else "PUT"
        data = self.request(method, path, headers, **sign)
        if what == "anonymous":
            data = re.sub(rb"authorization: [^\r]*\r\n", b"", data)
        if what == "wrong signature":
            data = re.sub(rb"Signature=.{8}", b"Signature=00000000", data)
        if what == "unknown key":
            data = data.replace(self.endpoint.access_key.encode(), b"AKIAUNKNOWN000000000")
        return Case(what, data + marker + self.request("GET", "/", {"connection": "close"}))

    def kind_host(self, rng, marker):
        """No host, or two: refused; the marker is the body, so that the frame itself is sound."""
        lines = self.head(rng, b"PUT", extra=[b"content-length: %d" % len(marker), b"connection: close"])
        if rng.random() < 0.5:
            lines = [line for line in lines if not line.lower().startswith(b"host:")]
        else:
            lines.append(b"Host: elsewhere.example")
        return Case("", b"\r\n".join(lines) + b"\r\n\r\n" + marker)

    def kind_cut(self, rng, marker):
        """The connection ends inside the head or inside the body, where the marker stands."""
        path = f"/{self.bucket}/cut-{rng.randrange(1 << 30)}"
        data = self.request("PUT", path, {"content-length": str(len(marker) + 1000)}, payload=sigv4.UNSIGNED) + marker
        return Case("", data[:rng.randrange(1, len(data))] if rng.random() < 0.5 else data, is_cut=True)

    def kind_random_bytes(self, rng, marker):
        data = rng.randbytes(rng.randrange(1, 3000)) + b"\r\n\r\n"
        if judge(data) != "malformed":
            data = b"\0" + data
        return Case("", data + marker)

    # Small changes of a good request: judged by the strict reader above.

    def kind_mutation(self, rng, marker):
        body = b"hello" if rng.random() < 0.5 else b""
        path = f"/{self.bucket}/case-{rng.randrange(1 << 30)}"
        data = bytearray(self.request("PUT" if body else "GET", path, body=body))
        end = data.find(b"\r\n\r\n") + 4
        for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
            at, how = rng.randrange(end), rng.randrange(3)
            new = rng.choice([rng.randrange(256), *b"\r\n\0 :\t,;/"])
            if how == 0:
                data[at] = new
            elif how == 1:
                data.insert(at, new)
                end += 1
            else:
                del data[at]
                end -= 1
        verdict = judge(bytes(data) + marker)
        # A frame that is still sound but ends elsewhere makes the marker part of a body, or of nothing.
        sound = verdict == len(data)
        return Case("", bytes(data) + marker, must_refuse=verdict == "malformed", marker_allowed=sound,
                    is_cut=verdict == "incomplete")
