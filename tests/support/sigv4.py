"""A signer of the tests' own (AWS Signature Version 4 for S3): headers and presigned addresses, for raw requests.

Written from the AWS documentation "Authenticating Requests (AWS Signature Version 4)"; shares nothing with the server
or with the SDKs, so that a mistake common to both would show.
"""

import datetime
import hashlib
import hmac
import http.client
import ssl
import urllib.parse

UNRESERVED = "-._~"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
UNSIGNED = "UNSIGNED-PAYLOAD"


def quote(text, safe=""):
    return urllib.parse.quote(text, safe=UNRESERVED + safe)


def canonical_query(query):
    """`query`: list of (name, value) before encoding."""
    return "&".join(f"{name}={value}" for name, value in sorted((quote(n), quote(v)) for n, v in query))


def signing_key(secret, date, region, service="s3"):
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def amz_now(shift_seconds=0):
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=shift_seconds)
    return now.strftime("%Y%m%dT%H%M%SZ")


def signature_of(endpoint, method, path, query, headers, signed, payload, amz_date):
    """`path` is encoded already; `headers` maps lower-case names to values; `signed` is the sorted list of names."""
    canonical = "\n".join([
        method, path, canonical_query(query), *(f"{n}:{' '.join(headers[n].split())}" for n in signed), "",
        ";".join(signed), payload])
    scope = f"{amz_date[:8]}/{endpoint.region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{amz_date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = signing_key(endpoint.secret_key, amz_date[:8], endpoint.region)
    return scope, hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def sign_headers(endpoint, method, path, query=(), headers=None, body=b"", payload=None, amz_date=None):
    """The headers to send (host among them). `path` is not encoded yet; '/' separates."""
    amz_date = amz_date or amz_now()
    payload = payload or hashlib.sha256(body).hexdigest()
    all_headers = {k.lower(): v for k, v in (headers or {}).items()}
    all_headers.update({"host": endpoint.address, "x-amz-date": amz_date, "x-amz-content-sha256": payload})
    signed = sorted(all_headers)
    scope, signature = signature_of(
        endpoint, method, quote(path, "/"), query, all_headers, signed, payload, amz_date)
    all_headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={endpoint.access_key}/{scope}, SignedHeaders={';'.join(signed)}, "
        f"Signature={signature}")
    return all_headers


def presign(endpoint, method, path, expires=600, query=(), amz_date=None):
    """The request target (path and query) of a presigned request."""
    amz_date = amz_date or amz_now()
    scope = f"{amz_date[:8]}/{endpoint.region}/s3/aws4_request"
    query = [*query, ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"), ("X-Amz-Credential", f"{endpoint.access_key}/{scope}"),
             ("X-Amz-Date", amz_date), ("X-Amz-Expires", str(expires)), ("X-Amz-SignedHeaders", "host")]
    path = quote(path, "/")
    _, signature = signature_of(
        endpoint, method, path, query, {"host": endpoint.address}, ["host"], UNSIGNED, amz_date)
    return f"{path}?{canonical_query(query)}&X-Amz-Signature={signature}"


def target(path, query=()):
    return quote(path, "/") + ("?" + canonical_query(query) if query else "")


def tls_context(endpoint):
    return ssl.create_default_context(cafile=endpoint.ca)


def connect(endpoint, timeout=60):
    """An http.client connection; TLS is checked against the endpoint's CA."""
    if endpoint.is_tls:
        return http.client.HTTPSConnection(endpoint.host, endpoint.port, timeout=timeout, context=tls_context(endpoint))
    return http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=timeout)


class Reply:
    def __init__(self, response):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.body = response.read()

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


def call(endpoint, method, path, query=(), headers=None, body=b"", connection=None, **sign):
    """Signs, sends, reads one request; a new connection unless one is given."""
    own = connection or connect(endpoint)
    try:
        own.request(method, target(path, query), body=body,
                    headers=sign_headers(endpoint, method, path, query, headers, body, **sign))
        return Reply(own.getresponse())
    finally:
        if connection is None:
            own.close()


def call_plain(endpoint, method, request_target, headers=None, body=b""):
    """Sends one request exactly as given, unsigned."""
    own = connect(endpoint)
    try:
        own.request(method, request_target, body=body, headers=headers or {})
        return Reply(own.getresponse())
    finally:
        own.close()
