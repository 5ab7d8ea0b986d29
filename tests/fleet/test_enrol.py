"""Enrolment that must be refused: each refusal says what, why and what next, and changes nothing."""

import shutil
import threading

import pytest

from tests.support.fleet import CA_SHA256, DEVICE, HUB_ADDRESS, SECRET, code_fields, enroll, invite, make_code, states, tree
from tests.support.node import wait_until

ASK_FOR_A_NEW_ONE = "Ask the operator of the hub for a new one."


def refused(done, exit_code, what, next_step):
    """The command ended with that code, and told both."""
    assert done.returncode == exit_code, done.stderr
    assert done.stdout == ""
    assert what in done.stderr, done.stderr
    assert f"next: {next_step}" in done.stderr, done.stderr
    assert "code: DL-" in done.stderr, done.stderr


def works(device):
    """A right code makes a device of it, and the device meets its hub."""
    device.enroll()
    device.start()
    wait_until("the device is connected", lambda: device.hub_link()["state"] == "connected")


def refused_as_spent(hub, device, code):
    """The code does not let the device in, nothing changes at the hub, and a new code works."""
    before = states(hub)
    refused(enroll(device, code), 5, "wrong, used or expired", ASK_FOR_A_NEW_ONE)
    assert states(hub) == before
    works(device)


def wrong_secret(code):
    fields = code_fields(code)
    return make_code({**fields, SECRET: bytes(byte ^ 1 for byte in fields[SECRET])})


@pytest.mark.parametrize("spoil", [
    lambda code: code[:-1], lambda code: code + "x", lambda code: code[:30] + ("b" if code[30] == "a" else "a") + code[31:],
    lambda code: code.removeprefix("dl1-"), lambda code: code[:60] + "!" + code[61:], lambda code: "dl1-", lambda code: "hello",
    lambda code: code * 40], ids=["cut", "longer", "mistyped", "no-prefix", "odd-character", "empty", "a-word", "huge"])
def test_a_mistyped_code_is_no_code(hub, make_device, spoil):
    device = make_device("mistyped")
    code = device.invite()
    before = states(hub)
    refused(enroll(device, spoil(code)), 2, "this is no invitation code", "Copy the whole code")
    assert not device.data_dir.exists() and states(hub) == before


def test_a_right_code_works_after_a_mistyped_one(make_device):
    device = make_device("typed-twice")
    code = device.invite()
    assert enroll(device, code[:-1]).returncode == 2
    assert enroll(device, f"  {code}\r\n").returncode == 0  # blanks around it come with copying


def test_a_wrong_code_is_refused_and_the_right_one_works_then(hub, make_device):
    device = make_device("wrong-code")
    code = device.invite()
    before = states(hub)
    refused(enroll(device, wrong_secret(code)), 5, "wrong, used or expired", ASK_FOR_A_NEW_ONE)
    assert states(hub) == before
    device.enroll(code)
    assert states(hub)["wrong-code"][0] == "enrolled"


def test_a_code_is_closed_after_five_wrong_tries(hub, make_device):
    device = make_device("guessed")
    code = device.invite()
    for _ in range(5):
        refused(enroll(device, wrong_secret(code)), 5, "wrong, used or expired", ASK_FOR_A_NEW_ONE)
    refused(enroll(device, code), 5, "wrong, used or expired", ASK_FOR_A_NEW_ONE)
    assert states(hub)["guessed"][0] == "invited"
    works(device)


def test_a_used_code_is_refused_to_another_device(hub, make_device):
    first, second = make_device("used"), make_device("used-by-another")
    code = first.invite()
    first.enroll(code)
    refused_as_spent(hub, second, code)


def test_each_refusal_is_in_the_audit_log(hub, make_device):
    first, second = make_device("logged"), make_device("logged-by-another")
    code = first.invite()
    assert enroll(second, wrong_secret(code)).returncode == 5
    first.enroll(code)
    for spoilt in (code, make_code({**code_fields(code), DEVICE: b"never-invited"})):
        refused(enroll(second, spoilt), 5, "wrong, used or expired", ASK_FOR_A_NEW_ONE)

    def reasons():
        rows = hub.ask("audit", "search", "--action", "demilune:EnrollDevice", "--denied")["records"]
        found = {(row["principal"], row["reason"], row["outcome"]) for row in rows}
        return found if {who for who, *_ in found} >= {"enroll/logged", "enroll/never-invited"} else None

    assert wait_until("refusals that change nothing are written within 100 ms", reasons) >= {
        ("enroll/logged", "wrong code", "refused"), ("enroll/logged", "used code", "refused"),
        ("enroll/never-invited", "there is no such device", "refused")}


def test_an_expired_code_is_refused(hub, make_device):
    device = make_device("late")
    code = device.invite("--expires", "1s")
    expires = hub.ask("device", "show", "late")["code_expires"]
    wait_until("the code has expired", lambda: hub.ask("status")["time"] > expires)
    refused_as_spent(hub, device, code)


