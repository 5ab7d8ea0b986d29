#!/usr/bin/env python3
"""Power cuts below a real file system: whatever the disk kept, the kernel mounts it and every acknowledged write is there.

    python3 tests/power/images.py [--fs ext4|xfs] [--images 100] [--rounds 200] [--seed N]
    python3 tests/power/images.py --plant no-wal-sync [--fs ...]      a store with that bug: must find a loss
                                                                       (also no-body-sync; a forgotten directory sync does
                                                                       no harm on these two: a file's sync takes its name
                                                                       along)

The store of `storage_image` works on a file system whose disk is recorder.py (nbdkit, nbdfuse, a loop device): every
write and every flush is recorded, and outside of it what was acknowledged when. An image is the disk at a random
moment: everything up to the last flush before it, and of the writes since then a random choice (all, none, a prefix, or
each by chance, some of them torn at a sector). It is mounted (the kernel replays its journal), the store is opened and
held against what was acknowledged by then. Needs root, a loop device, FUSE, nbdkit with its Python plugin, nbdfuse.
Exit code 0: nothing lost; 1: a loss, with how to replay; 3: not tested, with what is missing.
"""

import argparse
import contextlib
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NOT_TESTED = 3
SECTOR = 512
# The smallest that each makes with its journal.
SIZES = {"ext4": 96 << 20, "xfs": 320 << 20}
MAKE = {"ext4": ["mkfs.ext4", "-q", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0"], "xfs": ["mkfs.xfs", "-q", "-K"]}


def why_not(fs):
    """What this machine lacks; empty when nothing."""
    if os.geteuid() != 0:
        return "root"
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    for program in ("nbdkit", "nbdfuse", "fusermount3", "losetup", "mount", f"mkfs.{fs}"):
        if not shutil.which(program, path=path):
            return program
    for device in ("/dev/fuse", "/dev/loop-control"):
        if not os.path.exists(device):
            return device
    if subprocess.run(["nbdkit", "python", "--dump-plugin"], capture_output=True, check=False).returncode != 0:
        return "nbdkit's Python plugin"
    return ""


def find_program():
    given = os.environ.get("STORAGE_IMAGE")
    for path in [pathlib.Path(given)] if given else [ROOT / f"build/{kind}/src/storage/storage_image" for kind in ("release", "debug")]:
        if path.exists():
            return str(path)
    raise SystemExit("images: no storage_image; build it (`./dev crash` does) or name it by STORAGE_IMAGE")


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def wait_for(what, seconds=20):
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            raise RuntimeError("the recording disk did not come up")
        time.sleep(0.02)


@contextlib.contextmanager
def loop_of(file):
    device = run("losetup", "-f", "--show", file)
    try:
        yield device
    finally:
        run("losetup", "-d", device)


@contextlib.contextmanager
def mounted(device, at, fs):
    at.mkdir(exist_ok=True)
    # xfs: images of one disk have one UUID.
    run("mount", "-t", fs, *(["-o", "nouuid"] if fs == "xfs" else []), device, at)
    try:
        yield at
    finally:
        run("umount", at)


@contextlib.contextmanager
def recorded(image, log, nbd):
    """The path of a file that is the image, and records."""
    nbd.touch()
    server = subprocess.Popen(["nbdfuse", str(nbd), "--command", "nbdkit", "-s", "python", str(HERE / "recorder.py"),
                               f"image={image}", f"log={log}"])
    try:
        wait_for(lambda: nbd.stat().st_size == image.stat().st_size)
        yield nbd
    finally:
        if server.poll() is None:
            run("fusermount3", "-u", nbd)
        server.wait(30)


def entries(log):
    """(kind, time, offset, bytes) of each entry; the bytes are read as they are needed."""
    from tests.power.recorder import ENTRY
    with open(log, "rb") as file:
        while len(head := file.read(ENTRY.size)) == ENTRY.size:
            kind, when, offset, length = ENTRY.unpack(head)
            yield kind, when, offset, file.read(length)


def chosen(source, writes):
    """What of the writes since the last flush arrived, in the order in which they were sent."""
    how = source.randrange(4)
    if how == 0:
        return list(writes)
    if how == 1:
        return writes[:source.randrange(len(writes) + 1)]
    kept = []
    for offset, data in writes:
        if source.random() < 0.5:
            continue
        if how == 3 and len(data) > SECTOR and source.random() < 0.2:
            data = data[:source.randrange(1, len(data) // SECTOR) * SECTOR]
        kept.append((offset, data))
    return kept


class Campaign:
    def __init__(self, options, base):
        self.options, self.base = options, base
        self.program = find_program()
        self.image, self.log, self.answers = base / "disk.img", base / "disk.log", base / "answers.log"
        self.random = random.Random(f"images/{options.seed}")

    def record(self):
        """Makes the file system and runs the load on it. What is recorded begins with the load."""
        with open(self.image, "wb") as file:
            file.truncate(SIZES[self.options.fs])
        run(*MAKE[self.options.fs], self.image)
        run("cp", "--sparse=always", self.image, self.base / "replayed.img")
        with recorded(self.image, self.log, self.base / "nbd") as nbd, loop_of(nbd) as device, \
                mounted(device, self.base / "at", self.options.fs) as at:
            print(run(self.program, "run", at / "store", self.answers, "--seed", self.options.seed, "--rounds",
                      self.options.rounds, "--plant", self.options.plant))

    def cuts(self):
        """After which entries the power goes: between the first acknowledgement and the last."""
        with open(self.answers, encoding="ascii") as file:
            times = [int(line.split()[1]) for line in file if line.startswith("A ")]
        within = [number for number, entry in enumerate(entries(self.log)) if times[0] <= entry[1] <= times[-1]]
        flushes = sum(1 for entry in entries(self.log) if entry[0] == b"F")
        print(f"{len(within)} calls of the disk under load, {flushes} flushes in all")
        assert len(within) > 100 and flushes > 50, "the recording has too little in it"
        return sorted(self.random.choices(within[:-1], k=self.options.images))

    def replay(self):
        """The number of images that held; raises Lost."""
        cuts = self.cuts()
        done, number, since, pending = 0, 0, [], None
        with open(self.base / "replayed.img", "r+b", buffering=0) as disk:
            for number, (kind, when, offset, data) in enumerate(entries(self.log)):
                while pending is not None and done < len(cuts) and cuts[done] == number - 1:
                    self.check(since, when, number - 1)
                    done += 1
                if kind == b"F":
                    for at, block in since:
                        os.pwrite(disk.fileno(), block, at)
                    since = []
                else:
                    since.append((offset, data))
                pending = number
        return done

    def check(self, since, until, number):
        copy = self.base / "cut.img"
        run("cp", "--sparse=always", self.base / "replayed.img", copy)
        kept = chosen(self.random, since)
        with open(copy, "r+b", buffering=0) as disk:
            for at, block in kept:
                os.pwrite(disk.fileno(), block, at)
        where = f"cut after call {number}, {len(kept)} of {len(since)} unflushed writes kept"
        try:
            with loop_of(copy) as device, mounted(device, self.base / "cut", self.options.fs) as at:
                done = subprocess.run([self.program, "verify", str(at / "store"), str(self.answers), "--until", str(until)],
                                      capture_output=True, text=True, check=False)
        except RuntimeError as error:
            raise Lost(f"{where}: {error}") from None
        if done.returncode != 0:
            raise Lost(f"{where}: {done.stdout}{done.stderr}")


class Lost(Exception):
    pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fs", choices=list(SIZES), default="ext4")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plant", default="none", choices=["none", "no-wal-sync", "no-body-sync"])
    options = parser.parse_args()
    if missing := why_not(options.fs):
        print(f"images: NOT TESTED: power cuts on {options.fs} need {missing}")
        return NOT_TESTED
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # nothing stays mounted
    replay = (f"python3 tests/power/images.py --fs {options.fs} --images {options.images} --rounds {options.rounds} "
              f"--seed {options.seed} --plant {options.plant}")
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="demilune-images-", dir=memory) as base:
        campaign = Campaign(options, pathlib.Path(base))
        campaign.record()
        began = time.monotonic()
        try:
            done = campaign.replay()
        except Lost as lost:
            print(f"LOST: {lost}\nagain (the recording differs each time): {replay}")
            return 0 if options.plant != "none" else 1
        seconds = time.monotonic() - began
    print(f"images: {options.fs}, {done} images, 0 lost, {done / seconds * 60:.0f} a minute")
    if options.plant != "none":
        print("but a loss was expected: the check can't see it")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
