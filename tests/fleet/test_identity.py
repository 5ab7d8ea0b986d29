"""Who belongs to whom: hubs and devices that do not, and data directories that are not what they should be."""

import json
import shutil
import socket
import ssl
import subprocess

import pytest

from tests.clients.conftest import make_client
from tests.support.fleet import states, tree
from tests.support.node import ROOT, Node, run_program, wait_until


def copy_node(directory, to):
    """A copy of a stopped node's data directory; its socket is made anew by each start."""
    shutil.copytree(directory, to, ignore=shutil.ignore_patterns("demilune.sock"))


def connected(device):
    device.cli("sync", "now")
    wait_until("the device is connected", lambda: device.hub_link()["state"] == "connected")


def with_data(hub, device, bucket):
    """The device enrols, starts, holds the bucket with one object. Returns a client of the device."""
    if bucket not in [row["name"] for row in hub.ask("bucket", "list")["buckets"]]:
        hub.cli("bucket", "create", bucket)
    make_client(hub.endpoint()).put_object(Bucket=bucket, Key="from-hub", Body=b"hub's")
    device.enroll()
    device.assign(bucket)
    device.start()
    device.wait_settled(bucket)
    return make_client(device.endpoint())


def test_a_device_led_to_a_foreign_hub_says_so_and_works_on(hub, other_hub, make_device):
    device = make_device("led-astray")
    client = with_data(hub, device, "astray")
    before = states(other_hub)
    device.link.cut()
    device.link.mend(other_hub.ready[2])
    device.cli("sync", "now")
    wait_until("the device tells that it is not its hub", lambda: "certificate" in device.hub_link()["message"])
    assert device.hub_link()["state"] != "connected"
    client.put_object(Bucket="astray", Key="from-device", Body=b"device's")
    assert client.get_object(Bucket="astray", Key="from-hub")["Body"].read() == b"hub's"
    assert states(other_hub) == before and other_hub.is_running()
    device.link.cut()
    device.link.mend(hub.ready[2])
    connected(device)
    device.wait_settled("astray")
    assert make_client(hub.endpoint()).get_object(Bucket="astray", Key="from-device")["Body"].read() == b"device's"


def test_a_hub_that_does_not_know_the_device_any_more_refuses_it_in_words(make_device, request):
    """The hub was put back to a copy from before the enrolment: its CA is right, its member list is not."""
    hub = Node()
    request.addfinalizer(hub.close)
    hub.start()
    hub.cli("bucket", "create", "mission")
    assert hub.stop() == 0
    copy_node(hub.data_dir, hub.base / "copy")
    hub.start()
    device = make_device("forgotten", of=hub)
    client = with_data(hub, device, "mission")
    device.cut()
    client.put_object(Bucket="mission", Key="while-away", Body=b"kept")
    assert hub.stop() == 0
    shutil.rmtree(hub.data_dir)
    (hub.base / "copy").rename(hub.data_dir)
    hub.start()
    device.follow_hub()
    wait_until("the refusal is told", lambda: "this hub knows no device with that key. Enrol the device at this hub"
               in device.hub_link()["message"])
    assert states(hub) == {}
    assert client.get_object(Bucket="mission", Key="while-away")["Body"].read() == b"kept"


# Strangers at the link port, with a TLS stack that is not ours.


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """A certificate that no hub issued: (certificate file, key file)."""
    base = tmp_path_factory.mktemp("stranger")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
         "-subj", "/CN=field-01", "-keyout", base / "key.pem", "-out", base / "cert.pem"], check=True, capture_output=True)
    return base / "cert.pem", base / "key.pem"


def golden_frame(name):
    lines = (ROOT / "tests" / "format" / f"{name}.hex").read_text(encoding="ascii").splitlines()
    return bytes.fromhex("".join(line.split("#")[0] for line in lines))