def test_a_lost_answer_is_asked_for_again_with_the_same_code(hub, make_device):
    device = make_device("lost-answer")
    code = device.invite()
    device.link.swallow_answers()
    result = []
    thread = threading.Thread(target=lambda: result.append(enroll(device, code)))
    thread.start()
    wait_until("the hub has enrolled it", lambda: states(hub)["lost-answer"][0] == "enrolled")
    assert device.link.swallowed.wait(30)
    device.link.cut()
    thread.join()
    assert result[0].returncode != 0 and "next: " in result[0].stderr
    device.link.mend()
    device.enroll(code)
    device.start()
    wait_until("the device is connected", lambda: device.hub_link()["state"] == "connected")


def test_a_code_of_another_hub_is_told_before_a_byte_of_it_is_sent(hub, other_hub, make_device):
    device = make_device("other-hub")
    code = device.invite()
    theirs = make_code({**code_fields(invite(other_hub, "other-hub", other_hub.ready[2])),
                        HUB_ADDRESS: device.link.address.encode()})
    assert code_fields(theirs)[CA_SHA256] != code_fields(code)[CA_SHA256]
    before = states(hub), states(other_hub)
    refused(enroll(device, theirs), 1, "is not the hub that made this code", "Check the address")
    assert (states(hub), states(other_hub)) == before
    works(device)


def test_a_hub_that_is_not_there_is_told(make_device):
    device = make_device("nobody-there")
    code = device.invite()
    device.link.cut()
    done = enroll(device, code)
    assert done.returncode == 7, done.stderr
    assert "next: " in done.stderr
    device.link.mend()
    device.enroll(code)


def test_a_directory_that_is_a_node_is_left_alone(hub, make_device):
    device = make_device("twice").enroll()
    keys = tree(device.data_dir / "keys")
    code = invite(hub, "twice-again", device.link.address)
    refused(enroll(device, code), 6, "is device 'twice' already", "Choose an empty directory.")
    refused(enroll(hub, code), 6, "is a node already", "Choose an empty directory.")
    assert states(hub)["twice-again"][0] == "invited", "the code was not spent"
    assert tree(device.data_dir / "keys") == keys
    device.start()
    assert device.ask("status")["name"] == "twice"
    refused(enroll(device, code), 6, "is held by another process", "Stop the other one")
    assert states(hub)["twice-again"][0] == "invited"


def test_a_directory_of_something_else_is_left_alone(hub, make_device):
    device = make_device("photos")
    device.data_dir.mkdir()
    (device.data_dir / "holiday.jpg").write_bytes(b"jpg")
    before = tree(device.data_dir)
    code = device.invite()
    refused(enroll(device, code), 1, "is not empty and is no Demilune data directory", "Name another directory.")
    up = device.try_start()
    assert up.returncode == 1 and "is no Demilune data directory" in up.stderr, up.stderr
    assert tree(device.data_dir) == before and states(hub)["photos"][0] == "invited"


def test_a_device_whose_enrolment_was_refused_does_not_start_as_a_hub(make_device):
    device = make_device("half")
    enroll(device, wrong_secret(device.invite()))
    done = device.try_start()
    assert done.returncode == 6, done.stderr
    assert "its enrolment was not finished" in done.stderr and "demilune device enroll" in done.stderr
    works(device)


def test_a_refused_enrolment_says_what_becomes_of_the_directory(make_device):
    device = make_device("half-made")
    spoilt = wrong_secret(device.invite())
    kept, remove = f"{device.data_dir} stays begun as a device", "remove it first; it holds no data"
    first, second = enroll(device, spoilt), enroll(device, spoilt)
    refused(first, 5, "wrong, used or expired", ASK_FOR_A_NEW_ONE)
    assert kept in first.stderr and remove in first.stderr, first.stderr
    # The second try cannot know how far the first came.
    assert kept in second.stderr and remove not in second.stderr, second.stderr
    assert "a hub takes another directory" in device.try_start().stderr
    shutil.rmtree(device.data_dir)
    device.start()  # what was told was true: it is a hub now
    assert device.ask("status")["role"] == "hub"


def test_a_suspended_or_retired_device_is_told_so(hub, make_device):
    device = make_device("on-leave")
    works(device)
    hub.cli("device", "suspend", "on-leave")
    device.cli("sync", "now")
    wait_until("the device hears of it", lambda: "'on-leave' is suspended at this hub. Ask the operator of the hub."
               in device.hub_link()["message"])
    hub.cli("device", "resume", "on-leave")
    device.cli("sync", "now")
    wait_until("the device is connected again", lambda: device.hub_link()["state"] == "connected")
    hub.cli("device", "retire", "on-leave")
    device.cli("sync", "now")
    wait_until("the device hears of it", lambda: "is retired at this hub" in device.hub_link()["message"])
