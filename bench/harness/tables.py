"""The tables at the end, in Markdown: what was measured, and the limits that must hold."""

import statistics

from .works import CONNECTIONS, LIST, MIB, OBJECTS

KIB_A_MIB = 1024


def good(rounds):
    """The rounds that measured something."""
    return [told for told in rounds if "failed" not in told]


def middle(rounds, key):
    values = [told[key] for told in good(rounds)]
    return statistics.median(values) if values else None


def errors(rounds):
    """Failed requests of all rounds; a round that measured nothing is one."""
    return sum(told.get("errors", 1) for told in rounds)


def cpu(work, rounds):
    """Microseconds a request or key, or milliseconds a MiB; the median of the rounds."""
    values = []
    for told in good(rounds):
        if work.per == "MiB":
            values.append(told["server_cpu_us"] / 1000 / (work.size / MIB))
        elif work.per == "key":
            values.append(told["server_cpu_s"] * 1e6 / max(1, told["keys"]))
        else:
            values.append(told["server_cpu_us"])
    return statistics.median(values) if values else None


def show(value, digits=None):
    if value is None:
        return "–"
    if digits is None:
        digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


UNITS = {"request": "µs", "MiB": "ms/MiB", "key": "µs/key"}


def measured(run):
    """One row a work and server."""
    lines = ["| work | connections | loop | server | rate /s | p50 ms | p99 ms | p999 ms | server CPU | load's CPU µs | errors |",
             "|---|---|---|---|---|---|---|---|---|---|---|"]
    for work in OBJECTS + [LIST] + CONNECTIONS:
        for server in run.servers:
            rounds = run.results.get((work.name, server.name), [])
            if not rounds:
                continue
            loop = "open" if any(told.get("loop") == "open" for told in rounds) else "closed"
            cells = [work.title, str(work.connections), loop, server.name, show(middle(rounds, "rate"), 0),
                     show(middle(rounds, "p50_ms")), show(middle(rounds, "p99_ms")), show(middle(rounds, "p999_ms")),
                     f"{show(cpu(work, rounds))} {UNITS[work.per]}", show(middle(rounds, "client_cpu_us"), 0),
                     faults(rounds)]
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def faults(rounds):
    if not errors(rounds):
        return "0"
    named = {}
    for told in rounds:
        for what, times in (told.get("faults") or {}).items():
            named[what] = named.get(what, 0) + times
        if "failed" in told:
            named[told["failed"]] = named.get(told["failed"], 0) + 1
    return f"{errors(rounds)}: " + ", ".join(f"{what} {times}x" for what, times in named.items()).replace("|", "/")


def places(run):
    """Flat bucket, space and memory, one row a server."""
    lines = [f"| server | first page of {run.flat:,}, first after a start / again, ms | whole listing, s | bytes a 1 KiB object | "
             "start ms (very first) | idle MiB | peak MiB |", "|---|---|---|---|---|---|---|"]
    for server in run.servers:
        facts = run.facts[server.name]
        first, page = (show(listing(run, op, server.name, "p50_ms")) for op in ("first", "page"))
        lines.append(f"| {server.name} | {first} / {page} | {whole_listing(run, server.name)} | "
                     f"{show(median(facts['bytes_an_object']), 0)} | {show(median(facts['start_ms']), 0)} "
                     f"({show(median(facts['first_start_ms']), 0)}) | {show(mib(median(facts['idle_kib'])))} | "
                     f"{show(mib(max(facts['peak_kib'], default=None)))} |")
    return lines


def deep(run):
    """What became of the flat bucket of ours that grew, a line a state."""
    lines = []
    states = {"deep": f"grown to {run.options.flat:,}", "thinned": "after deleting three of four"}
    for name, title in states.items():
        if not run.listings.get((f"{name} first", "demilune")):
            continue
        first, page, whole = (show(listing(run, f"{name} {op}", "demilune", key)) for op, key in
                              (("first", "p50_ms"), ("page", "p50_ms"), ("walk", "seconds")))
        facts = run.facts["demilune"]
        lines.append(f"- flat bucket of ours {title}: first page {first} ms after a start, {page} again; whole listing {whole} s; "
                     f"peak {show(mib(max(facts[name + ' peak_kib'])))} MiB while that was done; the directory with all "
                     f"works {show(max(facts[name + ' bytes']) / 1e6, 0)} MB, stopped cleanly")
    return lines


