#!/usr/bin/env python3
"""Instances with two hash-lock parties over the wire, made without the library.

votes.py PORT GROUP.PUB DOMAIN TEST: one of the functions below; replica i listens on PORT + i of the
loopback interface. nsupdate: prints a script that votes, for a tool."""
import base64
import hashlib
import os
import socket
import struct
import sys
import threading
import time

AGREE, PROPOSE, WAIT, EDE = 65400, 65401, 65001, 15
APPROVE, VETO, OBSERVE = 1, 2, 3
PENDING, DECIDED, ABORTED, UNKNOWN = 1, 2, 3, 4
port, key, domain = 0, b"", ""


def tag(text):
    return text.encode().ljust(16, b"\0")


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def name(text):
    return b"".join(bytes([len(x)]) + x.encode() for x in text.split(".")) + b"\0"


class Instance:
    """Both parties have to agree on "go" before the deadline. They have these keys, or secrets; without parties it
    is open."""

    def __init__(self, label, deadline, k=2, start=0, parties=(None, None)):
        fixed, label = b"\x01\x02go" if None in parties else b"\0", label.encode()
        terms = (bytes([1, k]) + deadline.to_bytes(5, "big") + start.to_bytes(5, "big") + fixed
                 + bytes([len(label)]) + label + os.urandom(16) + bytes([len(parties)])
                 + b"".join(b"\0" if p is None else b"\x01" + p for p in parties))
        self.id = deadline.to_bytes(5, "big") + sha(tag("agree1-instance"), key, terms)
        locked = [i for i, p in enumerate(parties) if p is None]
        self.secrets = {(i, b): os.urandom(32) for i in locked for b in (0, 1)}
        locks = b"".join(sha(tag("agree1-lock"), self.id, bytes([i, b]), self.secrets[i, b])
                         for i in locked for b in (1, 0))
        self.descriptor = terms + bytes([len(locked)]) + locks
        self.owner = base64.b32hexencode(self.id).decode().rstrip("=").lower() + "." + domain

    def propose(self, verb, party=255, secret=None, bare=False, value=b"go", signature=None):
        value = value if verb == APPROVE else b""
        credential = b"\0" if secret is None else b"\x02" + secret
        if signature is not None:
            credential = b"\x01" + signature
        descriptor = b"" if bare else self.descriptor
        return (bytes([1, verb]) + os.urandom(16) + bytes([party, len(value)]) + value + credential
                + struct.pack(">H", len(descriptor)) + descriptor)

    def vote(self, party, yes=True, bare=False):
        return self.propose(APPROVE if yes else VETO, party, self.secrets[party, int(yes)], bare)


def opt(wait):
    option = b"" if wait is None else struct.pack(">HHH", WAIT, 2, wait)
    return b"\0" + struct.pack(">HHIH", 41, 1232, 0, len(option)) + option


def update(instance, rdata, wait=None):
    return (struct.pack(">HHHHHH", 1, 0x2800, 1, 0, 1, 1) + name(domain) + struct.pack(">HH", 6, 1)
            + name(instance.owner) + struct.pack(">HHIH", PROPOSE, 1, 0, len(rdata)) + rdata
            + opt(wait))


def query(instance, wait=None, number=1):
    return (struct.pack(">HHHHHH", number, 0, 1, 0, 0, 1) + name(instance.owner)
            + struct.pack(">HH", AGREE, 1) + opt(wait))


class Client:
    def __init__(self, replica):
        self.socket = socket.create_connection(("127.0.0.1", port + replica))
        self.socket.settimeout(30)
        self.file = self.socket.makefile("rb")

    def send(self, *messages):
        self.socket.sendall(b"".join(struct.pack(">H", len(m)) + m for m in messages))

    def receive(self):
        return Reply(self.file.read(struct.unpack(">H", self.file.read(2))[0]))

    def ask(self, message):
        self.send(message)
        return self.receive()


