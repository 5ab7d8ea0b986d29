"""The dashboard and the alert rules speak of metrics that a node has."""

import json
import re
import shutil
import subprocess

import pytest
import yaml

from tests.support import metrics
from tests.support.fleet import Device
from tests.support.node import ROOT, Node, wait_until

DASHBOARD = ROOT / "packaging" / "grafana" / "demilune.json"
ALERTS = ROOT / "packaging" / "prometheus" / "alerts.yml"
METRIC = re.compile(r"\bdemilune_[a-z0-9_]+")
MATCHER = re.compile(r"(demilune_[a-z0-9_]+)\{([^}]*)\}")


def expressions():
    """[(where, expression)]"""
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    out = [(f"{DASHBOARD.name}: {panel['title']}", target["expr"]) for panel in dashboard["panels"] for target in panel.get("targets", [])]
    rules = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    out += [(f"{ALERTS.name}: {rule['alert']}", rule["expr"]) for group in rules["groups"] for rule in group["rules"]]
    return out


def unknown(expression, samples):
    """The metrics, and the label values, of an expression that no sample has."""
    names = {name for name, _, _ in samples}
    missing = set(METRIC.findall(expression)) - names
    for name, matchers in MATCHER.findall(expression):
        for label, operator, value in re.findall(r'(\w+)\s*(=~|!=|=)\s*"([^"]*)"', matchers):
            if label in ("instance", "job"):  # Prometheus' own
                continue
            has = {labels[label] for one, labels, _ in samples if one == name and label in labels}
            if not has or (operator == "=" and value not in has and not value.startswith("$")):
                missing.add(f'{name}{{{label}="{value}"}}')
    return missing


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """Of a hub and of a device that met it, after some requests and a whole count of conflicts and uploads."""
    base = tmp_path_factory.mktemp("dashboards")
    hub, device = Node(base / "hub"), None
    try:
        hub.start()
        device = Device(hub, "field-01", base / "device")
        device.enroll().start()

        def all_of():
            found = [one for node in (hub, device) for one in metrics.read(node)]
            names = {name for name, _, _ in found}
            return found if {"demilune_uploads_oldest_seconds", "demilune_link_contact_age_seconds"} <= names else None

        return wait_until("all series", all_of, 60, 1)
    finally:
        if device:
            device.close()
        hub.close()


def test_every_expression_speaks_of_what_there_is(samples):
    wrong = {where: unknown(expression, samples) for where, expression in expressions()}
    assert not {where: names for where, names in wrong.items() if names}
    assert len(wrong) > 30


def test_a_name_that_is_none_would_be_found(samples):
    assert unknown("rate(demilune_requests_totl[5m])", samples) == {"demilune_requests_totl"}
    assert unknown('demilune_limit{name="storage.cahce"}', samples) == {'demilune_limit{name="storage.cahce"}'}
    assert unknown('demilune_limit{nmae="storage.cache"}', samples) == {'demilune_limit{nmae="storage.cache"}'}


def test_every_series_has_help_and_type_and_a_unit_where_it_has_one(samples):
    for name, _, _ in samples:
        assert name.startswith("demilune_"), name
        assert not re.search(r"_(ms|kb|mb|mib|sec|secs)(_|$)", name), name


def test_the_dashboard_has_one_of_each():
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    identifiers = [panel["id"] for panel in dashboard["panels"]]
    assert len(identifiers) == len(set(identifiers))
    for panel in dashboard["panels"]:
        assert panel["title"] and panel["gridPos"]["w"] + panel["gridPos"]["x"] <= 24, panel
        if panel["type"] != "row":
            assert panel["targets"] and panel["fieldConfig"]["defaults"]["unit"], panel["title"]


def test_the_rules_have_what_an_alert_needs():
    rules = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    names = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
    assert len(names) == len(set(names))
    for group in rules["groups"]:
        for rule in group["rules"]:
            assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule
            assert rule["labels"]["severity"] in ("info", "warning", "critical") and rule["annotations"]["summary"], rule
    if shutil.which("promtool"):
        done = subprocess.run(["promtool", "check", "rules", str(ALERTS)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
