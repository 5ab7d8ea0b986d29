#!/usr/bin/env python3
"""Writes packaging/grafana/demilune.json: one row of panels a theme, from the table below."""
import json
import os

SELECT = 'instance=~"$instance"'


def rate(metric, by="", more=""):
    labels = SELECT + ("," + more if more else "")
    inner = f"rate({metric}{{{labels}}}[$__rate_interval])"
    return f"sum by ({by}) ({inner})" if by else f"sum ({inner})"


def quantile(q, metric, by="", more=""):
    labels = SELECT + ("," + more if more else "")
    group = ", ".join(part for part in (by, "le") if part)
    return f"histogram_quantile({q}, sum by ({group}) (rate({metric}_bucket{{{labels}}}[$__rate_interval])))"


def now(metric, more=""):
    return f"{metric}{{{SELECT + (',' + more if more else '')}}}"


# (row, [(title, unit, [(expression, legend)])])
ROWS = [
    ("Now", [
        ("Takes writes", "bool_yes_no", [(now("demilune_ready"), "{{instance}}")]),
        ("Disk free", "bytes", [(now("demilune_disk_free_bytes"), "free"), (now("demilune_disk_reserve_bytes"), "reserve")]),
        ("Resident memory", "bytes", [(now("demilune_process_resident_bytes"), "resident"),
                                      (now("demilune_memory_budget_bytes"), "budget of the settings")]),
        ("Certificate ends in", "s", [(f"{now('demilune_certificate_expires_timestamp_seconds')} - time()", "{{instance}}")]),
    ]),
    ("Requests", [
        ("Requests by operation", "reqps", [(rate("demilune_requests_total", "operation", 'door="s3"'), "{{operation}}")]),
        ("Requests by status", "reqps", [(rate("demilune_requests_total", "status", 'door="s3"'), "{{status}}")]),
        ("Latency, median", "s", [(quantile(0.5, "demilune_request_seconds", "operation", 'door="s3"'), "{{operation}}")]),
        ("Latency, 99 of 100", "s", [(quantile(0.99, "demilune_request_seconds", "operation", 'door="s3"'), "{{operation}}")]),
        ("Bodies", "Bps", [(rate("demilune_request_body_bytes_total"), "in"), (rate("demilune_response_body_bytes_total"), "out")]),
        ("Connections", "short", [(now("demilune_connections_open"), "{{listener}}"),
                                  (rate("demilune_connections_over_limit_total"), "turned away a second")]),
    ]),
    ("Admission", [
        ("Inside", "short", [(now("demilune_requests_inside"), "{{state}}")]),
        ("Refused with SlowDown", "reqps", [(rate("demilune_requests_refused_total", "reason"), "{{reason}}")]),
        ("Waited for a turn, 99 of 100", "s", [(quantile(0.99, "demilune_request_wait_seconds"), "wait")]),
        ("Bodies in flight", "bytes", [(now("demilune_bodies_in_flight_bytes"), "{{instance}}")]),
        ("Use of limits", "percentunit", [
            (f"{now('demilune_limit_used')} / on (instance, name) {now('demilune_limit')}", "{{name}}")]),
    ]),
    ("Commits", [
        ("Groups and steps", "ops", [(rate("demilune_commits_total", "partition"), "groups, {{partition}}"),
                                     (rate("demilune_steps_total", "partition"), "steps, {{partition}}")]),
        ("Steps a group, median and 99 of 100", "short", [
            (quantile(0.5, "demilune_commit_group_steps", "partition"), "median, {{partition}}"),
            (quantile(0.99, "demilune_commit_group_steps", "partition"), "99 of 100, {{partition}}")]),
        ("Sync", "s", [(quantile(0.5, "demilune_commit_sync_seconds", "partition"), "median, {{partition}}"),
                       (quantile(0.99, "demilune_commit_sync_seconds", "partition"), "99 of 100, {{partition}}")]),
        ("Whole group, 99 of 100", "s", [(quantile(0.99, "demilune_commit_group_seconds", "partition"), "{{partition}}")]),
        ("Wait for the group, 99 of 100", "s", [(quantile(0.99, "demilune_commit_wait_seconds", "partition"), "{{partition}}")]),
        ("Queue", "short", [(now("demilune_commit_queue_steps"), "{{partition}}")]),
        ("Oldest commit", "s", [(now("demilune_commit_oldest_seconds"), "{{partition}}")]),
    ]),
    ("Store", [
        ("Cache hits", "percentunit", [(
            rate("demilune_store_cache_lookups_total", "instance", 'result="hit"') + " / "
            + rate("demilune_store_cache_lookups_total", "instance"), "{{instance}}")]),
        ("Merging", "Bps", [(rate("demilune_store_flushed_bytes_total"), "written from memory"),
                            (rate("demilune_store_compaction_read_bytes_total"), "read to merge"),
                            (rate("demilune_store_compaction_written_bytes_total"), "written by merging")]),
        ("Behind with merging", "bytes", [(now("demilune_store_compaction_debt_bytes"), "{{partition}}")]),
        ("Writes held back by merging", "ms", [(rate("demilune_store_stalled_milliseconds_total"), "a second")]),
        ("Segments: living and dead", "bytes", [
            (now("demilune_store_segment_live_bytes"), "living, {{partition}}"),
            (f"{now('demilune_store_segment_file_bytes')} - {now('demilune_store_segment_live_bytes')}", "dead, {{partition}}")]),
        ("Reclaim", "Bps", [(rate("demilune_store_moved_bytes_total"), "copied out of dead segments")]),
        ("Bodies freed", "ops", [(rate("demilune_store_freed_bodies_total"), "{{instance}}")]),
        ("Database", "bytes", [(now("demilune_store_database_bytes"), "{{partition}}"), (now("demilune_store_buffer_bytes"), "in memory")]),
    ]),
    ("Fleet", [
        ("Links", "short", [(now("demilune_link_connected"), "{{peer}}")]),
        ("Last heard", "s", [(now("demilune_link_contact_age_seconds"), "{{peer}}")]),
        ("Link bytes", "Bps", [(rate("demilune_link_sent_bytes_total", "peer"), "to {{peer}}"),
                               (rate("demilune_link_received_bytes_total", "peer"), "from {{peer}}")]),
        ("Undecided records and missing bodies", "short", [(now("demilune_records_undecided"), "records"),
                                                          (now("demilune_bodies_missing"), "bodies")]),
        ("Conflicts, open uploads", "short", [(now("demilune_conflicts_open"), "conflicts"), (now("demilune_uploads_open"), "uploads")]),
        ("Workloads", "short", [(now("demilune_workloads"), "{{phase}}")]),
        ("Audit records waiting", "short", [(now("demilune_audit_queued"), "{{instance}}")]),
    ]),
]
WIDTH, HEIGHT = 8, 7


