#!/usr/bin/env python3
"""Holds the rules of the house against the sources: the table of rooms, banned calls, sizes, headers.

Prints one line a finding and exits 1 when there is any. Run by `./dev check`.
"""
import os
import re
import sys

RANKS = {"base": 0, "crypto": 1, "format": 1, "storage": 2, "net": 2, "journal": 3, "audit": 3, "control": 4, "access": 5,
         "gate": 6, "objects": 7, "registry": 8, "fleet": 8, "sync": 8, "compute": 9, "api": 10, "node": 11, "cli": 12,
         "sim": 12, "app": 13}
# Rooms that see only a few others, whatever their rank.
ONLY = {"cli": {"base", "net", "format", "crypto", "access"}, "gate": {"base", "crypto", "format", "storage", "audit", "access"}}
# Where a library's headers may be included; everything else goes through the room that wraps it.
WRAPPED = [
    (r"<rocksdb/", ("src/storage/local/", "bench/")),
    (r"<openssl/", ("src/crypto/", "src/net/")),
    (r"<boost/beast", ("src/net/",)),
    (r"<boost/asio/(ssl|ip|local|posix)", ("src/net/",)),
    (r"\.pb\.h\"", ("src/format/",)),
    (r"<spdlog/", ("src/base/log",)),
    (r"<toml\+\+", ("src/base/settings",)),
    (r"<expat", ("src/api/s3/",)),
    (r"<archive", ("src/registry/", "src/compute/", "src/api/admin/", "src/cli/", "src/app/")),
    (r"<CLI/", ("src/cli/", "src/app/")),
    (r"<yaml", ("src/compute/",)),
    (r"<(fcntl|sys/stat|sys/statvfs|sys/file|sys/uio|dirent)\.h>",
     ("src/storage/posix_", "src/net/", "src/compute/", "src/registry/", "src/app/", "bench/")),
    (r"<(sys/socket|netinet/\w+|arpa/inet|sys/un|netdb|sys/epoll)\.h>", ("src/net/", "src/app/", "bench/")),
    (r"<poll\.h>", ("src/net/", "src/app/", "bench/", "src/compute/process.cc")),
    (r"<(spawn|sched|sys/wait|sys/mount|sys/prctl)\.h>", ("src/compute/", "src/app/", "src/storage/crash/")),
    (r"<(fstream|filesystem)>", ("src/storage/posix_", "src/compute/", "src/app/demo")),
    (r"<thread>", ("src/base/thread.h",)),
]
# Time, randomness, threads, files and sockets come only through their rooms, so that a node can run on a virtual world.
BANNED = [
    (r"\b(system_clock|steady_clock|high_resolution_clock)::now\b|\b(clock_gettime|gettimeofday)\s*\(|\btime\s*\(\s*(NULL|nullptr|0)\s*\)",
     "a clock outside base/clock.cc", ("src/base/clock.cc",)),
    (r"\bstd::random_device\b|\bRAND_bytes\b|\b(rand|random|srand)\s*\(\s*\)|\bgetrandom\s*\(|\bmt19937", "randomness outside base/random",
     ("src/base/random.",)),
    (r"\bstd::(thread|jthread|async)\b(?!::hardware)", "a thread outside base/thread", ("src/base/thread.",)),
    (r"(?<![\w>:])::(open|unlink|rename|mkdir|rmdir|read|write|close|stat)\s*\(|(?<![\w.>:])(openat2?|creat|fopen|fdopen|fsync|fdatasync|pwrite|pread|preadv2|ftruncate|fallocate)\s*\(",
     "a raw file call outside the file-system seam", ("src/storage/posix_", "src/net/", "src/compute/", "src/registry/", "src/app/")),
    (r"\bstd::(ofstream|ifstream|fstream)\b|std::filesystem", "a raw file outside the file-system seam",
     ("src/storage/posix_", "src/compute/", "src/app/demo")),
    (r"(?<![\w>:])::(socket|connect|accept4?|bind|listen|sendmsg|recvmsg)\s*\(", "a raw socket outside net", ("src/net/", "src/app/")),
    (r"(?<![\w.>:])(::)?(fork|vfork|execve?|execvp|posix_spawnp?|popen)\s*\(|(?<![\w>:])::system\s*\(", "a process started outside its file",
     ("src/compute/", "src/app/")),
    (r"\bdetach\s*\(\s*\)|asio::detached", "work without an owner", ()),
    (r"\bstd::(cout|cerr)\b|(?<!f)(?<!sn)\bprintf\s*\(", "output outside log and cli",
     ("src/cli/", "src/app/", "src/sim/", "src/base/assert.cc")),
    (r"\bDOCTEST_CONFIG_DISABLE|\bNOLINTBEGIN", "a check switched off", ()),
]
MAIN = re.compile(r"_(main|fuzz|bench|test)\.cc$")
MAX_LINES = {".h": 400, ".cc": 800}


