"""A sync that fails ends the process: nothing is served that may not be on the disk, and nothing acknowledged is missing."""

import http.client
import os
import pathlib
import shutil
import subprocess

import pytest

from tests.support.image import missing_for_containers, write_layout
from tests.support.node import STOP_SECONDS, Node, wait_until

FATAL_STATUS = 70
COMPILER = next((name for name in ("cc", "clang-19", "gcc") if shutil.which(name)), None)
CUT_OFF = (OSError, EOFError, http.client.HTTPException)

pytestmark = pytest.mark.skipif(COMPILER is None, reason="NOT TESTED: no C compiler for the shim")


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    """The library that makes syncs fail."""
    library = tmp_path_factory.mktemp("shim") / "fail_sync.so"
    source = pathlib.Path(__file__).with_name("fail_sync.c")
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True, capture_output=True)
    return library


@pytest.fixture
def node(shim, tmp_path):
    """A running hub whose syncs fail while `node.trigger` exists."""
    trigger = tmp_path / "fail-now"
    made = Node(tmp_path / "node", env={"LD_PRELOAD": str(shim), "FAIL_SYNC": str(trigger)})
    made.trigger = trigger
    made.start()
    yield made
    made.close()


def wait_end(node):
    """The exit status of the process, which ends by itself."""
    status = node.process.wait(STOP_SECONDS)
    node._reader.join()
    return status


@pytest.mark.parametrize("size", [100, 300000], ids=["in-the-log", "in-a-segment"])
def test_a_failed_sync_ends_the_process_and_loses_nothing(node, ledger_of, size):
    ledger = ledger_of(node)
    for number in range(30):
        assert ledger.put(f"before-{number}", size).status == 200
    node.trigger.touch()
    try:
        answer = ledger.put("open", size)
        assert answer.status >= 500, answer
    except CUT_OFF:
        pass
    assert wait_end(node) == FATAL_STATUS, node.log_tail()
    assert "Input/output error" in node.log_tail() and "ending, so that nothing is served" in node.log_tail()
    again = node.try_start()  # the disk is still bad: it must not come up
    assert again.returncode != 0 and "ready data=" not in again.stderr
    node.trigger.unlink()
    node.start()
    if "open" in ledger.listed():  # its answer never came: it may be there, whole
        open_size = len(ledger.call("GET", "open").body)
        assert open_size == size
        assert ledger.delete("open").status == 204
    ledger.check()
    assert ledger.put("after", size).status == 200
    ledger.check()


@pytest.mark.skipif(bool(missing_for_containers()), reason=f"NOT TESTED: containers need {missing_for_containers()}")
def test_containers_outlive_a_failed_sync(node, ledger_of, tmp_path):
    ledger = ledger_of(node)
    node.cli("image", "import", str(write_layout(tmp_path / "busybox")), "--name", "busybox")
    job = node.ask("run", "busybox", "--name", "beacon", "--restart", "always", "--", "sh", "-c",
                   "trap 'exit 0' TERM; while :; do sleep 1; done")["id"]
    wait_until("the service runs", lambda: node.ask("job", "show", job)["phase"] == "Running")
    pid = container_pid(node)
    assert ledger.put("before", 100).status == 200
    node.trigger.touch()
    with pytest.raises(CUT_OFF + (AssertionError,)):
        assert ledger.put("open", 100).status == 200
    assert wait_end(node) == FATAL_STATUS
    assert is_alive(pid), "the container ended with the node"
    node.trigger.unlink()
    node.start()
    wait_until("the service is adopted", lambda: node.ask("job", "show", job)["phase"] == "Running")
    assert container_pid(node) == pid and is_alive(pid) and node.ask("job", "show", job)["restarts"] == 0
    assert ledger.call("GET", "before").status == 200
    node.cli("job", "cancel", job)
    wait_until("the service has ended", lambda: node.ask("job", "show", job)["ended"] and not is_alive(pid))


def container_pid(node):
    (file,) = (node.data_dir / "workloads").glob("*/run-*/ctr.pid")
    return int(file.read_text())


def is_alive(pid):
    return os.path.exists(f"/proc/{pid}/cmdline") and pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() != b""
