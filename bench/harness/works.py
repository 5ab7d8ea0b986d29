"""What is measured: each work is one run of the load generator."""

import dataclasses

KIB, MIB = 1024, 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Work:
    name: str
    title: str
    op: str
    size: int = 4 * KIB
    connections: int = 16
    objects: int = 0          # of the fill that it reads; 0: none
    group: str = ""           # what `--only` may also call it
    per: str = "request"      # what CPU is counted by: request, MiB or key
    tls: bool = False
    rate: float = 0           # requests a second on a schedule; 0: a closed loop
    ours_only: bool = False

    @property
    def set(self):
        """The prefix of the objects that it reads."""
        return "flat" if self.op == "list" else f"fill-{self.size}"

    def needs(self):
        return {self.name, self.group}


# Of the bucket that is filled for the reads.
FILLS = {4 * KIB: 5000, 64 * KIB: 1000, 10 * MIB: 8}

OBJECTS = [
    Work("put4k", "PUT 4 KiB", "put"),
    Work("put4k-1", "PUT 4 KiB", "put", connections=1),
    Work("get4k", "GET 4 KiB", "get", objects=5000),
    Work("head", "HEAD", "head", objects=5000),
    Work("mixed", "mixed 64 KiB", "mixed", size=64 * KIB, objects=1000),
    Work("put10m", "PUT 10 MiB", "put", size=10 * MIB, connections=4, per="MiB"),
    Work("get10m", "GET 10 MiB", "get", size=10 * MIB, connections=4, objects=8, per="MiB"),
    Work("get10m-tls", "GET 10 MiB, TLS", "get", size=10 * MIB, connections=4, objects=8, per="MiB", tls=True),
    Work("put4k-open", "PUT 4 KiB, 300/s due", "put", rate=300),
    Work("get4k-open", "GET 4 KiB, 1,000/s due", "get", objects=5000, rate=1000),
]
LIST = Work("list", "LIST, pages of 1,000", "list", size=KIB, connections=4, per="key")
CONNECTIONS = [Work(f"connections-{n}", "PUT and GET 4 KiB in halves", "putget", connections=n, objects=5000, group="connections",
                    ours_only=True) for n in (16, 100, 1000, 10000)]
# Not one run of the generator each: `flat` is a bucket of 1 KiB objects (space, first page, whole listing), `memory` start,
# idle and peak, `syncs` counts them by strace, `limits` is the machine's.
OTHERS = ["flat", "memory", "syncs", "limits"]


def names():
    return [work.name for work in OBJECTS] + ["list", "connections"] + OTHERS
