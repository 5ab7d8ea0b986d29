"""Admission: a crowd of one principal does not keep another out, and what is refused is refused in words a client understands."""

import json
import subprocess
import sys
import threading

import boto3
import botocore.config

from tests.support import metrics, sigv4
from tests.support.node import Endpoint, Node, ROOT, wait_until

BUCKET = "crowded"
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
CROWD = 200
# Of the crowd's requests that are done while the other does one. Taking turns at 8 places it is 8 and a little; in one queue with
# the crowd it is the crowd's size.
FACTOR = 40


def start(base, **settings):
    node = Node(base, env={f"DEMILUNE_ADMISSION__{name.upper()}": str(value) for name, value in settings.items()}, insecure_http=True)
    node.start()
    assert sigv4.call(node.http_endpoint(), "PUT", f"/{BUCKET}").status == 200
    return node


def make_user(node, name):
    policy = node.base / "policy.json"
    policy.write_text(json.dumps(ALL))
    node.cli("user", "create", name, "--policy", str(policy))
    key = node.ask("key", "create", name)
    return Endpoint(f"http://127.0.0.1:{node.http_port}", "", key["access_key_id"], key["secret_access_key"])


class Crowd:
    """CROWD connections of one principal in a process of their own, until stop()."""

    def __init__(self, endpoint):
        body = b"x" * 1000
        headers = sigv4.sign_headers(endpoint, "PUT", f"/{BUCKET}/crowd", body=body, headers={"content-length": str(len(body))})
        request = f"PUT /{BUCKET}/crowd HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers.items()) + "\r\n"
        request = request.encode() + body
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.limits.crowd", str(endpoint.port), str(CROWD)], cwd=ROOT, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        self.process.stdin.write(b"%d\n" % len(request) + request)
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"started\n"

    def stop(self):
        said, _ = self.process.communicate(b"stop\n", timeout=60)
        told = json.loads(said)
        assert not told["bad"], told
        return told["counts"]


def done(node, **labels):
    return metrics.total(metrics.read(node), "demilune_requests_total", door="s3", operation="PutObject", **labels)


def share_beside_a_crowd(node, requests=60):
    """(what the lone one got, by status; the crowd's PUTs that were done meanwhile; the crowd's counts)"""
    crowd_user, lone_user = make_user(node, "crowd"), make_user(node, "lone")
    crowd = Crowd(crowd_user)
    connection = sigv4.connect(lone_user)
    try:
        before, statuses = done(node, status="2xx"), []
        for number in range(requests):
            statuses.append(sigv4.call(lone_user, "PUT", f"/{BUCKET}/lone-{number}", body=b"y" * 1000, connection=connection).status)
        return statuses, done(node, status="2xx") - before - statuses.count(200), crowd
    finally:
        connection.close()


def test_one_connection_beside_two_hundred(tmp_path):
    node = start(tmp_path, running=8, waiting=40, longest_wait="30s")
    try:
        statuses, meanwhile, crowd = share_beside_a_crowd(node)
        counts = crowd.stop()
        print(f"the lone one did {len(statuses)}, the crowd {meanwhile} meanwhile; the crowd was told {counts}")
        assert set(statuses) == {200}
        assert meanwhile <= FACTOR * len(statuses)
        assert set(counts) == {"200", "503"}, counts
        samples = metrics.read(node)
        assert metrics.total(samples, "demilune_requests_refused_total", reason="waiting_room") >= counts["503"]
        assert metrics.total(samples, "demilune_request_wait_seconds_count") > 0
        # All of it is given back.
        for state in ("running", "waiting", "lasting"):
            wait_until(f"nobody is {state}", lambda: metrics.total(metrics.read(node), "demilune_requests_inside", state=state) == 0)
    finally:
        node.close()


def test_the_measure_above_finds_a_node_without_turns(tmp_path):
    node = start(tmp_path, running=65536)
    try:
        statuses, meanwhile, crowd = share_beside_a_crowd(node, requests=20)
        counts = crowd.stop()
        print(f"the lone one did {len(statuses)}, the crowd {meanwhile} meanwhile; the crowd was told {counts}")
        assert meanwhile > FACTOR * len(statuses)
    finally:
        node.close()


def test_slow_clients_of_the_same_principal_hold_no_places(tmp_path):
    node = start(tmp_path, running=2, lease="100ms", longest_wait="30s")
    endpoint = node.http_endpoint()
    slow = []
    try:
        for number in range(6):
            path = f"/{BUCKET}/slow-{number}"
            connection = sigv4.connect(endpoint)
            connection.putrequest("PUT", path, skip_host=True, skip_accept_encoding=True)
            for name, value in sigv4.sign_headers(endpoint, "PUT", path, headers={"content-length": "1000"},
                                                  payload=sigv4.UNSIGNED).items():
                connection.putheader(name, value)
            connection.endheaders()
            connection.send(b"z")
            slow.append(connection)
        for number in range(20):
            assert sigv4.call(endpoint, "PUT", f"/{BUCKET}/good-{number}", body=b"y").status == 200
        assert metrics.total(metrics.read(node), "demilune_requests_inside", state="lasting") == len(slow)
        for connection in slow:
            connection.send(b"z" * 999)
            assert connection.getresponse().status == 200
    finally:
        for connection in slow:
            connection.close()
        node.close()


def test_boto3_gets_through_by_itself(tmp_path):
    node = start(tmp_path, running=1, waiting=8)
    try:
        endpoint = node.http_endpoint()
        config = botocore.config.Config(retries={"mode": "standard", "max_attempts": 12}, max_pool_connections=40)
        s3 = boto3.client("s3", endpoint_url=endpoint.url, aws_access_key_id=endpoint.access_key,
                          aws_secret_access_key=endpoint.secret_key, region_name=endpoint.region, config=config)
        failures, retried = [], []

        def work(thread):
            try:
                for number in range(5):
                    answer = s3.put_object(Bucket=BUCKET, Key=f"{thread}-{number}", Body=b"b" * 20000)
                    retried.append(answer["ResponseMetadata"]["RetryAttempts"])
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        refused = metrics.total(metrics.read(node), "demilune_requests_refused_total")
        print(f"{len(retried)} PUTs, {sum(retried)} tries again, {refused} refused")
        assert not failures, failures[:2]
        assert len(retried) == 200
        assert sum(retried) >= refused > 0
    finally:
        node.close()