def strip_comments(text):
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)
    return re.sub(r"//[^\n]*", "", text)


def room_of(path):
    parts = path.split("/")
    return parts[1] if len(parts) > 2 and parts[0] == "src" else None


def check_file(path, findings):
    raw = open(path, encoding="utf-8").read()
    text = strip_comments(raw)
    room = room_of(path)
    is_program = bool(MAIN.search(path)) or "/testing/" in path or "/crash/" in path
    lines = raw.count("\n") + 1
    if lines > MAX_LINES[os.path.splitext(path)[1]] and not path.endswith("_test.cc") and "/testing/" not in path:
        findings.append(f"{path}: {lines} lines; is there a second thing in it that wants its own file?")
    if path.endswith(".h") and not raw.lstrip().startswith(("#pragma once", "//")):
        findings.append(f"{path}: starts without #pragma once")
    for number, line in enumerate(text.split("\n"), 1):
        where = f"{path}:{number}"
        include = re.match(r'\s*#include\s+"([a-z_0-9]+)/', line)
        if include and room and include.group(1) in RANKS and include.group(1) != room:
            other = include.group(1)
            if RANKS[other] >= RANKS[room]:
                findings.append(f"{where}: {room} (rank {RANKS[room]}) includes {other} (rank {RANKS[other]})")
            if room in ONLY and other not in ONLY[room] and not is_program:
                findings.append(f"{where}: {room} may include only {', '.join(sorted(ONLY[room]))}")
        if re.match(r"\s*#include", line):
            for pattern, places in WRAPPED:
                if re.search(pattern, line) and not path.startswith(places) and not is_program:
                    findings.append(f"{where}: {line.strip()} belongs in {', '.join(places)}")
            if path.endswith(".h") and "base/task.h" in line and "// Internal to the room" not in raw:
                findings.append(f"{where}: headers include base/task_fwd.h")
            continue
        code = re.sub(r'"(\\.|[^"\\])*"', '""', line)
        for pattern, what, places in BANNED:
            if is_program or (places and path.startswith(places)):
                continue
            if re.search(pattern, code):
                findings.append(f"{where}: {what}: {line.strip()[:80]}")
    if room and re.search(r"\b(TODO|FIXME|XXX|HACK)\b", raw):
        findings.append(f"{path}: a line that promises work instead of doing it")


def check_settings(findings):
    """A setting that nothing reads would be taken and have no effect."""
    table = "src/base/settings_table.cc"
    used = ""
    for base, _, names in os.walk("src"):
        for name in names:
            path = os.path.join(base, name)
            if name.endswith(".cc") and not MAIN.search(path) and path != table:
                used += open(path, encoding="utf-8").read()
    for key in re.findall(r'^    \{"([^"]+)"', open(table, encoding="utf-8").read(), re.M):
        if f'"{key}"' not in used:
            findings.append(f"{table}: nothing reads {key}")


def check_settings_page(findings):
    """docs/settings.md names every setting and bound as the sources have them."""
    import settings_page
    if not settings_page.is_in_step():
        findings.append(f"{settings_page.PAGE}: not what the sources say: run tools/settings_page.py")


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    findings = []
    count = 0
    for base, _, names in os.walk("src"):
        for name in sorted(names):
            if name.endswith((".h", ".cc")):
                check_file(os.path.join(base, name), findings)
                count += 1
    for room in sorted(os.listdir("src")):
        if os.path.isfile(f"src/{room}/CMakeLists.txt"):
            if room not in RANKS:
                findings.append(f"src/{room}: a room without a rank")
            if not os.path.isfile(f"src/{room}/README.md"):
                findings.append(f"src/{room}: a room without a README.md")
    check_settings(findings)
    check_settings_page(findings)
    for line in findings:
        print(line)
    print(f"house: {count} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