def say_at_link(hub, data, certificate=None):
    """All that the hub answers to these bytes; b"" when it only closed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(hub.data_dir / "ca.pem")
    if certificate:
        context.load_cert_chain(*certificate)
    host, port = hub.ready[2].rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=30) as raw:
        with context.wrap_socket(raw, server_hostname="127.0.0.1") as stream:
            stream.sendall(data)
            answer = b""
            try:
                while part := stream.recv(65536):
                    answer += part
            except (ConnectionError, ssl.SSLError):
                pass
            return answer


def test_strangers_at_the_link_are_refused_in_words(hub, stranger):
    before = states(hub)
    hello = golden_frame("frame_hello")
    assert b"this hub did not issue that device's certificate" in say_at_link(hub, hello, stranger)
    assert b"Connect the device to its own hub, or enrol it here." in say_at_link(hub, hello, stranger)
    assert b"a link needs a client certificate" in say_at_link(hub, hello)
    assert b"invitation code is wrong" in say_at_link(hub, golden_frame("frame_enroll"), stranger)
    assert states(hub) == before


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, b"\0\0\0\0", bytes(65536), b"\0\0\0\x05\x08\x01\x9a\x06\x00"],
                         ids=["http", "huge-frame", "empty-frame", "zeros", "unknown-kind"])
def test_noise_at_the_link_is_refused_and_the_hub_stays(hub, stranger, data):
    before = states(hub)
    answer = say_at_link(hub, data, stranger)
    assert b"\x2a" not in answer[:4] and hub.is_running()
    assert say_at_link(hub, golden_frame("frame_hello"), stranger) != b""
    assert states(hub) == before


def test_a_client_of_tls_1_2_is_refused_at_the_link(hub):
    host, port = hub.ready[2].rsplit(":", 1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(hub.data_dir / "ca.pem")
    with socket.create_connection((host, int(port)), timeout=30) as raw:
        with pytest.raises(ssl.SSLError, match="(?i)protocol|version|handshake"):
            context.wrap_socket(raw, server_hostname="127.0.0.1")


# Data directories. Each spoils a copy of the same stopped node.


@pytest.fixture(scope="module")
def stopped(tmp_path_factory, request):
    """A hub with one object, stopped; and the keys of another one."""
    node = Node(tmp_path_factory.mktemp("stopped"))
    request.addfinalizer(node.close)
    node.start()
    node.cli("bucket", "create", "box")
    make_client(node.endpoint()).put_object(Bucket="box", Key="k", Body=b"here")
    assert node.stop() == 0
    foreign = Node(tmp_path_factory.mktemp("foreign"))
    request.addfinalizer(foreign.close)
    foreign.start()
    assert foreign.stop() == 0
    return node, foreign


def append(path, data):
    with open(path, "ab") as file:
        file.write(data)


SPOILED = {
    "unknown-format": (lambda d, other: (d / "FORMAT").write_text("demilune data directory, format 2\n"),
                       "FORMAT is not of a format that this program knows", "Use the version of the program that wrote it"),
    "no-format": (lambda d, other: (d / "FORMAT").unlink(), "has kv but no FORMAT file", "FORMAT was lost: restore it"),
    "foreign-root": (lambda d, other: shutil.copy(other / "keys" / "root", d / "keys" / "root"),
                     "keys/root is not the root key of keys/ring, or one of them is damaged", "ut back both files as they belong"),
    "foreign-keys": (lambda d, other: shutil.copytree(other / "keys", d / "keys", dirs_exist_ok=True),
                     "keys/ is not the one that belongs to this directory", "Nothing was changed"),
    "no-root": (lambda d, other: (d / "keys" / "root").unlink(), "its key file keys/root is missing", "Put back the keys/ folder"),
    "no-ring": (lambda d, other: (d / "keys" / "ring").unlink(), "its key file keys/ring is missing", "Put back the keys/ folder"),
    "no-keys": (lambda d, other: shutil.rmtree(d / "keys"), "its key file keys/root is missing", "Put back the keys/ folder"),
    "damaged-ring": (lambda d, other: append(d / "keys" / "ring", b"x"), "the key ring is damaged", "estore keys/ring from a backup"),
    "no-root-key": (lambda d, other: append(d / "keys" / "root", b"x"), "is no root key", "Put back the keys/ folder"),
    "foreign-file": (lambda d, other: (d / "notes.txt").write_text("hi"), "notes.txt does not belong in a Demilune data directory",
                     "Name another directory, or move it away"),
    "foreign-partition": (lambda d, other: (d / "kv" / "extra").mkdir(), "kv/extra is of a partition that this node has no keys for",
                          "Bring its keys back"),
}


@pytest.mark.parametrize("spoil,what,next_step", SPOILED.values(), ids=SPOILED)
def test_a_spoiled_data_directory_is_refused_and_not_touched(stopped, tmp_path, spoil, what, next_step):
    whole, foreign = stopped
    node = Node(tmp_path)
    copy_node(whole.data_dir, node.data_dir)
    spoil(node.data_dir, foreign.data_dir)
    before = tree(node.data_dir)
    done = node.try_start()
    # 65: what is there is damaged, and starting again does not help (docs/cli.md).
    assert done.returncode == (65 if "DL-1017" in done.stderr else 1), done.stderr
    assert what in done.stderr and "next: " in done.stderr and next_step in done.stderr, done.stderr
    assert "ready data=" not in done.stderr and tree(node.data_dir) == before
    shutil.rmtree(node.data_dir)
    copy_node(whole.data_dir, node.data_dir)
    shutil.copy(whole.credentials, node.credentials)
    node.start()
    try:
        assert make_client(node.endpoint()).get_object(Bucket="box", Key="k")["Body"].read() == b"here"
    finally:
        node.close()


def test_two_programs_do_not_share_a_data_directory(hub):
    before = json.loads(hub.cli("status", "-o", "json").stdout)["name"]
    done = hub.try_start()
    assert done.returncode == 6 and "is held by another process" in done.stderr, done.stderr
    assert hub.ask("status")["name"] == before


def test_every_code_of_these_refusals_is_explained():
    for code in ("DL-1001", "DL-1004", "DL-1006", "DL-1019"):
        done = run_program("explain", code)
        assert done.returncode == 0 and code.removeprefix("DL-") in done.stdout
