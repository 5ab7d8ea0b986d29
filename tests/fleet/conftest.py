"""A hub for each module; devices are made by the tests, and everything is ended with them."""

import pytest

from tests.support.fleet import Device
from tests.support.node import Node


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.timeout(180))


@pytest.fixture(scope="module")
def hub():
    """A running hub. It must still run, and end in order, when the module's tests are over."""
    node = Node()
    try:
        node.start()
        yield node
        assert node.is_running(), f"the hub ended:\n{node.log_tail()}"
        assert node.stop() == 0, node.log_tail()
    finally:
        node.close()


@pytest.fixture
def make_device(hub, request):
    """A function (name) -> Device of the hub, neither enrolled nor started."""

    def make(name, of=None):
        device = Device(of or hub, name)
        request.addfinalizer(device.close)
        return device

    return make


@pytest.fixture
def other_hub(request):
    """Another hub, with another CA."""
    node = Node()
    request.addfinalizer(node.close)
    return node.start()
