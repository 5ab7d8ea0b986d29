#!/usr/bin/env python3
"""Memory and open files of a hub stay within their bounds.

    python3 tests/bounded/bounded.py idle    [--objects 10000] [--limit-mib 64]
    python3 tests/bounded/bounded.py uploads [--count 50] [--mib 16] [--limit-mib 512]     (full: --count 200 --mib 64)
    python3 tests/bounded/bounded.py large   [--mib 512] [--limit-mib 64]                   (full: --mib 5120)
    python3 tests/bounded/bounded.py mixed   [--seconds 60]                                 (full: --seconds 600)
    python3 tests/bounded/bounded.py all     the four in their short form

idle: resident memory of a hub that holds so many objects, after a restart and after a listing of all.
uploads: so many PUTs of that size at once; the peak of resident memory. Each body comes back with the right hash.
large: one PUT of that size; how much it and its GET add to resident memory.
mixed: writes, reads, listings, deletes, multipart uploads over a fixed set of keys; resident memory and open files at
the end are at most 10 % (or 4 MiB, or 8 files: what one more file of the store makes) above the highest of the warm-up
and the first third. In the warm-up buffers and caches are filled (96 MiB of small objects over few keys, then 8,000
writes of the load itself): their size is a setting, and a short run would otherwise measure how far they are filled.
Exit code 0 when all bounds hold; prints what was measured either way. All requests come from --seed.
"""

import argparse
import hashlib
import math
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from tests.chaos.ledger import caller, list_rows  # noqa: E402
from tests.chaos.load import Worker  # noqa: E402
from tests.support import sigv4  # noqa: E402
from tests.support.node import Node  # noqa: E402

MIB = 1 << 20
BUCKET = "bounded"
THREADS = 8
SMALL_BYTES = 16000
FILL_BYTES = 96 * MIB
WARM_UP_WRITES = 8000
WARM_UP_SECONDS = 240
# Caches and buffers that are full when the measuring begins, and whose rise and fall is small: the defaults would take
# half an hour to fill, and hide a leak of their size.
SMALL = {"DEMILUNE_STORAGE__CACHE": "8MiB", "DEMILUNE_OBJECTS__CACHE": "4MiB",
         "DEMILUNE_STORAGE__WRITE_BUFFER": "4MiB"}


class Exceeded(Exception):
    pass


def hold(what, value, limit, unit):
    print(f"{what}: {value:.1f} {unit}, limit {limit:.1f}", flush=True)
    if value > limit:
        raise Exceeded(what)


def make_bucket(node, name=BUCKET):
    answer = sigv4.call(node.endpoint(), "PUT", f"/{name}")
    assert answer.status == 200, answer


