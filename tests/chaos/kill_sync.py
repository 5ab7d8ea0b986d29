#!/usr/bin/env python3
"""SIGKILL of a device and its hub at random moments while a load is written at the device and synchronised.

    python3 tests/chaos/kill_sync.py [--rounds 60] [--seed N] [--workers 6]

Each round lets the workers write at the device (small and large objects, copies, deletes, multipart uploads), kills the
device, the hub or both after a random number of answers, starts them again and holds the device against the ledgers.
Every 10 rounds, and at the end, both have settled, and the hub is held against the same ledgers: whatever the device
acknowledged is at the hub, and nothing else. Exit code 0: nothing lost; 1: a loss, with how to replay.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from tests.chaos.kill import Kill, main  # noqa: E402
from tests.chaos.ledger import Checker, caller  # noqa: E402
from tests.support.fleet import Device  # noqa: E402
from tests.support.node import Node  # noqa: E402

BUCKET = "mission"
SETTLE_EVERY = 10
SETTLE_SECONDS = 180


class KillSync(Kill):
    buckets = [(BUCKET, False)]

    def make_node(self):
        if self.options.objects or self.options.keep:
            raise SystemExit("kill_sync: --objects and --keep are options of kill.py")
        self.hub = Node().start()
        return Device(self.hub, "kite")

    def make_buckets(self):
        self.rounds = 0
        self.hub.cli("bucket", "create", BUCKET)
        call, close = caller(self.hub.endpoint())
        assert call("PUT", f"/{BUCKET}/readme", body=b"from the hub").status == 200
        close()
        self.node.enroll().assign(BUCKET)
        self.node.start()
        self.node.wait_settled(BUCKET)

    def end_processes(self):
        victims = self.random.choice([[self.node], [self.hub], [self.node, self.hub], [self.hub, self.node]])
        for node in victims:
            node.kill()

    def restart(self):
        if not self.hub.is_running():
            self.hub.start()
            self.node.link.mend(self.hub.ready[2])
        if not self.node.is_running():
            super().restart()

    def check(self, is_full):
        super().check(is_full)
        self.rounds += 1
        if self.rounds % SETTLE_EVERY and self.rounds != self.options.rounds:
            return
        self.node.cli("sync", "now")
        self.node.wait_settled(BUCKET, SETTLE_SECONDS)
        for worker in self.workers:
            call, close = caller(self.hub.endpoint())
            for ledger in worker.ledgers:
                Checker(call, ledger, worker.prefix).check(set(ledger.current))
            close()

    def close(self):
        super().close()
        self.hub.close()


if __name__ == "__main__":
    sys.exit(main(KillSync, __doc__, "kill_sync.py", keep=""))
