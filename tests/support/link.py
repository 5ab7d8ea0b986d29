"""A TCP link on loopback that a test can cut, mend and lead elsewhere."""

import socket
import struct
import threading


class Link:
    """Forwards connections to `target` ("host:port"). Cut: every connection is reset, new ones are too."""

    def __init__(self, target):
        self.target = target
        self._lock = threading.Lock()
        self._open = set()
        self._is_cut = False
        self._swallow = False
        self.carried = 0  # bytes from clients to the target
        self.swallowed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        with self._lock:
            self._is_cut = True
            for connection in self._open:
                reset(connection)
            self._open.clear()

    def mend(self, target=None):
        with self._lock:
            self.target = target or self.target
            self._is_cut = False
            self._swallow = False

    def swallow_answers(self):
        """From now on: the handshake passes and so does what the client says then; answers to that never arrive."""
        self.swallowed.clear()
        self._swallow = True

    def close(self):
        self.cut()
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with self._lock:
            if self._is_cut:
                reset(client)
                return
            host, port = self.target.rsplit(":", 1)
            self._open.add(client)
        try:
            server = socket.create_connection((host, int(port)), timeout=10)
        except OSError:
            reset(client)
            return
        server.settimeout(None)
        with self._lock:
            self._open.add(server)
            if self._is_cut:
                reset(client)
                reset(server)
                return
        state = {"answered": False, "said_more": False}
        threading.Thread(target=self._pump, args=(server, client, state, False), daemon=True).start()
        self._pump(client, server, state, True)

    def _pump(self, source, sink, state, is_client):
        try:
            while data := source.recv(65536):
                if is_client:
                    state["said_more"] = state["said_more"] or state["answered"]
                    sink.sendall(data)
                    with self._lock:
                        self.carried += len(data)
                elif self._swallow and state["said_more"]:
                    self.swallowed.set()
                else:
                    state["answered"] = True
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            reset(source)
            reset(sink)


def reset(connection):
    """Closes with RST, whoever reads or writes it now."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()