def in_threads(count, work):
    """Runs work(0..count-1) at once; raises the first failure."""
    failures = []

    def guarded(number):
        try:
            work(number)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def peak_kib(node):
    """The highest resident memory of the running process so far."""
    with open(f"/proc/{node.process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))


def idle(node, options):
    make_bucket(node)

    def fill(thread):
        call, close = caller(node.endpoint())
        for number in range(thread, options.objects, THREADS):
            body = random.Random(f"{options.seed}/{number}").randbytes(2000)
            answer = call("PUT", f"/{BUCKET}/dir{number % 97}/object-{number:07}", body=body)
            assert answer.status == 200, answer
        close()

    in_threads(THREADS, fill)
    print(f"after writing {options.objects} objects: {node.resident_kib() / 1024:.1f} MiB resident")
    assert node.stop() == 0, node.log_tail()
    node.start()
    limit = options.limit_mib or 64
    hold(f"idle with {options.objects} objects, just started", node.resident_kib() / 1024, limit, "MiB")
    call, close = caller(node.endpoint())
    found = len(list_rows(call, BUCKET, "", False))
    close()
    assert found == options.objects, f"{found} of {options.objects} objects are listed"
    hold("idle after listing them all", node.resident_kib() / 1024, limit, "MiB")


def seeded_blocks(seed, mib):
    """One MiB after the other. A few random blocks in an order of their own: cheap to make, all bodies differ."""
    source = random.Random(seed)
    blocks = [source.randbytes(MIB) for _ in range(2)]
    for number in range(mib):
        yield number.to_bytes(8, "big") + blocks[source.randrange(2)][8:]


def hash_of(number, mib):
    digest = hashlib.sha256()
    for block in seeded_blocks(number, mib):
        digest.update(block)
    return digest.hexdigest()


def upload(endpoint, number, mib, payload, start=lambda: None):
    """PUTs big-NUMBER; `payload`: its hash, or UNSIGNED. `start` is called when all is ready but the sending."""
    path = f"/{BUCKET}/big-{number}"
    connection = sigv4.connect(endpoint, timeout=1200)
    signed = sigv4.sign_headers(endpoint, "PUT", path, (), {"content-length": str(mib * MIB)}, payload=payload)
    blocks = seeded_blocks(number, mib)
    start()
    connection.request("PUT", path, body=blocks, headers=signed)
    answer = sigv4.Reply(connection.getresponse())
    connection.close()
    assert answer.status == 200, answer


def check_upload(endpoint, number, wanted):
    connection = sigv4.connect(endpoint, timeout=1200)
    path = f"/{BUCKET}/big-{number}"
    connection.request("GET", path, headers=sigv4.sign_headers(endpoint, "GET", path))
    response, digest = connection.getresponse(), hashlib.sha256()
    while block := response.read(MIB):
        digest.update(block)
    connection.close()
    assert digest.hexdigest() == wanted, f"{path} came back with other content"


def uploads(node, options):
    make_bucket(node)
    endpoint, mib = node.endpoint(), options.mib or 16
    gate = threading.Barrier(options.count)
    before = node.resident_kib()
    hashes = [hash_of(number, mib) for number in range(options.count)]
    in_threads(options.count, lambda number: upload(endpoint, number, mib, hashes[number], gate.wait))
    hold(f"{options.count} uploads of {mib} MiB at once (before: {before / 1024:.1f} MiB)",
         peak_kib(node) / 1024, options.limit_mib or 512, "MiB")
    for number in range(options.count):
        check_upload(endpoint, number, hashes[number])


def large(node, options):
    make_bucket(node)
    endpoint, mib = node.endpoint(), options.mib or 512
    before = node.resident_kib()
    wanted = hash_of(0, mib)
    upload(endpoint, 0, mib, sigv4.UNSIGNED)
    limit = options.limit_mib or 64
    hold(f"one upload of {mib} MiB adds", (peak_kib(node) - before) / 1024, limit, "MiB")
    check_upload(endpoint, 0, wanted)
    hold("and its download", (peak_kib(node) - before) / 1024, limit, "MiB")


class Samples:
    """Resident memory and open files of a node while the load runs."""

    def __init__(self, node):
        self.node, self.rows = node, []
        self.warm = 0  # rows of the warm-up

    def watch(self, thread):
        """Until the thread ends."""
        while thread.is_alive():
            self.take()
            thread.join(0.2)

    def take(self):
        self.rows.append((self.node.resident_kib() / 1024, self.node.open_files()))

    def check(self):
        measured = len(self.rows) - self.warm
        step = max(1, measured // 10)
        print("MiB and files by tenth: " + ", ".join(f"{m:.0f}/{f}" for m, f in self.rows[self.warm + step - 1::step]))
        third, tenth = self.rows[self.warm:self.warm + measured // 3], self.rows[-max(1, measured // 10):]
        for column, what, unit in ((0, "resident memory", "MiB"), (1, "open files", "files")):
            early = max(row[column] for row in third)
            late = sorted(row[column] for row in tenth)[len(tenth) // 2]
            hold(f"{what} at the end (first third: {early:.1f})", late, math.ceil(early * 1.1), unit)


def mixed(node, options):
    buckets = [("plain", False), ("versioned", True)]
    for name, is_versioned in buckets:
        make_bucket(node, name)
        if is_versioned:
            body = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
            answer = sigv4.call(node.endpoint(), "PUT", f"/{name}", [("versioning", "")], body=body)
            assert answer.status == 200, answer
    samples = Samples(node)
    filling = threading.Thread(target=fill_buffers, args=(node,))
    filling.start()
    samples.watch(filling)
    over = threading.Event()
    workers = [Worker(number, options.seed, buckets) for number in range(THREADS)]
    threads = [threading.Thread(target=worker.run, args=(
        node.endpoint(), 0, lambda: None, over.is_set)) for worker in workers]
    threads.append(threading.Thread(target=read_on, args=(node.endpoint(), buckets, over)))
    for thread in threads:
        thread.start()
    # Buffers fill and are written out, caches fill: by work, not by time, or a slow machine would measure how far.
    pause = threading.Event()
    warm_until = time.monotonic() + WARM_UP_SECONDS
    while sum(worker.acknowledged for worker in workers) < WARM_UP_WRITES and time.monotonic() < warm_until:
        samples.take()
        pause.wait(0.2)
    samples.warm = len(samples.rows)
    end = time.monotonic() + options.seconds
    while time.monotonic() < end:
        samples.take()
        pause.wait(min(1.0, options.seconds / 60))
    over.set()
    for thread in threads:
        thread.join()
    for worker in workers:
        if worker.failure:
            raise worker.failure
        for ledger in worker.ledgers:
            assert ledger.open_key is None, f"a request on {ledger.open_key} was cut off"
    print(f"mixed: {sum(worker.acknowledged for worker in workers)} writes, {len(samples.rows)} samples")
    samples.check()


def fill_buffers(node):
    """Overwrites a few keys with small bodies until the store has written out what it buffers at most."""
    def fill(thread):
        call, close = caller(node.endpoint())
        source = random.Random(thread)
        for number in range(FILL_BYTES // SMALL_BYTES // THREADS):
            answer = call("PUT", f"/plain/fill/{thread}-{number % 8}", body=source.randbytes(SMALL_BYTES))
            assert answer.status == 200, answer
        close()

    in_threads(THREADS, fill)


def read_on(endpoint, buckets, over):
    """Lists everything and reads some of it until the end."""
    call, close = caller(endpoint)
    while not over.is_set():
        for name, is_versioned in buckets:
            for _, key, _ in list_rows(call, name, "", is_versioned)[:20]:
                call("GET", f"/{name}/{key}")
    close()


PARTS = {"idle": idle, "uploads": uploads, "large": large, "mixed": mixed}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=[*PARTS, "all"])
    parser.add_argument("--objects", type=int, default=10000)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--mib", type=int)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--limit-mib", type=float)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    exceeded = []
    for name in PARTS if options.what == "all" else [options.what]:
        node = Node(env=SMALL if name == "mixed" else None)
        try:
            node.start()
            PARTS[name](node, options)
            assert node.stop() == 0, node.log_tail()
        except Exceeded as error:
            exceeded.append(f"{name}: {error}")
        finally:
            node.close()
    for line in exceeded:
        print(f"OUT OF BOUNDS {line}; replay: python3 tests/bounded/bounded.py {' '.join(sys.argv[1:])}")
    return 1 if exceeded else 0


if __name__ == "__main__":
    sys.exit(main())
