#!/usr/bin/env python3
"""Many agreements at once, on four connections, one for each replica.

votes_load.py PORT GROUP.PUB DOMAIN KIND COUNT [WINDOW]

open      one proposal each
secrets   a registration and two votes by hash lock, each of which waits for the outcome
keys      the same with Ed25519 signatures
waits     COUNT waits for one instance on replica 0, which ends with standard input
"""
import base64
import os
import pathlib
import sys
import threading

sys.dont_write_bytecode = True
TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path += [str(TESTS / "e2e"), str(TESTS / "vectors")]
import second  # noqa: E402
import votes  # noqa: E402

REPLICAS = 4


class Signer:
    """Ed25519 without a library; slow, so all is signed before anything is sent."""

    def __init__(self, seed):
        h = second.sha512(seed)
        self.scalar = int.from_bytes(h[:32], "little") & (1 << 254) - 8 | 1 << 254
        self.prefix = h[32:]
        self.key = second.encode(second.times(self.scalar, second.BASE))

    def sign(self, message):
        r = int.from_bytes(second.sha512(self.prefix, message), "little") % second.L
        head = second.encode(second.times(r, second.BASE))
        k = int.from_bytes(second.sha512(head, self.key, message), "little") % second.L
        return head + ((r + k * self.scalar) % second.L).to_bytes(32, "little")


def pipeline(replica, messages, window, status):
    """Sends them with so many under way; each answer has to have this status."""
    client, slots, wrong = votes.Client(replica), threading.Semaphore(window), []
    client.socket.settimeout(120)

    def reader():
        for _ in messages:
            reply = client.receive()
            slots.release()
            if (reply.rcode, reply.status) != (0, status):
                wrong.append((reply.rcode, reply.status, reply.text))

    thread = threading.Thread(target=reader)
    thread.start()
    for message in messages:
        slots.acquire()
        client.send(message)
    thread.join()
    client.socket.close()
    if wrong:
        print("%d answers are wrong, such as %s" % (len(wrong), wrong[0]), file=sys.stderr)
        os._exit(1)


def crowd(jobs):
    """A list of (replica, messages, window, status), at once."""
    threads = [threading.Thread(target=pipeline, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def spread(messages, first=0):
    return [((r + first) % REPLICAS, messages[r::REPLICAS]) for r in range(REPLICAS)]


def opens(count, window):
    instances = [votes.Instance("bench", votes.soon(600), k=1, parties=()) for _ in range(count)]
    messages = [votes.update(i, i.propose(votes.APPROVE)) for i in instances]
    return lambda: crowd([(r, m, window, votes.DECIDED) for r, m in spread(messages)])


def commits(instances, ballots, window):
    registrations = [votes.update(i, i.propose(votes.OBSERVE)) for i in instances]
    first, other = ([votes.update(i, b[p], 120) for i, b in zip(instances, ballots)] for p in (0, 1))

    def go():
        crowd([(r, m, window, votes.PENDING) for r, m in spread(registrations)])
        crowd([(r, m, len(m), votes.DECIDED) for r, m in spread(first)]
              + [(r, m, window, votes.DECIDED) for r, m in spread(other, 1)])
    return go


def by_secrets(count, window):
    instances = [votes.Instance("bench", votes.soon(600)) for _ in range(count)]
    return commits(instances, [[i.vote(p, bare=True) for p in (0, 1)] for i in instances], window)


def by_keys(count, window):
    signers = [Signer(os.urandom(32)) for _ in (0, 1)]
    instances = [votes.Instance("bench", votes.soon(600), parties=tuple(s.key for s in signers))
                 for _ in range(count)]
    ballots = []
    for i in instances:
        text = votes.tag("agree1-vote") + bytes([votes.APPROVE]) + i.id + b"\x02go"
        ballots.append([i.propose(votes.APPROVE, p, bare=True, signature=signers[p].sign(text))
                        for p in (0, 1)])
    return commits(instances, ballots, window)


def waits(count, _):
    client, instance = votes.Client(0), votes.Instance("waits", votes.soon(600))
    votes.expect(client.ask(votes.update(instance, instance.propose(votes.OBSERVE))),
                 status=votes.PENDING)
    client.send(*(votes.query(instance, 300, n & 65535) for n in range(count)))
    return lambda: client


KINDS = {"open": opens, "secrets": by_secrets, "keys": by_keys, "waits": waits}


def main():
    votes.port, votes.domain = int(sys.argv[1]), sys.argv[3]
    with open(sys.argv[2], encoding="ascii") as file:
        votes.key = base64.urlsafe_b64decode(file.read().strip()[:43] + "=")
    go = KINDS[sys.argv[4]](int(sys.argv[5]), int(sys.argv[6]) if len(sys.argv) > 6 else 128)
    print("ready", flush=True)
    sys.stdin.readline()
    go()
    print("done", flush=True)
    sys.stdin.readline()


main()
