#!/usr/bin/env python3
"""./dev bench s3: Demilune and other S3 servers on this machine, each alone on the same disk, in one table.

Every server is filled, then measured in rounds, in turn with the others, over loopback by one generator (`s3_bench`):
rate, latency, and its own user and system time an operation. Peers are found in $PEERS (a directory) or PATH; those that
are absent are named and left out. Goes on for about 20 minutes with three peers; `--only put4k,get4k` is shorter.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import process, servers, tables, works  # noqa: E402
from harness.measure import Generator  # noqa: E402
from harness.run import FLAT, Run, say  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[1]


def parse_options():
    parser = argparse.ArgumentParser(prog="./dev bench s3", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4, help="of each work in each round (4)")
    parser.add_argument("--warm-up", type=float, default=1, help="before it, not counted (1)")
    parser.add_argument("--rounds", type=int, default=3, help="figures are medians over them (3)")
    parser.add_argument("--dir", type=pathlib.Path, help="where the servers' data go for the run (TMPDIR)")
    parser.add_argument("--only", default="", help="some of: " + ", ".join(works.names()))
    parser.add_argument("--peers", default=",".join(peer.name for peer in servers.PEERS), help="some of them, or `none`")
    parser.add_argument("--rate", type=float, default=0,
                        help="works on objects up to 64 KiB on a fixed schedule of so many requests a second (an open loop)")
    parser.add_argument("--flat", type=int, default=FLAT, help=f"objects of the flat bucket; over {FLAT:,}: ours is grown to that "
                        "at the end (10000000: an hour or more)")
    parser.add_argument("--flat-delete", action="store_true", help="then delete three of four of them and look again")
    parser.add_argument("--json", type=pathlib.Path, help="all that was measured also goes to this file")
    parser.add_argument("--plant", choices=["wrong-bytes"], help="expect other bytes than were stored: must show as errors")
    options = parser.parse_args()
    options.only = [name for name in options.only.split(",") if name]
    known = works.names() + [work.name for work in works.CONNECTIONS]
    for name in options.only:
        if name not in known:
            parser.error(f"no work '{name}'; there are: {', '.join(known)}")
    for name in options.peers.split(","):
        if name not in ["none", ""] + [peer.name for peer in servers.PEERS]:
            parser.error(f"no peer '{name}'; there are: {', '.join(peer.name for peer in servers.PEERS)}, none")
    if options.seconds <= 0 or options.rounds < 1 or options.flat < 1:
        parser.error("--seconds, --rounds and --flat must be positive")
    return options


def find_servers(options, work_dir):
    places = [place for place in (os.environ.get("PEERS"), os.environ.get("PATH")) if place]
    program = servers.Demilune.find(places)
    if not program:
        sys.exit("bench s3: no build/demilune; run ./dev build, or set DEMILUNE=PATH")
    found = [servers.Demilune(program, work_dir)]
    for peer in servers.PEERS:
        if peer.name not in options.peers.split(","):
            continue
        program = peer.find(places)
        if program:
            found.append(peer(program, work_dir))
        else:
            say(f"bench s3: no {peer.name} in $PEERS or PATH, it is left out. To compare (Go 1.25 or newer):\n"
                f"  GOBIN=DIR {peer.install}; PEERS=DIR ./dev bench s3")
    return found


def told_by(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return done.stdout.strip() if done.returncode == 0 else "?"


def machine(directory):
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                if line.startswith("model name")), "?")
    disk = told_by("stat", "-f", "-c", "%T", str(directory))
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{os.cpu_count()} cores ({cpu}), Linux {platform.release()}, {disk}, load at the end {load}"


def show_limits(found):
    if "failed" in found:
        return [f"- not measured: {found['failed']}"]
    lines = [f"- 4 KiB appends with fdatasync: {found['fdatasync_rate']:,}/s",
             f"- OpenSSL on one core: MD5 {found['md5_mib_s']:,} MiB/s, AES-256-GCM {found['aes_256_gcm_mib_s']:,} MiB/s; "
             f"memcpy {found['memcpy_mib_s']:,} MiB/s"]
    for op in ("get", "put"):
        told = found["echo_" + op]
        lines.append(f"- bare HTTP of ours, {op.upper()} 4 KiB at 16 connections: " + (
            told.get("failed") or f"{told['rate']:,.0f}/s, p50 {told['p50_ms']:.2f} ms, CPU {told['server_cpu_us']:.0f} µs a "
            f"request, errors {told['errors']}"))
    return lines


def report(run, options, begun):
    print(f"\n## S3, {time.strftime('%Y-%m-%d', time.gmtime())}, commit {told_by('git', 'rev-parse', '--short', 'HEAD')}")
    print(f"`./dev bench s3 {' '.join(sys.argv[1:])}`, {machine(run.work_dir)}; {time.monotonic() - begun:.0f} s.")
    print("All servers share the cores with the load; plain HTTP on loopback unless it says TLS; medians of "
          f"{options.rounds} rounds of {options.seconds:g} s; errors are all rounds'.\n"
          "Open loop: latency from the time a request was due. Closed loop: each "
          "connection asks again when it is answered, latency from sending.\n")
    print("\n".join(tables.measured(run)) + "\n")
    print("\n".join(tables.places(run) + tables.deep(run)) + "\n")
    print("Durability, and what strace counted:")
    for server in run.servers:
        facts = run.facts[server.name]
        print(f"- {server.name} {server.version()}: {server.mode}; {(facts['syncs'] or ['syncs not counted'])[0]}")
    ciphers = {f"{name}: {told['cipher']}" for (_, name), rounds in run.results.items() for told in rounds if told.get("cipher")}
    if ciphers:
        print("- TLS: " + ", ".join(sorted(ciphers)))
    if any(work.ours_only and (work.name, "demilune") in run.results for work in works.CONNECTIONS):
        print("- the rows with many connections: http.max_connections = 20000 instead of its default")
    for server in run.servers:
        for trouble in run.facts[server.name]["trouble"]:
            print(f"- trouble with {server.name}: {trouble}")
    if run.limits:
        print("\nThe limits of this machine, in the same run:")
        print("\n".join(show_limits(run.limits)))
    print("\n### Limits of issue 4\n" + "\n".join(tables.limits(run)))


def has_failed(run):
    """Whether ours failed in anything that was asked for."""
    ours = [told for (_, server), rounds in list(run.results.items()) + list(run.listings.items()) if server == "demilune"
            for told in rounds]
    return bool(run.facts["demilune"]["trouble"]) or tables.errors(ours) > 0


def stop_by_signal(number, _frame):
    raise SystemExit(128 + number)


def main():
    os.chdir(ROOT)
    options = parse_options()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_by_signal)
    process.allow_files()
    programs = pathlib.Path(os.environ.get("BENCH_PROGRAMS", "build/release/bench"))
    generator = programs / "s3_bench"
    if not os.access(generator, os.X_OK):
        sys.exit(f"bench s3: no {generator}; run ./dev build release")
    work_dir = pathlib.Path(tempfile.mkdtemp(prefix="s3-bench-", dir=options.dir))
    begun = time.monotonic()
    try:
        run = Run(options, Generator(generator, options), programs, find_servers(options, work_dir), work_dir)
        run.all()
        report(run, options, begun)
        if options.json:
            options.json.write_text(json.dumps(run.everything(), indent=1))
        return 1 if has_failed(run) else 0
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C would leave servers behind
        process.end_all()
        say("removing the servers' data")
        shutil.rmtree(work_dir, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
