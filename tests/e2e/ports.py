"""What listens in tests: ports for programs, and an HTTP server of our own."""
import http.server
import random
import socket

_choice = random.SystemRandom()  # tests seed the module's own generator
_given = set()


def _lowest_outgoing():
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
            return int(file.read().split()[0])
    except OSError:
        return 32768


def free_port():
    """A port that nobody listens on, and below those that outgoing connections are given: one of
    those may be somebody else's again before the server that it is meant for begins to listen."""
    highest = max(_lowest_outgoing(), 12000)
    for _ in range(1000):
        port = _choice.randrange(10000, highest)
        with socket.socket() as s:
            try:
                s.bind(("0.0.0.0", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port
    raise AssertionError("no free port in 1000 attempts")


class HttpServer(http.server.ThreadingHTTPServer):
    """Many may come at once: the sixth to wait for the library's own server is turned away, and
    comes again after a second."""
    request_queue_size = 256
    daemon_threads = True
