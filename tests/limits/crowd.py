"""Many connections of one principal, each sending one signed PUT again and again as fast as it is answered.

    python3 -m tests.limits.crowd PORT CONNECTIONS      the request, head and body, comes on standard input

Ends when standard output's reader goes or standard input's writer says "stop"; then prints {status: count, ...} and whether every
503 was SlowDown with Retry-After, as JSON. A process of its own, so that it does not share an interpreter with who is measured.
"""

import collections
import json
import selectors
import socket
import sys


class Client:
    def __init__(self, port, request):
        self.request = request
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.unsent = b""
        self.got = b""

    def begin(self):
        self.unsent, self.got = self.request, b""
        self.push()

    def push(self):
        while self.unsent:
            try:
                self.unsent = self.unsent[self.socket.send(self.unsent):]
            except BlockingIOError:
                return

    def answer(self):
        """(status, head, body) when a whole answer is there."""
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("closed")
        self.got += data
        head, end, body = self.got.partition(b"\r\n\r\n")
        if not end:
            return None
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        return (int(head.split(b" ", 2)[1]), head, body) if len(body) >= length else None


def main():
    port, connections = int(sys.argv[1]), int(sys.argv[2])
    size = int(sys.stdin.buffer.readline())
    request = sys.stdin.buffer.read(size)
    counts, bad = collections.Counter(), []
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin.buffer, selectors.EVENT_READ, None)

    def start():
        client = Client(port, request)
        selector.register(client.socket, selectors.EVENT_READ, client)
        client.begin()

    for _ in range(connections):
        start()
    print("started", flush=True)
    running = True
    while running:
        for key, _ in selector.select(10):
            client = key.data
            if client is None:
                running = False
                continue
            try:
                client.push()
                answer = client.answer()
            except OSError:
                counts["cut"] += 1
                selector.unregister(client.socket)
                client.socket.close()
                start()
                continue
            if not answer:
                continue
            status, head, body = answer
            counts[status] += 1
            if status == 503 and (b"<Code>SlowDown</Code>" not in body or b"retry-after: " not in head.lower()):
                bad.append(answer)
            client.begin()
    print(json.dumps({"counts": counts, "bad": [repr(one)[:500] for one in bad[:3]]}), flush=True)


if __name__ == "__main__":
    main()
