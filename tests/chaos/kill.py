#!/usr/bin/env python3
"""SIGKILL of `demilune up` at random moments under mixed load: every acknowledged write is there after the restart.

    python3 tests/chaos/kill.py [--rounds 60] [--seed N] [--workers 6] [--keep DIR]
    python3 tests/chaos/kill.py --objects 1000000 --rounds 3    and how long a restart with so many objects takes: under
                                                                 5 s (RESTART_SECONDS), or it fails
    python3 tests/chaos/kill.py --expect-loss      with a server that was made to lose writes: must find it
                                                    (DEMILUNE_PLANT=early-ack and a debug build, by DEMILUNE=PATH)

Each round starts the node, lets the workers write (small and large objects, copies, deletes, multipart uploads, in a
plain and in a versioned bucket), kills it after a random number of answers, starts it again and holds listing, versions
and contents against the ledgers. --rounds 2000 is the full run. The seed decides all requests and the moment counted
in answers; the threads' interleaving is the machine's. Exit code 0: nothing lost; 1: a loss, with what was lost and how
to replay.
"""

import argparse
import concurrent.futures
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from tests.chaos.ledger import Checker, Loss, caller  # noqa: E402
from tests.chaos.load import Worker  # noqa: E402
from tests.support.node import Node  # noqa: E402

BUCKETS = [("plain", False), ("versioned", True)]
FULL_CHECK_EVERY = 20
ROUND_SECONDS = 60
RESTART_SECONDS = 5
FILLERS = 8
VERSIONING = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"


class Kill:
    buckets = BUCKETS

    def __init__(self, options):
        self.options = options
        self.random = random.Random(f"kill/{options.seed}")
        self.node = self.make_node()
        self.workers = [Worker(number, options.seed, self.buckets) for number in range(options.workers)]
        self.answers = 0
        self.restarts = []
        self.lock = threading.Lock()
        self.enough = threading.Event()

    def make_node(self):
        return Node(base=self.options.keep)

    def make_buckets(self):
        self.node.start()
        call, close = caller(self.node.endpoint())
        for name, is_versioned in self.buckets:
            assert call("PUT", f"/{name}").status == 200
            if is_versioned:
                assert call("PUT", f"/{name}", [("versioning", "")], body=VERSIONING).status == 200
        close()

    def fill(self):
        """Small objects in a bucket of their own, so that the restarts have many to open."""
        def some(lane):
            call, close = caller(self.node.endpoint())
            for number in range(lane, self.options.objects, FILLERS):
                assert call("PUT", f"/filled/{number % 997}/{number:08}", body=b"%d" % number).status == 200
            close()

        call, close = caller(self.node.endpoint())
        assert call("PUT", "/filled").status == 200
        close()
        with concurrent.futures.ThreadPoolExecutor(FILLERS) as pool:
            list(pool.map(some, range(FILLERS)))
        print(f"{self.options.objects} objects are there", flush=True)

    def end_processes(self):
        self.node.kill()

    def restart(self):
        began = time.monotonic()
        self.node.start()
        self.restarts.append(time.monotonic() - began)
        if self.options.objects:
            print(f"restart with {self.options.objects} objects and more: {self.restarts[-1]:.2f} s", flush=True)
            assert self.restarts[-1] < RESTART_SECONDS, f"a restart took over {RESTART_SECONDS} s"

    def count_answer(self):
        with self.lock:
            self.answers += 1
            if self.answers >= self.kill_after:
                self.enough.set()

    def load_and_kill(self, number):
        self.answers = 0
        self.kill_after = self.random.randrange(1, 150)
        self.enough.clear()
        endpoint, is_over = self.node.endpoint(), threading.Event()
        threads = [threading.Thread(target=worker.run, args=(endpoint, number, self.count_answer, is_over.is_set))
                   for worker in self.workers]
        for thread in threads:
            thread.start()
        is_timely = self.enough.wait(ROUND_SECONDS)
        threading.Event().wait(self.random.random() * 0.02)  # anywhere between two answers
        self.end_processes()
        is_over.set()
        for thread in threads:
            thread.join()
        for worker in self.workers:
            if worker.failure:
                raise worker.failure
        if not is_timely:
            raise AssertionError(f"only {self.answers} answers within {ROUND_SECONDS} s:\n{self.node.log_tail()}")

    def check(self, is_full):
        for worker in self.workers:
            call, close = caller(self.node.endpoint())
            for ledger in worker.ledgers:
                keys = set(ledger.current) if is_full else set()
                Checker(call, ledger, worker.prefix).check(keys)
            close()

    def run(self):
        self.make_buckets()
        if self.options.objects:
            self.fill()
        began = time.monotonic()
        for number in range(self.options.rounds):
            self.load_and_kill(number)
            self.restart()
            self.check(is_full=(number + 1) % FULL_CHECK_EVERY == 0 or number + 1 == self.options.rounds)
            if (number + 1) % 10 == 0:
                print(f"round {number + 1}: {self.total()} writes acknowledged, 0 lost, "
                      f"{time.monotonic() - began:.0f} s", flush=True)
        assert self.node.stop() == 0, self.node.log_tail()

    def close(self):
        self.node.close()

    def total(self):
        return sum(worker.acknowledged for worker in self.workers)


def main(make=Kill, about=__doc__, script="kill.py", keep=" --keep DIR"):
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--keep", help="use this directory and leave it")
    parser.add_argument("--objects", type=int, default=0, help="first fill in so many, and hold the restarts to 5 s")
    parser.add_argument("--expect-loss", action="store_true")
    options = parser.parse_args()
    replay = f"python3 tests/chaos/{script} --rounds {options.rounds} --seed {options.seed} --workers {options.workers}"
    print(f"kill: seed {options.seed}", flush=True)
    kill = make(options)
    try:
        kill.run()
    except Loss as loss:
        print(f"LOST after {kill.total()} acknowledged writes: {loss}\nreplay: {replay}{keep}")
        return 0 if options.expect_loss else 1
    except Exception:
        print(f"failed; replay: {replay}{keep}\n{kill.node.log_tail()}")
        raise
    finally:
        kill.close()
    print(f"{script}: {options.rounds} rounds, {kill.total()} writes acknowledged, 0 lost; slowest restart "
          f"{max(kill.restarts, default=0):.2f} s")
    if options.expect_loss:
        print("but a loss was expected: the check can't see it")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
