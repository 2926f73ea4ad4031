#!/usr/bin/env python3
"""A relay that cuts connections: cut.py LISTEN TARGET OCTETS COUNT, ports of the loopback interface.

The first COUNT connections are cut when so many octets have passed, of both directions together; all
others are let through."""
import socket
import sys
import threading

listen, target, limit, count = map(int, sys.argv[1:])


def carry(one, other, passed):
    """passed: [octets, limit or None], of both directions."""
    try:
        while data := one.recv(512):
            if passed[1] is not None and passed[0] + len(data) >= passed[1]:
                other.sendall(data[:passed[1] - passed[0]])
                break
            passed[0] += len(data)
            other.sendall(data)
        else:
            other.shutdown(socket.SHUT_WR)
            return
    except OSError:
        pass
    for end in one, other:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


server = socket.create_server(("127.0.0.1", listen), backlog=64)
print("ready", flush=True)
while True:
    near, _ = server.accept()
    count -= 1
    try:
        far = socket.create_connection(("127.0.0.1", target))
    except OSError:
        near.close()
        continue
    passed = [0, limit if count >= 0 else None]
    for pair in (near, far), (far, near):
        threading.Thread(target=carry, args=(*pair, passed), daemon=True).start()
