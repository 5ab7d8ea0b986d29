"""The administrator's first key: where it cannot be written no key is made, and a start that makes none says so."""

import pytest

from tests.clients.conftest import make_client
from tests.support.node import Node


@pytest.fixture
def node():
    """A node that has not started yet."""
    made = Node()
    yield made
    made.close()


def up_refused(node, file):
    listeners = list(node.arguments)
    node.arguments = ["--admin-key-file", str(file)]
    try:
        done = node.try_start()
    finally:
        node.arguments = listeners
    assert done.returncode != 0 and "the file of the administrator's key" in done.stderr, done.stderr
    assert "next: " in done.stderr and "No key was made." in done.stderr, done.stderr


def test_a_file_that_cannot_be_written_costs_no_key(node):
    folder = node.base / "folder"
    folder.mkdir()
    up_refused(node, node.base / "nowhere" / "admin.key")
    up_refused(node, folder)
    assert list(folder.iterdir()) == []
    node.start()  # with a file that can be written
    assert make_client(node.endpoint()).list_buckets()["Buckets"] == []
    assert node.credentials.stat().st_mode & 0o777 == 0o600
    assert not node.credentials.with_name(node.credentials.name + ".tmp").exists()
    assert [row["user"] for row in node.ask("key", "list")["keys"]] == ["admin"]


def test_a_start_that_makes_no_key_says_so(node):
    node.start()
    assert "no administrator's key was made" not in node.log_text()
    assert node.stop() == 0
    node.arguments = ["--admin-key-file", str(node.credentials)]  # as a unit names it at every start
    node.start()
    assert node.stop() == 0
    assert "no administrator's key was made" not in node.log_text()
    other = node.base / "other.key"
    node.arguments = ["--admin-key-file", str(other)]
    node.start()
    assert "no administrator's key was made" in node.log_text()
    assert "demilune key create admin --file FILE" in node.log_text()
    assert not other.exists()
