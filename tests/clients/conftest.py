"""Real clients against one S3 endpoint: a node of our own by default, or a server that runs already.

    pytest tests/clients                                   starts build/demilune, stops it at the end
    pytest tests/clients --endpoint https://A:P --ca CA.pem --credentials F [--region R] [--bucket B]

With --bucket, that bucket exists and buckets can't be made there (a device): each test then works below a prefix of its
own, and those marked `own_bucket` are skipped, as are those marked `own_node` whenever --endpoint is given.
"""

import os
import pathlib
import random
import shutil
import subprocess
import uuid

import boto3
import botocore.config
import pytest

from tests.support.node import ROOT, Endpoint, Node, read_credentials

CLI_SECONDS = 120


def pytest_addoption(parser):
    group = parser.getgroup("s3")
    group.addoption("--endpoint", help="address of a running server, https://A:P")
    group.addoption("--ca", help="CA bundle of that server")
    group.addoption("--credentials", help="AWS credentials file, profile default")
    group.addoption("--region", default="us-east-1", help="region of that server (a device: its name)")
    group.addoption("--bucket", help="use this bucket and make none")


def pytest_configure(config):
    config.addinivalue_line("markers", "own_bucket: makes buckets or changes a bucket's state: not at a device")
    config.addinivalue_line("markers", "own_node: uses the node's own command line: only with the default endpoint")


def pytest_collection_modifyitems(config, items):
    skips = {"own_bucket": "--bucket", "own_node": "--endpoint"}
    for item in items:
        item.add_marker(pytest.mark.timeout(240))
        for marker, option in skips.items():
            if config.getoption(option) and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"{marker}: not with {option}"))


@pytest.fixture(scope="session")
def node(request):
    """The node started for this run; None when an endpoint was given."""
    if request.config.getoption("--endpoint"):
        yield None
        return
    own = Node()
    try:
        own.start()
        yield own
        if own.is_running():
            assert own.stop() == 0, own.log_tail()
        else:
            raise AssertionError(f"the node ended during the run:\n{own.log_tail()}")
    finally:
        own.close()


@pytest.fixture(scope="session")
def endpoint(request, node):
    if node is not None:
        return node.endpoint()
    option = request.config.getoption
    if not option("--ca") or not option("--credentials"):
        raise pytest.UsageError("--endpoint needs --ca and --credentials")
    access_key, secret_key = read_credentials(option("--credentials"))
    return Endpoint(option("--endpoint").rstrip("/"), os.path.abspath(option("--ca")), access_key, secret_key,
                    option("--region"), option("--bucket"))


def make_client(endpoint, **config):
    """A boto3 client of this endpoint. One try only: what the server answers is what the test sees."""
    settings = {"retries": {"total_max_attempts": 1, "mode": "standard"}, "s3": {"addressing_style": "path"}, **config}
    return boto3.client(
        "s3", endpoint_url=endpoint.url, verify=endpoint.ca, region_name=endpoint.region,
        aws_access_key_id=endpoint.access_key, aws_secret_access_key=endpoint.secret_key,
        config=botocore.config.Config(**settings))


@pytest.fixture(scope="session", autouse=True)
def no_outside_configuration(tmp_path_factory):
    """Nothing of the caller's AWS settings reaches boto3."""
    nowhere = tmp_path_factory.mktemp("nowhere")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(AWS_CONFIG_FILE=str(nowhere / "config"), AWS_SHARED_CREDENTIALS_FILE=str(nowhere / "credentials"),
                      AWS_EC2_METADATA_DISABLED="true")


@pytest.fixture(scope="session")
def s3(endpoint):
    return make_client(endpoint)


class Place:
    """A bucket and a prefix that this test alone uses. `key(x)` is below the prefix; `uri(x)` is s3://bucket/key."""

    def __init__(self, bucket, prefix):
        self.bucket = bucket
        self.prefix = prefix

    def key(self, name=""):
        return self.prefix + name

    def uri(self, name=""):
        return f"s3://{self.bucket}/{self.prefix}{name}"


@pytest.fixture(scope="session")
def shared_bucket(endpoint, s3):
    if endpoint.bucket:
        return endpoint.bucket
    name = f"clients-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def place(shared_bucket):
    return Place(shared_bucket, f"t-{uuid.uuid4().hex[:12]}/")


def empty_bucket(s3, bucket):
    for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
        s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for row in page.get("Versions", []) + page.get("DeleteMarkers", []):
            s3.delete_object(Bucket=bucket, Key=row["Key"], VersionId=row["VersionId"])


@pytest.fixture
def own_bucket(s3):
    """A fresh bucket; emptied and deleted at the end, which is a check of its own."""
    name = f"own-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    yield name
    empty_bucket(s3, name)
    s3.delete_bucket(Bucket=name)


@pytest.fixture
def new_bucket_name(s3):
    """A name for a bucket that the test itself makes; whatever is left is removed."""
    name = f"new-{uuid.uuid4().hex[:12]}"
    yield name
    if name in [row["Name"] for row in s3.list_buckets()["Buckets"]]:
        empty_bucket(s3, name)
        s3.delete_bucket(Bucket=name)


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


