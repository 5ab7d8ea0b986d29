"""Nothing here takes longer than this, also on a busy machine."""

import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.timeout(180))
