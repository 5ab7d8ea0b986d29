"""A real file system of a few hundred MiB: an ext4 image, mounted by a loop device. Needs root."""

import contextlib
import os
import shutil
import subprocess


def why_not():
    """What this machine lacks for it; empty when nothing."""
    if os.geteuid() != 0:
        return "root"
    for program in ("mkfs.ext4", "mount", "umount", "losetup"):
        if not shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
            return program
    return "" if os.path.exists("/dev/loop-control") else "/dev/loop-control"


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stderr}"


@contextlib.contextmanager
def small_disk(base, mib):
    """The mount point of a new file system of `mib` MiB below `base`; unmounted at the end, whoever still uses it."""
    image, at = base / "disk.img", base / "disk"
    at.mkdir(parents=True)
    with open(image, "wb") as file:
        file.truncate(mib << 20)
    run("mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", str(image))
    run("mount", "-o", "loop", str(image), str(at))
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=False, capture_output=True)
        if os.path.ismount(at):
            run("umount", "-l", str(at))
        image.unlink()


def free_mib(at):
    space = os.statvfs(at)
    return space.f_bavail * space.f_frsize >> 20