class Files:
    """Files with seeded contents below a directory of this test."""

    def __init__(self, base):
        self.base = base

    def path(self, name):
        path = self.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def make(self, name, size, seed=1):
        path = self.path(name)
        path.write_bytes(random.Random(f"{name} {seed}").randbytes(size))
        return path

    def tree(self, name, count=40):
        """Nested folders, an empty file, names with spaces, plus, per cent and other scripts."""
        for number in range(count):
            self.make(f"{name}/dir{number % 5}/sub{number % 3}/file{number:03}.bin", number * 137)
        for odd in ("with space.txt", "plus+sign.txt", "per%20cent.txt", "müße–Ж中.txt", "a&b=c;d.txt",
                    "quote'.txt"):
            self.make(f"{name}/odd names/{odd}", 99)
        return self.path(name)


def tree_contents(directory):
    """Relative name -> bytes of every file below a directory."""
    base = pathlib.Path(directory)
    return {str(path.relative_to(base)): path.read_bytes() for path in base.rglob("*") if path.is_file()}


class Tool:
    """A command line client with its environment. Calling it runs it; a failure is an assertion unless check=False."""

    def __init__(self, command, env):
        self.command = command
        self.env = env

    def __call__(self, *arguments, check=True, stdin=None, text=True, cwd=None):
        done = subprocess.run(
            [*self.command, *map(str, arguments)], env=self.env, input=stdin, capture_output=True, timeout=CLI_SECONDS,
            cwd=cwd)
        if check and done.returncode != 0:
            raise AssertionError(
                f"{' '.join([*self.command, *map(str, arguments)])}\ngave {done.returncode}:\n"
                f"{done.stderr.decode(errors='replace')}{done.stdout.decode(errors='replace')}")
        if text:
            done.stdout = done.stdout.decode()
        done.stderr = done.stderr.decode(errors="replace")
        return done


def clean_environment(home, **more):
    """PATH, HOME in a throw-away directory, UTF-8, and what is given."""
    return {"PATH": "/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", **more}


def aws_environment(endpoint, home):
    return clean_environment(
        home, AWS_ACCESS_KEY_ID=endpoint.access_key, AWS_SECRET_ACCESS_KEY=endpoint.secret_key,
        AWS_DEFAULT_REGION=endpoint.region, AWS_REGION=endpoint.region, AWS_CA_BUNDLE=endpoint.ca, AWS_PAGER="",
        AWS_MAX_ATTEMPTS="1", AWS_EC2_METADATA_DISABLED="true", AWS_DEFAULT_OUTPUT="json")


def require_program(path, package):
    if not shutil.which(path):
        pytest.skip(f"NOT TESTED: no {path} (./dev setup installs {package})")


AWS_PROGRAMS = {"debian-cli": "/usr/bin/aws", "current-cli": str(ROOT / ".venv" / "bin" / "aws")}


@pytest.fixture(params=list(AWS_PROGRAMS))
def aws(request, endpoint, tmp_path_factory):
    """Debian's AWS CLI and the current one, one after the other."""
    program = AWS_PROGRAMS[request.param]
    require_program(program, "awscli")
    home = tmp_path_factory.mktemp("aws-home")
    return Tool([program, "--endpoint-url", endpoint.url], aws_environment(endpoint, home))


@pytest.fixture
def rclone(endpoint, tmp_path):
    program = os.environ.get("RCLONE", "/usr/bin/rclone")
    require_program(program, "rclone")
    remote = dict(TYPE="s3", PROVIDER="Other", ENDPOINT=endpoint.url, REGION=endpoint.region,
                  ACCESS_KEY_ID=endpoint.access_key, SECRET_ACCESS_KEY=endpoint.secret_key)
    env = clean_environment(
        tmp_path, RCLONE_CONFIG="/dev/null", RCLONE_CA_CERT=endpoint.ca, RCLONE_RETRIES="1",
        RCLONE_LOW_LEVEL_RETRIES="1", **{f"RCLONE_CONFIG_NODE_{name}": value for name, value in remote.items()})
    return Tool([program], env)


@pytest.fixture
def restic(endpoint, place, tmp_path):
    program = os.environ.get("RESTIC", "/usr/bin/restic")
    require_program(program, "restic")
    env = clean_environment(
        tmp_path, AWS_ACCESS_KEY_ID=endpoint.access_key, AWS_SECRET_ACCESS_KEY=endpoint.secret_key,
        AWS_DEFAULT_REGION=endpoint.region, RESTIC_PASSWORD="correct horse", RESTIC_CACHE_DIR=str(tmp_path / "cache"),
        RESTIC_REPOSITORY=f"s3:{endpoint.url}/{place.bucket}/{place.prefix}repo")
    return Tool([program, "--cacert", endpoint.ca], env)


S3CMD_PROGRAMS = {"debian-s3cmd": "/usr/bin/s3cmd", "current-s3cmd": str(ROOT / ".venv" / "bin" / "s3cmd")}


@pytest.fixture(params=list(S3CMD_PROGRAMS))
def s3cmd(request, endpoint, tmp_path):
    """Debian's s3cmd and the current one, one after the other."""
    program = S3CMD_PROGRAMS[request.param]
    require_program(program, "s3cmd")
    config = tmp_path / "s3cfg"
    config.write_text(f"""[default]
access_key = {endpoint.access_key}
secret_key = {endpoint.secret_key}
host_base = {endpoint.address}
host_bucket = {endpoint.address}
bucket_location = {endpoint.region}
ca_certs_file = {endpoint.ca}
use_https = True
signature_v2 = False
max_retries = 1
progress_meter = False
""", encoding="utf-8")
    return Tool([program, "--config", str(config)], clean_environment(tmp_path))
