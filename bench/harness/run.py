"""The course of a whole run: rounds over the servers, each alone while it is measured."""

import collections
import sys
import time

from . import process
from .measure import machine_limits
from .works import CONNECTIONS, FILLS, KIB, LIST, OBJECTS

FILL_SECONDS = 180    # after which a fill is cut short, and what needs it is not measured
WALK_SECONDS = 60
DEEP_SECONDS = 4 * 3600
SETTLE_SECONDS = 1.0  # before idle memory is read
FLAT = 100_000


def say(text):
    print(text, file=sys.stderr, flush=True)


def settle_disk(directory):
    """What a server left unwritten must not be written while the next one is measured."""
    status, _, complaint = process.run(["sync", "-f", directory], 300)
    if status != 0:
        say(f"bench s3: sync -f {directory}: {complaint.strip()}")


class Run:
    """`results[work, server]` and `listings[what, server]` are lists with a dict a round; `facts[server]` has the rest."""

    def __init__(self, options, generator, programs, servers, work_dir):
        self.options = options
        self.generator = generator
        self.programs = programs
        self.servers = servers
        self.work_dir = work_dir
        self.results = collections.defaultdict(list)
        self.listings = collections.defaultdict(list)
        self.facts = {server.name: collections.defaultdict(list) for server in servers}
        self.limits = {}
        self.flat = min(FLAT, options.flat)

    def everything(self):
        """As JSON can hold it."""
        named = {kind: {" ".join(key): rounds for key, rounds in table.items()}
                 for kind, table in (("works", self.results), ("listings", self.listings))}
        return {**named, "facts": self.facts, "limits": self.limits}

    def wants(self, *names):
        return not self.options.only or any(name in self.options.only for name in names)

    def chosen(self, works):
        return [work for work in works if self.wants(work.name, work.group)]

    def all(self):
        if self.wants("limits"):
            self.limits = machine_limits(self.programs, self.generator, self.work_dir, self.options.seconds)
        for number in range(1, self.options.rounds + 1):
            for server in list(self.servers):
                begun = time.monotonic()
                try:
                    self.turn(server, number)
                except (RuntimeError, OSError) as error:
                    self.facts[server.name]["trouble"].append(f"round {number}: {error}")
                    say(f"round {number}  {server.name}  {error}")
                finally:
                    server.stop()
                    if (number, server) != (self.options.rounds, self.servers[-1]):
                        settle_disk(self.work_dir)
                say(f"round {number}  {server.name}  took {time.monotonic() - begun:.0f} s")

    def turn(self, server, number):
        facts = self.facts[server.name]
        if number == 1:
            server.start()
            facts["first_start_ms"].append(server.start_seconds * 1000)
            self.generator.make_bucket(server)
            self.fill(server)
            server.stop()
        server.start()
        facts["start_ms"].append(server.start_seconds * 1000)
        time.sleep(SETTLE_SECONDS)
        facts["idle_kib"].append(process.memory_kib(server.process.pid, "VmRSS"))
        if self.wants("flat"):
            self.list_flat(server, number)
        for work in self.chosen(OBJECTS + [LIST]):
            if not work.tls or not server.tls_needs_own_start:
                self.one(server, work, number)
        if number == self.options.rounds and self.wants("syncs"):
            facts["syncs"].append(self.generator.syncs(server))
        facts["peak_kib"].append(process.memory_kib(server.process.pid, "VmHWM"))
        server.stop()
        self.further(server, number)

    def further(self, server, number):
        """What needs a start of its own, and is not part of the peak memory above."""
        tls = [work for work in self.chosen(OBJECTS) if work.tls]
        if tls and server.has_tls and server.tls_needs_own_start:
            server.start(tls=True)
            for work in tls:
                self.one(server, work, number)
            server.stop()
        if server.name != "demilune":
            return
        if self.chosen(CONNECTIONS):
            self.connections(server, number)
        if number == self.options.rounds and self.options.flat > FLAT and self.wants("flat"):
            self.deep(server)

    def one(self, server, work, number):
        if work.tls and not server.has_tls:
            return
        if work.set not in self.facts[server.name]["filled"] and (work.objects or work is LIST):
            return
        if work is LIST:
            told = self.generator.ask(server, "list", "--set", "flat", "--objects", self.flat, "--connections", work.connections,
                                      "--seconds", self.options.seconds, "--warm-up", self.options.warm_up, "--patience", 60,
                                      seconds=self.options.seconds + 120)
        else:
            told = self.generator.work(server, work, number)
        self.results[work.name, server.name].append(told)
        say(f"round {number}  {server.name}  {work.name}  {brief(told)}")

    def fill(self, server):
        facts = self.facts[server.name]
        sizes = {work.size: work for work in self.chosen(OBJECTS + CONNECTIONS) if work.objects}
        for size, work in sizes.items():
            self.note_fill(server, work.set, self.generator.fill(server, work.set, size, FILLS[size], FILL_SECONDS))
        if not self.wants("flat", "list"):
            return
        server.stop()
        before = process.space_used(server.data)
        server.start()
        told = self.generator.fill(server, "flat", KIB, self.flat, FILL_SECONDS)
        self.note_fill(server, "flat", told)
        server.stop()
        settle_disk(self.work_dir)
        if "flat" in facts["filled"]:
            facts["bytes_an_object"].append((process.space_used(server.data) - before) / self.flat)

    def note_fill(self, server, name, told):
        facts = self.facts[server.name]
        if told.get("complete") and told["errors"] == 0:
            facts["filled"].append(name)
        else:
            late = "" if told.get("complete", True) else f"only {told['requests']:,} objects in {told['seconds']:.0f} s, "
            facts["trouble"].append(f"what reads '{name}' is not measured, it was not filled: {late}{brief(told)}")
        say(f"fill  {server.name}  {name}  {brief(told)}")

    def list_flat(self, server, number):
        if "flat" not in self.facts[server.name]["filled"]:
            return
        walks = self.listings["walk", server.name]
        for op in ("first", "page", "walk"):
            if op == "walk" and walks and walks[-1].get("seconds", WALK_SECONDS) > 5:
                continue  # a slow one is not worth two more
            told = self.generator.listing(server, op, self.flat, WALK_SECONDS if op == "walk" else 0)
            self.listings[op, server.name].append(told)
            say(f"round {number}  {server.name}  flat {op}  {brief(told)}")

    def connections(self, server, number):
        """Many connections, each with a request under way: a start of its own, with a limit that lets them in."""
        if f"fill-{4 * KIB}" not in self.facts[server.name]["filled"]:
            return
        server.max_connections = 20_000
        server.start()
        for work in self.chosen(CONNECTIONS):
            self.one(server, work, number)
            self.facts[server.name][work.name].append(process.memory_kib(server.process.pid, "VmHWM"))
        server.stop()
        server.max_connections = None

    def deep(self, server):
        """The flat bucket grown to what `--flat` says, and with `--flat-delete` emptied by three quarters."""
        server.start()
        told = self.generator.fill(server, "flat", KIB, self.options.flat, DEEP_SECONDS, self.flat)
        self.note_fill(server, "deep", told)
        self.stop_deep(server, "deep")
        if "deep" not in self.facts[server.name]["filled"]:
            return
        self.look_at_deep(server, "deep", self.options.flat)
        if not self.options.flat_delete:
            return
        server.start()
        told = self.generator.ask(server, "delete", "--set", "flat", "--objects", self.options.flat, "--limit", DEEP_SECONDS,
                                  "--patience", 120, "--connections", 4, seconds=DEEP_SECONDS + 180)
        say(f"delete  {server.name}  {brief(told)}")
        self.stop_deep(server, "thinned")
        if told.get("complete") and told["errors"] == 0:
            self.look_at_deep(server, "thinned", (self.options.flat + 3) // 4)
        else:
            self.facts[server.name]["trouble"].append(f"three of four were not deleted: {brief(told)}")

    def stop_deep(self, server, name):
        """Notes the peak of the fill or the deletes, and the space of the whole directory after a clean stop."""
        facts = self.facts[server.name]
        facts[f"{name} peak_kib"].append(process.memory_kib(server.process.pid, "VmHWM"))
        server.stop()
        facts[f"{name} bytes"].append(process.space_used(server.data))

    def look_at_deep(self, server, name, objects):
        server.start()
        for op in ("first", "page", "walk"):
            told = self.generator.listing(server, op, objects, 600 if op == "walk" else 0)
            self.listings[f"{name} {op}", server.name].append(told)
            say(f"{server.name}  {name} {op}  {brief(told)}")
        server.stop()


def brief(told):
    if "failed" in told:
        return "failed: " + told["failed"]
    faults = f" {told['faults']} {told['refusal'][:100]}" if told["errors"] else ""
    return (f"{told['rate']:.0f}/s p50 {told['p50_ms']:.2f} p99 {told['p99_ms']:.2f} ms, CPU {told['server_cpu_us']:.0f} us, "
            f"own {told['client_cpu_us']:.0f} us, errors {told['errors']}{faults}")