class Reply:
    def __init__(self, octets):
        self.octets, self.status, self.ede, self.text = octets, None, None, ""
        _, flags, *counts = struct.unpack(">HHHHHH", octets[:12])
        self.rcode, at = flags & 15, 12
        for _ in range(counts[0]):
            at = self.skip(at) + 4
        for _ in range(sum(counts[1:])):
            at = self.skip(at)
            kind, _, _, length = struct.unpack(">HHIH", octets[at:at + 10])
            self.take(kind, octets[at + 10:at + 10 + length])
            at += 10 + length

    def skip(self, at):
        while self.octets[at]:
            if self.octets[at] >= 192:
                return at + 2
            at += self.octets[at] + 1
        return at + 1

    def take(self, kind, rdata):
        at = 0
        if kind == AGREE:
            tally = 4 + rdata[3] + 1
            self.status, self.reason = rdata[1], rdata[2]
            self.yes, self.no = struct.unpack(">II", rdata[tally:tally + 8])
            proof = tally + 24
            for length in 32, 16:  # terms digest, nonce
                proof += 1 + length * rdata[proof]
            self.batch_ms = struct.unpack(">Q", rdata[proof + 12:proof + 20])[0]
        while kind == 41 and at < len(rdata):
            code, length = struct.unpack(">HH", rdata[at:at + 4])
            if code == EDE:
                self.ede = struct.unpack(">H", rdata[at + 4:at + 6])[0]
                self.text = rdata[at + 6:at + 4 + length].decode()
            at += 4 + length


def expect(what, **is_so):
    for field, value in is_so.items():
        if getattr(what, field) != value:
            sys.exit("%s is %r, not %r" % (field, getattr(what, field), value))


def soon(seconds):
    return int(time.time()) + seconds


# ---- tests ----

def commit():
    """One registration, two votes by the id alone, waits on three replicas."""
    i, clients = Instance("commit", soon(60)), [Client(r) for r in range(4)]
    expect(clients[0].ask(update(i, i.propose(OBSERVE))), rcode=0, status=PENDING, yes=0, no=0)
    for c in clients[:3]:
        c.send(query(i, 30))
    expect(clients[3].ask(update(i, i.vote(0, bare=True))), rcode=0, status=PENDING, yes=1)
    forged = i.propose(APPROVE, 1, os.urandom(32), bare=True)
    expect(clients[3].ask(update(i, forged)), rcode=5, ede=49159)
    expect(clients[3].ask(update(i, i.vote(1, bare=True))), rcode=0, status=DECIDED, yes=3)
    for c in clients[:3]:
        expect(c.receive(), rcode=0, status=DECIDED, yes=3)


def veto():
    i, c = Instance("veto", soon(60)), Client(1)
    expect(c.ask(update(i, i.vote(1, yes=False))), status=ABORTED, reason=1, no=2)
    expect(c.ask(update(i, i.vote(0))), status=ABORTED, reason=1, yes=0)


def deadline(parties=(None, None), k=2):
    """Without traffic, within 100 ms of the deadline by the primary's clock, which the batch shows."""
    c, late = Client(2), []
    for n in range(5):
        at = soon(2)
        i = Instance("deadline %d" % n, at, k=k, parties=parties)
        reply = c.ask(update(i, i.propose(OBSERVE), 30))
        expect(reply, status=ABORTED, reason=3)
        late.append(reply.batch_ms - at * 1000)
    print("T is behind the deadlines by %s ms" % late)
    if min(late) < 0 or sorted(late)[2] > 100:  # this host may be busy
        sys.exit("not within 100 ms of the deadlines")


def open_deadline():
    """Nothing is registered of it: the replica that is asked sees to it."""
    deadline((), 1)


def says(reply, text):
    if not reply.text.startswith(text):
        sys.exit("it says: " + reply.text)


def bad_terms():
    """Each is refused with an error of its own, and nothing is stored."""
    c, now, one, two = Client(0), soon(0), b"\1" * 32, b"\2" * 32
    renamed = Instance("bad", now + 60)
    renamed.descriptor = renamed.descriptor.replace(b"bad", b"bae")
    rows = [
        (Instance("bad", now + 60, parties=(one, one)), 49156, "two parties have the same key"),
        (Instance("bad", now + 60, k=3), 49156, "k is above the number of parties"),
        (Instance("bad", now + 60, k=0, parties=(one, two)), 49156, "k is 0"),
        (Instance("a\x1b[2J", now + 60), 49156, "the label has a control character"),
        (Instance("a\u009b2J", now + 60), 49156, "the label has a control character"),
        (Instance("bad", now + 60, start=now + 60), 49156, "the start is not before"),
        (Instance("bad", now + 3650 * 86400), 49160, "in "),
        (renamed, 49154, ""),
    ]
    for i, ede, text in rows:
        reply = c.ask(update(i, i.propose(OBSERVE)))
        expect(reply, rcode=5, ede=ede)
        says(reply, text)
        expect(c.ask(query(i)), status=UNKNOWN)
    i = Instance("bad", now + 60)
    expect(c.ask(update(i, i.propose(OBSERVE)[:-1])), rcode=1, ede=49153)
    i = Instance("bad", now - 60)  # no error, but the outcome
    expect(c.ask(update(i, i.propose(OBSERVE))), rcode=0, status=ABORTED, reason=3)