def panels():
    number, y = 0, 0
    for row, cells in ROWS:
        number += 1
        yield {"id": number, "type": "row", "title": row, "collapsed": False, "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}, "panels": []}
        y += 1
        for at, (title, unit, targets) in enumerate(cells):
            number += 1
            yield {
                "id": number, "type": "timeseries", "title": title, "datasource": {"type": "prometheus", "uid": "${datasource}"},
                "gridPos": {"x": at % 3 * WIDTH, "y": y + at // 3 * HEIGHT, "w": WIDTH, "h": HEIGHT},
                "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
                "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
                "targets": [{"refId": chr(65 + i), "expr": expression, "legendFormat": legend}
                            for i, (expression, legend) in enumerate(targets)],
            }
        y += (len(cells) + 2) // 3 * HEIGHT


def dashboard():
    return {
        "uid": "demilune", "title": "Demilune", "tags": ["demilune"], "schemaVersion": 39, "version": 1, "editable": True,
        "time": {"from": "now-3h", "to": "now"}, "refresh": "30s", "timezone": "browser",
        "templating": {"list": [
            {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"},
            {"name": "instance", "type": "query", "label": "Node", "datasource": {"type": "prometheus", "uid": "${datasource}"},
             "query": "label_values(demilune_info, instance)", "refresh": 2, "includeAll": True, "multi": True, "allValue": ".*"}]},
        "panels": list(panels()),
    }


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    with open("packaging/grafana/demilune.json", "w", encoding="utf-8") as file:
        json.dump(dashboard(), file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