def whole_listing(run, server):
    rounds = run.listings.get(("walk", server), [])
    if any(told.get("complete") is False and not errors([told]) for told in rounds):
        return f"over {max(told['seconds'] for told in good(rounds)):.0f}"
    return show(listing(run, "walk", server, "seconds"))


def median(values):
    return statistics.median(values) if values else None


def mib(kib):
    return None if kib is None else kib / KIB_A_MIB


def listing(run, op, server, key):
    """The median, or None where a listing failed or was not whole."""
    rounds = run.listings.get((op, server), [])
    if not rounds or errors(rounds) or not all(told["complete"] for told in rounds):
        return None
    return middle(rounds, key)


class Judge:
    """Makes the rows of the table of limits. A row holds only when ours was measured without an error."""

    def __init__(self, run):
        self.run = run
        self.lines = ["| row | limit | ours | best peer | ours / best peer | holds |", "|---|---|---|---|---|---|"]
        self.peers = [server.name for server in run.servers if server.name != "demilune"]

    def row(self, title, limit, ours, peers, unit, holds, note=""):
        """`peers` maps a name to a value, None: not measured; less is better. `holds` is None where it can't be said."""
        found = {name: value for name, value in peers.items() if value}
        best = min(found, key=found.get, default=None)
        verdict = "not measured" if holds is None else "yes" if holds else "no"
        ratio = show(ours / found[best]) if best and ours is not None else "–"
        peer = f"{best} {show(found[best])}" if best else "–"
        told = "–" if ours is None else f"{show(ours)} {unit}"
        self.lines.append(f"| {title} | {limit} | {told} | {peer} | {ratio} | {verdict}{note} |")

    def clean(self, work, server):
        rounds = self.run.results.get((work.name, server), [])
        return rounds if rounds and not errors(rounds) else []

    def at_most(self, title, limit, unit, ours, peers, note=""):
        self.row(title, f"at most {show(limit)} {unit}", ours, peers, unit, None if ours is None else ours <= limit, note)

    def cpu(self, name, limit):
        work = next(work for work in OBJECTS + [LIST] if work.name == name)
        peers = {peer: cpu(work, self.clean(work, peer)) for peer in self.peers}
        all_rounds = self.run.results.get((name, "demilune"), [])
        if all_rounds and errors(all_rounds):
            self.row(f"{work.title}, {work.connections} connections, CPU", f"at most {show(limit)} {UNITS[work.per]}",
                     cpu(work, all_rounds), peers, UNITS[work.per], False, f": {errors(all_rounds)} errors")
        else:
            self.at_most(f"{work.title}, {work.connections} connections, CPU", limit, UNITS[work.per],
                         cpu(work, self.clean(work, "demilune")), peers)

    def against_minio(self, title, name, key, factor, limit, is_least):
        """`key` of ours at least (or at most) `factor` times MinIO's."""
        work = next(work for work in OBJECTS if work.name == name)
        ours, minio = (middle(self.clean(work, server), key) for server in ("demilune", "minio"))
        told, note = "–" if ours is None else show(ours), ""
        holds = None
        if ours is not None and minio:
            note = show(ours / minio)
            holds = ours >= factor * minio if is_least else ours <= factor * minio
        verdict = "not measured" if holds is None else "yes" if holds else "no"
        bad = errors(self.run.results.get((name, "demilune"), []))
        if bad:
            verdict = f"no: {bad} errors"
        self.lines.append(f"| {title} | {limit} | {told} | minio {show(minio)} | {note or '–'} | {verdict} |")

    def connections(self):
        rates = {work.connections: middle(self.clean(work, "demilune"), "rate") for work in CONNECTIONS}
        wanted = [work.connections for work in CONNECTIONS if work.connections >= 100]
        found = [rate for rate in rates.values() if rate]
        told = ", ".join(f"{count:,}: {show(rate, 0)}/s" for count, rate in rates.items() if rate) or "–"
        holds = "not measured"
        bad = sum(errors(self.run.results.get((work.name, "demilune"), [])) for work in CONNECTIONS)
        if bad:
            holds = f"no: {bad} errors"
        elif all(rates.get(count) for count in wanted):
            holds = "yes" if min(rates[count] for count in wanted) >= 0.8 * max(found) else "no"
        facts = self.run.facts["demilune"]
        memory = ", ".join(show(mib(max(facts[work.name])), 0) for work in CONNECTIONS if facts[work.name])
        self.lines.append(f"| 100, 1,000, 10,000 connections, rate (peak MiB so far: {memory or '–'}) | within 20 % of the best "
                          f"| {told} | – | – | {holds} |")


