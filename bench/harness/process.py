"""Processes that this run started, ended by their own id; what /proc says of them; free ports; space used."""

import contextlib
import os
import pathlib
import resource
import signal
import socket
import ssl
import subprocess
import time

RUNNING = []
UNCHECKED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
UNCHECKED.check_hostname = False
UNCHECKED.verify_mode = ssl.CERT_NONE


def allow_files():
    """The soft limit of open files becomes the hard one; children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def start(command, log, env=None):
    """A child whose output goes to the file `log`, in a process group of its own: Ctrl-C reaches us alone, and we end it."""
    with open(log, "ab") as out:
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                   env={**os.environ, **(env or {})}, process_group=0)
    RUNNING.append(process)
    return process


def end(process, seconds=60, by=signal.SIGTERM):
    """Asks it to end and waits; kills it when it does not. True when it ended by itself."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(by)
    try:
        process.wait(seconds)
        return True
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    finally:
        if process in RUNNING:
            RUNNING.remove(process)


def end_all():
    for process in list(RUNNING):
        end(process, 20)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def memory_kib(pid, field):
    """VmRSS or VmHWM (the most so far)."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise OSError(f"no {field} of process {pid}")


def answers(port, tls):
    """Whether a server at that port of loopback answers a bare request with something other than 5xx."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
            stream = UNCHECKED.wrap_socket(peer) if tls else peer
            stream.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
            line = stream.recv(4096)
    except OSError:
        return False
    return line.startswith(b"HTTP/1.1 ") and not line.startswith(b"HTTP/1.1 5")


def wait_for_answer(process, port, tls, seconds=60):
    """Asks until there is an answer. False when the process ended or the time is over."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds and process.poll() is None:
        if answers(port, tls):
            return True
        time.sleep(0.001)
    return False


def run(command, seconds, env=None):
    """The finished command: exit status (None: it took longer and was ended), what it printed, what it complained of."""
    child = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, errors="replace", env={**os.environ, **(env or {})},
                             process_group=0)
    RUNNING.append(child)
    try:
        out, complaint = child.communicate(timeout=seconds)
        return child.returncode, out, complaint
    except subprocess.TimeoutExpired:
        return None, "", f"it took longer than {seconds:.0f} s"
    finally:
        end(child)


def space_used(directory):
    """Bytes of disk blocks below a directory, files and directories, each inode once."""
    total, seen = 0, set()
    for base, _, names in os.walk(directory):
        for path in [base] + [os.path.join(base, name) for name in names]:
            with contextlib.suppress(FileNotFoundError):
                entry = os.lstat(path)
                if entry.st_ino not in seen:
                    seen.add(entry.st_ino)
                    total += entry.st_blocks * 512
    return total