def too_early():
    c, now = Client(0), soon(0)
    i = Instance("early", now + 90, k=1, start=now + 60, parties=())
    reply = c.ask(update(i, i.propose(APPROVE, value=b"me")))
    expect(reply, rcode=5, ede=49162)
    says(reply, "in ")
    if not 1 <= int(reply.text.split()[1]) <= 60:
        sys.exit("it says: " + reply.text)
    expect(c.ask(query(i)), status=UNKNOWN)


def bad_votes():
    """Refused before the instance is registered and behind that; nobody has voted then."""
    c, i = Client(0), Instance("bad", soon(60))
    for bare in False, True:
        for verb, party, secret, value, ede in (
                (APPROVE, 0, i.secrets[0, 1], b"no", 49157),   # another value than the fixed one
                (APPROVE, 0, i.secrets[0, 0], b"go", 49159),   # the secret of the other answer
                (APPROVE, 1, i.secrets[0, 1], b"go", 49159),   # of the other party
                (VETO, 0, os.urandom(32), b"", 49159),
                (APPROVE, 2, i.secrets[0, 1], b"go", 49158),   # there is no third party
                (APPROVE, 255, None, b"go", 49158)):
            rdata = i.propose(verb, party, secret, bare, value)
            expect(c.ask(update(i, rdata)), rcode=5, ede=ede)
        if not bare:
            expect(c.ask(query(i)), status=UNKNOWN)
            expect(c.ask(update(i, i.propose(OBSERVE))), status=PENDING, yes=0, no=0)
    expect(c.ask(query(i)), status=PENDING, yes=0, no=0)
    i = Instance("bad", soon(60), parties=(b"\1" * 32, b"\2" * 32))
    expect(c.ask(update(i, i.propose(APPROVE, 0, signature=os.urandom(64)))), rcode=5, ede=49159)
    expect(c.ask(query(i)), status=UNKNOWN)


def other_locks():
    """Somebody registers the same terms with locks of his own: no secret counts, and all see it."""
    i, other = Instance("locks", soon(60)), Client(0)
    false = i.descriptor[:-128] + os.urandom(128)
    rdata = i.propose(OBSERVE)[:-len(i.descriptor)] + false
    expect(other.ask(update(i, rdata)), status=PENDING)
    expect(Client(1).ask(update(i, i.vote(0))), rcode=5, ede=49180)


def time_up():
    i, c = Instance("time", soon(60)), Client(3)
    began = time.time()
    expect(c.ask(update(i, i.vote(0), 2)), status=PENDING, yes=1)
    if not 1.9 <= time.time() - began < 4:
        sys.exit("answered after %.3f s" % (time.time() - began))


def many():
    """Ten thousand waits on five connections to one replica, and the replica answers others."""
    i, connections = Instance("many", soon(12)), [Client(3) for _ in range(5)]
    expect(connections[0].ask(update(i, i.propose(OBSERVE))), status=PENDING)
    answers = []

    def reader(c):
        for _ in range(2000):
            answers.append(c.receive().status)

    threads = [threading.Thread(target=reader, args=(c,)) for c in connections]
    for c in connections:
        c.send(*(query(i, 60, n + 1) for n in range(2000)))
    for thread in threads:
        thread.start()
    time.sleep(1)
    began = time.time()
    expect(Client(3).ask(query(i)), status=PENDING)
    if time.time() - began > 1 or answers:
        sys.exit("%d answers early, another asker waited %.3f s" % (len(answers), time.time() - began))
    for thread in threads:
        thread.join()
    if answers != [ABORTED] * 10000:
        sys.exit("%d answers, not all of them ABORTED" % len(answers))


def nsupdate():
    i = Instance("tool", soon(600))
    rdata = i.vote(0)
    print("server 127.0.0.1 %d\nzone %s\nupdate add %s 0 TYPE65401 \\# %d %s\nsend"
          % (port, domain, i.owner, len(rdata), rdata.hex()))


def main():
    global port, key, domain
    port, domain = int(sys.argv[1]), sys.argv[3]
    with open(sys.argv[2], encoding="ascii") as file:
        key = base64.urlsafe_b64decode(file.read().strip()[:43] + "=")
    tests = {f.__name__: f for f in (commit, veto, deadline, open_deadline, bad_terms, too_early, bad_votes,
                                     other_locks, time_up, many, nsupdate)}
    tests[sys.argv[4]]()


if __name__ == "__main__":
    main()
