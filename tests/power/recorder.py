"""nbdkit plugin (`nbdkit python recorder.py image=FILE log=FILE`): a disk in a file that records every write and flush.

An entry of the log is kind (W or F), time of the monotonic clock in ns when the call came, offset, length; then the bytes.
Calls come one at a time, so a call that was answered lies before every one that came later.
"""

import os
import struct
import time

API_VERSION = 2
ENTRY = struct.Struct(">cQQQ")
state = {}


def config(key, value):
    state[key] = value


def config_complete():
    state["fd"] = os.open(state["image"], os.O_RDWR)
    state["out"] = os.open(state["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def open(_readonly):  # the name that nbdkit looks for
    return state["fd"]


def get_size(fd):
    return os.fstat(fd).st_size


def pread(fd, buffer, offset, _flags):
    read = os.preadv(fd, [buffer], offset)
    assert read == len(buffer)


def pwrite(fd, buffer, offset, _flags):
    os.write(state["out"], ENTRY.pack(b"W", time.monotonic_ns(), offset, len(buffer)) + bytes(buffer))
    os.pwrite(fd, buffer, offset)


def flush(_fd, _flags):
    os.write(state["out"], ENTRY.pack(b"F", time.monotonic_ns(), 0, 0))
