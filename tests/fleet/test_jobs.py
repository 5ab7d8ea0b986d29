"""`demilune run --on DEVICE`: the hub's wish waits for the link, runs at the device, and its end is known at the hub."""

import json
import os

import pytest

from tests.clients.conftest import make_client
from tests.support.fleet import Device
from tests.support.image import missing_for_containers, write_layout
from tests.support.node import run_program, wait_until

BUCKET = "work"
JOB_SECONDS = 90

pytestmark = pytest.mark.skipif(
    bool(missing_for_containers()), reason=f"NOT TESTED: containers need {', '.join(missing_for_containers())}")


@pytest.fixture(scope="module")
def at_hub(hub):
    hub.cli("bucket", "create", BUCKET)
    return make_client(hub.endpoint())


@pytest.fixture(scope="module")
def device(hub, at_hub, tmp_path_factory, request):
    """A device that holds the bucket, with the image in its own store."""
    made = Device(hub, "worker")
    request.addfinalizer(made.close)  # runs last
    at_hub.put_object(Bucket=BUCKET, Key="in/numbers", Body=b"1\n2\n3\n")
    made.enroll().assign(BUCKET)
    made.start()
    made.wait_settled(BUCKET)
    made.cli("image", "import", str(write_layout(tmp_path_factory.mktemp("image") / "busybox")), "--name", "busybox")
    yield made
    for job in made.ask("job", "list")["jobs"]:  # no container outlives a test that failed
        if not job["ended"]:
            made.cli("job", "cancel", job["id"])
            wait_until("it has ended", lambda: show(made, job["id"])["ended"])


@pytest.fixture
def cut_off(device):
    """The device, with its link cut while the test begins; mended at the end."""
    device.cut()
    yield device
    device.mend()


def admin(hub, *arguments, check=True):
    """A command at the hub's administration port as the user `admin`: jobs run as who submits them."""
    env = {**os.environ, "AWS_SHARED_CREDENTIALS_FILE": str(hub.credentials)}
    done = run_program("-o", "json", "--endpoint", f"https://{hub.ready[1]}", "--ca", str(hub.data_dir / "ca.pem"),
                       "--region", "us-east-1", *arguments, env=env)
    assert not check or done.returncode == 0, done.stderr
    return json.loads(done.stdout) if check else done


def send(hub, *words, options=()):
    return admin(hub, "run", "busybox", "--on", "worker", *options, "--", "sh", "-c", *words)["id"]


def show(node, job):
    return node.ask("job", "show", job)


def wait_phase(node, job, phase):
    def is_there():
        shown = show(node, job)
        assert shown["phase"] == phase or not shown["ended"], shown
        return shown if shown["phase"] == phase else None

    return wait_until(f"job {job} is {phase}", is_there, JOB_SECONDS)


def logs(node, job):
    return node.cli("job", "logs", job).stdout


def test_a_job_waits_for_the_link_runs_and_its_result_is_at_the_hub(hub, at_hub, cut_off):
    job = send(hub, "cat /in/numbers; wc -l < /in/numbers > /out/lines; echo done",
               options=("--in", f"s3://{BUCKET}/in/", "--out", f"s3://{BUCKET}/result/"))
    shown = show(hub, job)
    assert (shown["phase"], shown["node"], shown["ended"], shown["exit_code"]) == ("Waiting", "worker", False, None)
    assert shown["message"] == "the device has not reported yet"
    assert [row["id"] for row in hub.ask("job", "list")["jobs"]] == [job]
    assert cut_off.ask("job", "list")["jobs"] == []
    cut_off.mend()
    ended = wait_phase(hub, job, "Succeeded")
    assert (ended["exit_code"], ended["node"]) == (0, "worker") and ended["age_seconds"] is not None
    assert show(cut_off, job)["phase"] == "Succeeded"
    assert logs(cut_off, job) == "1\n2\n3\ndone\n"
    wait_until("the result is at the hub", lambda: "Contents" in at_hub.list_objects_v2(Bucket=BUCKET, Prefix="result/"))
    assert at_hub.get_object(Bucket=BUCKET, Key="result/lines")["Body"].read().strip() == b"3"


def test_the_log_of_a_job_elsewhere_is_named_to_be_there(hub, device):
    job = send(hub, "echo here")
    wait_phase(hub, job, "Succeeded")
    told = hub.cli("job", "logs", job, check=False)
    assert told.returncode == 1 and "lies on worker" in told.stderr and "Run `demilune job logs` there." in told.stderr
    assert logs(device, job) == "here\n"


def test_a_job_that_fails_says_so_with_its_exit_code(hub, device):
    job = send(hub, "echo no luck; exit 7")
    ended = wait_phase(hub, job, "Failed")
    assert (ended["exit_code"], ended["ended"]) == (7, True)
    assert logs(device, job) == "no luck\n"


def test_a_job_that_ends_while_the_link_is_cut_is_told_later(hub, device):
    job = send(hub, "while [ ! -e /in/go ] && [ $((n=n+1)) -lt 3 ]; do sleep 1; done; exit 3")
    wait_until("the device has it", lambda: job in [row["id"] for row in device.ask("job", "list")["jobs"]])
    device.cut()
    ended = wait_phase(device, job, "Failed")
    assert ended["exit_code"] == 3 and not show(hub, job)["ended"]
    device.mend()
    assert wait_phase(hub, job, "Failed")["exit_code"] == 3


def test_a_job_that_is_cancelled_while_it_waits_never_runs(hub, at_hub, cut_off):
    job = send(hub, "echo x > /out/ran", options=("--out", f"s3://{BUCKET}/cancelled/"))
    admin(hub, "job", "cancel", job)
    assert show(hub, job)["message"] == "cancelled; the device has not heard of it yet"
    early = admin(hub, "job", "rm", job, check=False)
    assert early.returncode == 6 and "has not ended on worker" in early.stderr
    cut_off.mend()
    assert wait_phase(hub, job, "Cancelled")["exit_code"] is None
    assert show(cut_off, job)["started"] is None
    assert "Contents" not in make_client(cut_off.endpoint()).list_objects_v2(Bucket=BUCKET, Prefix="cancelled/")
    hub.cli("job", "rm", job)
    assert job not in [row["id"] for row in hub.ask("job", "list")["jobs"]]


def test_a_running_job_is_cancelled_from_the_hub(hub, device):
    job = send(hub, "echo started; trap 'exit 0' TERM; while :; do sleep 1; done")
    wait_until("it runs", lambda: logs(device, job) == "started\n")
    admin(hub, "job", "cancel", job)
    assert wait_phase(hub, job, "Cancelled")["ended"]
    assert show(device, job)["phase"] == "Cancelled"


def test_an_image_that_is_not_there_is_waited_for_and_told(hub, device):
    job = admin(hub, "run", "no-such-image", "--on", "worker")["id"]

    def reason():
        shown = show(hub, job)
        assert not shown["ended"], shown
        return shown["reason"] and "no-such-image" in shown["message"]

    wait_until("the hub hears what is missing", reason)
    admin(hub, "job", "cancel", job)
    wait_phase(hub, job, "Cancelled")


def test_a_job_for_nobody_is_refused(hub):
    done = admin(hub, "run", "busybox", "--on", "nobody", check=False)
    assert done.returncode == 4 and "there is no device 'nobody'" in done.stderr


def test_a_device_sends_no_work_to_others(device):
    done = device.cli("run", "busybox", "--on", "another", check=False)
    assert done.returncode == 1 and "Send work to other devices from the hub." in done.stderr
