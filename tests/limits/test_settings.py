"""Settings: what is out of range is refused with name, value, origin and range; what is in force is shown with its origin."""

import json
import os
import re

import pytest

from tests.support import metrics
from tests.support.node import Node, ROOT, run_program

UNITS = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
TIMES = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def amount(text, kind):
    digits = re.match(r"\d+", text).group()
    if kind == "number":
        return int(text)
    return int(digits) * (UNITS if kind == "size" else TIMES)[text[len(digits):]]


def check(env=None, *arguments):
    """`demilune config check` in an environment with none of ours but these."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("DEMILUNE_")}
    return run_program("config", "check", "-o", "json", *arguments, env={**clean, **(env or {})})


def settings():
    return json.loads(check().stdout)["settings"]


def outside(one):
    """A value below and one above the range, as far as there can be one; (text, ...)"""
    if ".." not in one["range"]:
        return ("nonsense",) if one["range"] else ()
    unit = {"number": "", "size": "B", "duration": "ms"}[one["type"]]
    least, most = (amount(end, one["type"]) for end in one["range"].split(".."))
    return tuple(f"{value}{unit}" for value in (least - 1, most + 1) if value >= 0)


def test_every_amount_has_a_range_and_its_ends_are_held():
    ranged = 0
    for one in settings():
        if one["type"] in ("number", "size", "duration"):
            assert ".." in one["range"], one
        for value in outside(one):
            ranged += 1
            done = check({one["variable"]: value})
            assert done.returncode == 2, (one, value, done)
            told = done.stderr
            assert one["key"] in told and value in told and one["variable"] in told, (value, told)
            ends = one["range"].split("..") if ".." in one["range"] else [one["range"]]
            assert all(end in told for end in ends), (value, told)
        if ".." in one["range"]:
            for value in one["range"].split(".."):
                assert check({one["variable"]: value}).returncode == 0, (one, value)
    assert ranged > 50


def test_the_file_is_named_with_its_path(tmp_path):
    file = tmp_path / "my.toml"
    file.write_text('[storage]\ncache = "5EiB"\n')
    done = check(None, "--config", str(file))
    assert done.returncode == 2 and str(file) in done.stderr and "storage.cache" in done.stderr, done
    file.write_text("[storage]\ncahce = 1\n")
    assert "storage.cache" in check(None, "--config", str(file)).stderr


def test_a_start_with_a_wrong_value_is_refused_and_makes_nothing(tmp_path):
    node = Node(tmp_path, env={"DEMILUNE_ADMISSION__RUNNING": "0"})
    done = node.try_start()
    assert done.returncode == 2, done
    for part in ("admission.running", "'0'", "DEMILUNE_ADMISSION__RUNNING", "1 to 65536"):
        assert part in done.stderr, done.stderr
    assert not node.data_dir.exists()


def test_the_page_is_in_step():
    done = run_program("version")
    assert done.returncode == 0
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for one in settings():
        row = next((line for line in page.splitlines() if line.startswith(f"| `{one['key']}` |")), None)
        assert row, one["key"]
        assert one["about"].replace("|", "\\|") in row, one["key"]
        assert not one["default"] or f"`{one['default']}`" in row, one["key"]


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    base = tmp_path_factory.mktemp("settings")
    file = base / "demilune.toml"
    file.write_text('[storage]\ncache = "8MiB"\ninline = "4KiB"\n[http]\nidle = "30s"\n')
    node = Node(base, env={"DEMILUNE_STORAGE__INLINE": "8KiB", "DEMILUNE_ADMISSION__RUNNING": "17"},
                arguments=["--config", str(file)])
    node.start()
    yield node, str(file)
    node.close()


def test_config_show_says_where_each_value_came_from(node):
    running, file = node
    shown = {one["key"]: (one["value"], one["origin"]) for one in running.ask("config", "show")["settings"]}
    assert shown["storage.cache"] == ("8MiB", file)
    assert shown["http.idle"] == ("30s", file)
    assert shown["storage.inline"] == ("8KiB", "DEMILUNE_STORAGE__INLINE")
    assert shown["listen.data"] == ("127.0.0.1:0", "flag")
    assert shown["storage.segment"] == ("256MiB", "default")
    table = running.cli("config", "show", "--origin").stdout
    assert re.search(r"storage\.inline +8KiB +DEMILUNE_STORAGE__INLINE +16KiB +0\.\.1MiB", table), table


def test_the_memory_is_summed_up_and_follows_the_settings(node):
    running, _ = node
    memory = running.ask("config", "show")["memory"]
    assert memory["bytes"] == sum(part["bytes"] for part in memory["parts"])
    assert next(part["bytes"] for part in memory["parts"] if part["name"] == "block cache") == 8 << 20
    default = json.loads(check().stdout)["memory"]["bytes"]
    assert json.loads(check({"DEMILUNE_STORAGE__CACHE": "33MiB"}).stdout)["memory"]["bytes"] == default + (1 << 20)
    assert running.resident_kib() * 1024 < memory["bytes"]


def test_metrics_show_each_limit_beside_its_use(node):
    running, _ = node
    samples = metrics.read(running)
    limits = {labels["name"]: value for name, labels, value in samples if name == "demilune_limit"}
    for one in running.ask("config", "show")["settings"]:
        if one["type"] in ("number", "size", "duration"):
            value = amount(one["value"], one["type"])
            assert limits.pop(one["key"]) == (value / 1000 if one["type"] == "duration" else value), one
    assert not limits
    used = {labels["name"]: value for name, labels, value in samples if name == "demilune_limit_used"}
    assert {"http.max_connections", "link.max_connections", "runtime.pool_queue", "audit.queue", "audit.queue_size", "storage.cache",
            "storage.queue", "admission.running", "admission.waiting", "admission.bodies"} <= set(used)
    assert used["http.max_connections"] >= 1  # this one
    assert metrics.total(samples, "demilune_memory_budget_bytes") == running.ask("config", "show")["memory"]["bytes"]
