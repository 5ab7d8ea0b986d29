"""Debian's boto3 (1.26), which sends other headers and checksums than the current one."""

import pathlib
import subprocess

import pytest

from tests.clients.conftest import Tool, aws_environment

SCRIPT = pathlib.Path(__file__).with_name("debian_boto3.py")


def test_an_old_sdk_puts_gets_lists_and_deletes(endpoint, place, tmp_path):
    if subprocess.run(["/usr/bin/python3", "-c", "import boto3"], capture_output=True).returncode != 0:
        pytest.skip("NOT TESTED: no boto3 for /usr/bin/python3 (./dev setup installs python3-boto3)")
    python = Tool(["/usr/bin/python3", str(SCRIPT)], aws_environment(endpoint, tmp_path))
    assert python(place.bucket, place.prefix, endpoint.url, endpoint.region).stdout.startswith("1.")