def limits(run):
    """The table of issue 4, row by row."""
    judge = Judge(run)
    peer_places = {peer: run.facts[peer] for peer in judge.peers}
    ours = run.facts["demilune"]
    judge.cpu("put4k", 120)
    judge.against_minio("PUT 4 KiB, 16 connections, rate /s", "put4k", "rate", 6, "at least 6 times MinIO's", True)
    judge.against_minio("PUT 4 KiB, 1 connection, p50 ms", "put4k-1", "p50_ms", 0.6, "at most 0.6 of MinIO's", False)
    for name, limit in (("get4k", 55), ("head", 40), ("mixed", 150), ("put10m", 2.5), ("get10m", 0.45), ("get10m-tls", 0.75),
                        ("list", 2.5)):
        judge.cpu(name, limit)
    is_full = run.flat >= 100_000
    for op, key, limit, unit, title in (("first", "p50_ms", 10, "ms", "first page (after a start)"),
                                        ("walk", "seconds", 1.5, "s", "whole")):
        judge.at_most(f"flat bucket of 100,000: {title}", limit, unit,
                      listing(run, op, "demilune", key) if is_full else None,
                      {peer: listing(run, op, peer, key) for peer in judge.peers})
    options = run.options
    for name, title in (("deep", f"first page at {max(options.flat, 10_000_000):,} keys"),
                        ("thinned", "first page after deleting three of four")):
        value = listing(run, f"{name} first", "demilune", "p50_ms") if options.flat >= 10_000_000 else None
        judge.at_most(title, 10, "ms", value, {})
    judge.at_most("disk used per 1 KiB object (stopped cleanly)", 1.8, "kB",
                  thousandth(median(ours["bytes_an_object"])) if is_full else None,
                  {peer: thousandth(median(facts["bytes_an_object"])) for peer, facts in peer_places.items()})
    # A small store starts sooner and holds less: with the 100,000 objects in it, or no verdict.
    memory = run.wants("memory") and is_full and "flat" in ours["filled"]
    judge.at_most("start to first answer", 100, "ms", median(ours["start_ms"]) if memory else None,
                  {peer: median(facts["start_ms"]) for peer, facts in peer_places.items()})
    judge.at_most("idle resident", 40, "MiB", mib(median(ours["idle_kib"])) if memory else None,
                  {peer: mib(median(facts["idle_kib"])) for peer, facts in peer_places.items()})
    judge.at_most("peak resident in these runs", 128, "MiB",
                  mib(max(ours["peak_kib"], default=None)) if memory and is_whole(run) else None,
                  {peer: mib(max(facts["peak_kib"], default=None)) for peer, facts in peer_places.items()})
    judge.connections()
    return judge.lines


def thousandth(value):
    return None if value is None else value / 1000


def is_whole(run):
    """Whether every work ran: the peak of some works says nothing about all of them."""
    return all(run.results.get((work.name, "demilune")) for work in OBJECTS + [LIST])
