#!/usr/bin/env python3
"""A second reader of the vectors, written from the draft and sharing nothing with the suite: its own
decoder, its own Ed25519. What it finds otherwise than the vectors say, it says; exit status 1 then."""
import base64
import hashlib
import hmac
import json
import os
import sys

FAILURES = []
CHECKS = 0


def check(condition, what):
    global CHECKS
    CHECKS += 1
    if not condition:
        FAILURES.append(what)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def sha512(*parts):
    return hashlib.sha512(b"".join(parts)).digest()


def tag(text):
    return text.encode().ljust(16, b"\0")


def uint(value, octets):
    return value.to_bytes(octets, "big")


# ---- Ed25519, RFC 8032 section 5.1 and 6 ----

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def recover(y, sign):
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P != 0:
        x = x * ROOT % P
    if (x * x - square) % P != 0 or (x == 0 and sign):
        return None
    return P - x if x % 2 != sign else x


def point(octets):
    y = int.from_bytes(octets, "little")
    x = recover(y & (2**255 - 1), y >> 255)
    return None if x is None else (x, y & (2**255 - 1), 1, x * (y & (2**255 - 1)) % P)


def add(a, b):
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    w, x, y, z = f - e, h - g, h + g, f + e
    return (w * x % P, y * z % P, x * y % P, w * z % P)


def times(k, a):
    out = (0, 1, 1, 0)
    while k:
        if k & 1:
            out = add(out, a)
        a = add(a, a)
        k >>= 1
    return out


def same(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def encode(a):
    inverse = pow(a[2], P - 2, P)
    return ((a[1] * inverse % P) | (a[0] * inverse % P & 1) << 255).to_bytes(32, "little")


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (recover(BASE_Y, 0), BASE_Y, 1, recover(BASE_Y, 0) * BASE_Y % P)
SMALL = {0, 1, P - 1}
for text in ("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
             "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"):
    SMALL.add(int.from_bytes(bytes.fromhex(text), "little"))


def key_is_usable(key):
    y = int.from_bytes(key, "little") & (2**255 - 1)
    return y < P and y not in SMALL


def verify(key, message, sig):
    a, r, s = point(key), point(sig[:32]), int.from_bytes(sig[32:], "little")
    if a is None or r is None or s >= L:
        return False
    h = int.from_bytes(sha512(sig[:32], key, message), "little") % L
    return same(times(s, BASE), add(r, times(h, a)))


# ---- layouts ----

class Bad(Exception):
    pass


class Reader:
    def __init__(self, octets):
        self.octets, self.at = octets, 0

    def take(self, n):
        if n > len(self.octets) - self.at:
            raise Bad("cut short")
        self.at += n
        return self.octets[self.at - n:self.at]

    def uint(self, n):
        return int.from_bytes(self.take(n), "big")

    def counted(self, n, most):
        size = self.uint(n)
        if size > most:
            raise Bad("too long")
        return self.take(size)

    def optional(self, get):
        there = self.uint(1)
        if there > 1:
            raise Bad("neither there nor not")
        return get() if there else None

    def end(self):
        if self.at != len(self.octets):
            raise Bad("octets left over")


def get_descriptor(octets):
    r = Reader(octets)
    d = {"version": r.uint(1), "k": r.uint(1), "deadline": r.uint(5), "start": r.uint(5)}
    d["fixed"] = r.optional(lambda: r.counted(1, 255))
    d["label"] = r.counted(1, 63)
    d["salt"] = r.take(16)
    count = r.uint(1)
    if count > 32:
        raise Bad("too many parties")
    d["parties"] = [r.optional(lambda: r.take(32)) for _ in range(count)]
    d["terms_octets"] = octets[:r.at]
    count = r.uint(1)
    if count > 32:
        raise Bad("too many locks")
    d["locks"] = [(r.take(32), r.take(32)) for _ in range(count)]
    r.end()
    return d


def descriptor_is_valid(d):
    label = d["label"]
    try:
        text = label.decode("utf-8")
    except UnicodeDecodeError:
        return False
    keys = [key for key in d["parties"] if key is not None]
    without = len(d["parties"]) - len(keys)
    return (d["version"] == 1 and len(label) > 0
            and not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text)
            and 0 < d["deadline"] <= 253402300799 and d["start"] < d["deadline"]
            and (d["k"] == 1 if not d["parties"] else 1 <= d["k"] <= len(d["parties"]))
            and len(set(keys)) == len(keys) and len(d["locks"]) == without
            and (without == 0 or d["fixed"] is not None))


def get_outcome(r):
    start = r.at
    o = {"version": r.uint(1), "status": r.uint(1), "reason": r.uint(1), "value": r.counted(1, 255),
         "k": r.uint(1), "yes": r.uint(4), "no": r.uint(4), "sequence": r.uint(8),
         "time": r.uint(8)}
    o["terms"] = r.optional(lambda: r.take(32))
    o["nonce"] = r.optional(lambda: r.take(16))
    o["octets"] = r.octets[start:r.at]
    return o


def get_agree(octets):
    r = Reader(octets)
    o = get_outcome(r)
    p = {"epoch": r.uint(4), "sequence": r.uint(8), "time": r.uint(8), "count": r.uint(2),
         "index": r.uint(2), "running": r.take(32)}
    count = r.uint(1)
    if count > 10:
        raise Bad("path too long")
    p["path"] = [r.take(32) for _ in range(count)]
    p["sig"] = r.take(64)
    r.end()
    return o, p


def outcome_is_possible(o, deadline_ms):
    bits = bin(o["yes"]).count("1")
    fresh = o["status"] in (1, 4)
    if (o["version"] != 1 or not 1 <= o["status"] <= 5 or (o["nonce"] is not None) != fresh
            or o["yes"] & o["no"] or (o["status"] != 3 and o["reason"] != 0)
            or (o["status"] != 2 and o["value"])):
        return False
    if o["status"] in (4, 5):
        bare = o["k"] == 0 and o["yes"] == 0 and o["no"] == 0 and o["terms"] is None
        if o["status"] == 4:
            return bare and o["sequence"] > 0
        return bare and o["sequence"] == 0 and o["time"] == 0
    if not 1 <= o["k"] <= 32:
        return False
    if o["status"] == 3 and o["reason"] == 3:
        return (o["yes"] == 0 and o["no"] == 0 and o["sequence"] == 0
                and o["time"] == deadline_ms)
    if o["sequence"] == 0 or o["time"] >= deadline_ms:
        return False
    if o["status"] == 2:
        is_open = o["k"] == 1 and o["yes"] == 0 and o["no"] == 0 and o["terms"] is None
        return is_open or bits >= o["k"]
    if o["status"] == 3:
        return {1: o["no"] != 0, 2: bits >= 2}.get(o["reason"], False)
    return True


def proof_is_consistent(o, p, deadline_ms):
    if not 1 <= p["count"] <= 1024 or p["index"] >= p["count"] or p["sequence"] == 0:
        return False
    if o["status"] in (1, 4):
        return o["sequence"] == p["sequence"] and o["time"] == p["time"]
    if o["status"] == 5 or (o["status"] == 3 and o["reason"] == 3):
        return p["time"] >= deadline_ms
    return o["sequence"] <= p["sequence"] and o["time"] <= p["time"]


def root_of(leaf, index, count, path):
    """RFC 9162, section 2.1.3.2; None if the path does not fit."""
    fn, sn, r = index, count - 1, leaf
    for p in path:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            r = sha256(b"\1", p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = sha256(b"\1", r, p)
        fn, sn = fn >> 1, sn >> 1
    return r if sn == 0 else None


def tree_root(leaves):
    """RFC 9162, section 2.1.1, over hashes of leaves."""
    if not leaves:
        return sha256()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\1", tree_root(leaves[:k]), tree_root(leaves[k:]))


def statement_of(p, root):
    return (tag("agree1-batch") + uint(p["epoch"], 4) + uint(p["sequence"], 8) + uint(p["time"], 8)
            + uint(p["count"], 4) + root + p["running"])


def prove(network, id_, rdata, nonce=None):
    """The steps of section Verification: the word for what fails, or None and the statement."""
    if not key_is_usable(network):
        return "key", None
    try:
        o, p = get_agree(rdata)
    except Bad:
        return "does not decode", None
    deadline_ms = int.from_bytes(id_[:5], "big") * 1000
    wrong = "contradicts itself, or the path does not fit"
    if not outcome_is_possible(o, deadline_ms) or not proof_is_consistent(o, p, deadline_ms):
        return wrong, None
    leaf = sha256(b"\0", tag("agree1-leaf"), id_, o["octets"])
    root = root_of(leaf, p["index"], p["count"], p["path"])
    if root is None:
        return wrong, None
    statement = statement_of(p, root)
    if not verify(network, statement, p["sig"]):
        return "signature", None
    if nonce is not None and o["nonce"] is not None and o["nonce"] != nonce:
        return "nonce", None
    return None, statement


# ---- the files ----

def h(case, name):
    return bytes.fromhex(case[name])


def id_text(id_):
    return base64.b32hexencode(id_).decode().rstrip("=").lower()


def ticket_of(network, descriptor):
    short = sha256(tag("agree1-ticket"), network, descriptor)[:4]
    return "agree1-" + base64.urlsafe_b64encode(descriptor + short).decode().rstrip("=")


def instances(case):
    d = get_descriptor(h(case, "descriptor"))
    network, id_ = h(case, "network"), h(case, "id")
    check(descriptor_is_valid(d), "descriptor is valid")
    check(all(d[name] == case["terms"][name] for name in ("version", "k", "deadline", "start"))
          and d["label"] == h(case["terms"], "label") and d["salt"] == h(case["terms"], "salt")
          and [key or b"" for key in d["parties"]]
          == [bytes.fromhex(key) for key in case["terms"]["parties"]], "terms")
    check(id_ == uint(d["deadline"], 5) + sha256(tag("agree1-instance"), network, d["terms_octets"]),
          "id")
    check(case["id_text"] == id_text(id_), "text of the id")
    check(case["ticket"] == ticket_of(network, h(case, "descriptor")), "ticket")
    check(h(case, "descriptor_digest") == sha256(tag("agree1-descript"), h(case, "descriptor")),
          "descriptor digest")
    if "period" in case:
        start = (case["now"] + 60) // case["period"] * case["period"] - 60
        check(d["start"] == start and d["deadline"] == start + case["period"], "period")
    if "secret" in case:
        at = d["terms_octets"].index(d["salt"])
        bare = d["terms_octets"][:at] + bytes(16) + d["terms_octets"][at + 16:]
        mac = hmac.new(h(case, "secret"), tag("agree1-period") + network + bare, "sha256")
        check(d["salt"] == mac.digest()[:16], "salt of a secret")
    for i, lock in enumerate(case.get("locks", [])):
        for b, name in enumerate(("no", "yes")):
            made = sha256(tag("agree1-lock"), id_, uint(lock["party"], 1), uint(b, 1),
                          h(lock, "secret_" + name))
            check(made == h(lock, name) and made == d["locks"][i][1 - b], "lock for " + name)
    for vote in case.get("votes", []):
        signed = (tag("agree1-vote") + uint(vote["verb"], 1) + id_
                  + uint(len(h(vote, "value")), 1) + h(vote, "value"))
        check(signed == h(vote, "signed"), "octets of a vote")
        check(verify(d["parties"][vote["party"]], signed, h(vote, "sig")), "signature of a vote")


def records(case):
    if case["type"] == "AGREE":
        error, statement = prove(h(case, "network"), h(case, "id"), h(case, "rdata"))
        check(error is None and statement == h(case, "statement"), "record proves its outcome")
        return
    r = Reader(h(case, "rdata"))
    check(r.uint(1) == 1 and r.uint(1) == case["verb"] and r.take(16) == h(case, "nonce")
          and r.uint(1) == case["party"] and r.counted(1, 255) == h(case, "value"), "PROPOSE")
    check(r.uint(1) == case["credential"], "kind of credential")
    r.take((0, 64, 32)[case["credential"]])
    descriptor = r.counted(2, 65535)
    if descriptor:  # a vote may name the instance by its id
        get_descriptor(descriptor)
    r.end()


def proofs(case):
    hashes = [h(leaf, "leaf") for leaf in case["leaves"]]
    if "leaf_hashes" in case:
        hashes = [bytes.fromhex(text) for text in case["leaf_hashes"]]
    check(len(hashes) == case["count"] and tree_root(hashes) == h(case, "root"), "root of the tree")
    for leaf in case["leaves"]:
        made = sha256(b"\0", tag("agree1-leaf"), h(leaf, "id"), h(leaf, "outcome"))
        check(made == h(leaf, "leaf") == hashes[leaf["index"]], "leaf")
        error, statement = prove(h(case, "network"), h(leaf, "id"), h(leaf, "rdata"))
        check(error is None and statement == h(case, "statement"), "proof of a leaf")


def failing(case):
    if case["type"] == "AGREE":
        nonce = h(case, "nonce") if "nonce" in case else None
        error, _ = prove(h(case, "network"), h(case, "id"), h(case, "rdata"), nonce)
        check(error == case["error"], "error: %s, not %s" % (error, case["error"]))
    elif case["type"] == "descriptor":
        try:
            check(not descriptor_is_valid(get_descriptor(h(case, "octets"))), "is refused")
        except Bad:
            check(True, "is refused")
    elif case["type"] == "ticket":
        text = case["text"]
        error = "not a ticket"
        if text.startswith("agree1-") and "+" not in text:
            octets = base64.urlsafe_b64decode(text[7:] + "=" * (-len(text[7:]) % 4))
            short = sha256(tag("agree1-ticket"), h(case, "network"), octets[:-4])[:4]
            error = None if octets[-4:] == short else "damaged, or for another network"
        check(error == case["error"], "error: %s" % error)


def messages(case):
    if case["type"] != "exchange":
        return
    request, reply = h(case, "request"), h(case, "reply")
    check(request[:2] == reply[:2] and reply[2] & 0x80 and request[2] & 0x78 == reply[2] & 0x78,
          "id, QR and opcode of the reply")
    check(len(reply) <= len(request) or b"cookie" in case["what"].encode()
          or "TCP" in case["what"], "size rule")


def bundle_digest(genesis, b):
    return sha256(tag("agree1-bundle"), genesis, uint(b["relay"], 1), uint(b["start"], 8),
                  uint(b["counter"], 8), h(b, "ops"))


class Network:
    """Follows the log of network.json with its own running hash and history."""

    def __init__(self):
        self.running, self.history, self.retention = None, [], 604800000
        self.t = self.f = 0
        self.pk = None
        self.keys = []
        self.statements, self.lists = {}, {}

    def network(self, case):
        self.genesis = sha256(case["text"].encode())
        check(self.genesis == h(case, "genesis"), "genesis id")
        self.running = sha256(tag("agree1-genesis"), self.genesis)
        for line in case["text"].splitlines():
            if line.startswith("member: "):
                key = line.split(" ")[2]
                self.keys.append(base64.urlsafe_b64decode(key + "="))
        members = sha512(tag("agree1-dkg-set"), uint(4, 4), uint(2, 4), *self.keys)[:32]
        self.sid = sha512(tag("agree1-dkg-sid"), self.genesis, uint(1, 4), members, uint(1, 4))[:32]

    def state(self, case):
        made = sha256(tag("agree1-state"), sha256(h(case, "fixed")), uint(case["sequence"], 8),
                      tree_root(self.history))
        check(made == h(case, "digest"), "state digest")

    def keygen(self, case):
        check(self.sid == h(case, "sid"), "sid")
        self.pk = h(case, "PK")
        for i, member in enumerate(case["members"]):
            ek = int.from_bytes(h(member, "ek"), "little")
            share = int.from_bytes(h(member, "share"), "little")
            check(encode(times(ek, BASE)) == h(member, "EK"), "EK")
            check(encode(times(share, BASE)) == h(member, "Y"), "Y of member %d" % (i + 1))
        # any two shares give the key: Lagrange at 0 for members 1 and 3
        s1 = int.from_bytes(h(case["members"][0], "share"), "little")
        s3 = int.from_bytes(h(case["members"][2], "share"), "little")
        half = pow(2, L - 2, L)
        secret = (s1 * 3 * half - s3 * half) % L
        check(encode(times(secret, BASE)) == self.pk, "PK")

    def batch(self, case):
        digests, bodies = [], b""
        for b in case["bundles"]:
            body = (uint(b["relay"], 1) + uint(b["start"], 8) + uint(b["counter"], 8)
                    + uint(len(h(b, "ops")), 4) + h(b, "ops") + h(b, "sig"))
            bodies += uint(len(body), 4) + body
            digest = bundle_digest(self.genesis, b)
            check(digest == h(b, "digest"), "bundle digest")
            check(verify(self.keys[b["relay"] - 1], tag("agree1-bundle-s") + digest, h(b, "sig")),
                  "bundle signature")
            digests.append(digest)
        digest = sha256(tag("agree1-batch-d"), uint(case["time"], 8), uint(len(digests), 2), *digests)
        check(digest == h(case, "batch_digest"), "batch digest")
        check(uint(case["time"], 8) + uint(len(bodies), 4) + bodies == h(case, "batch"), "batch")
        self.running = sha256(tag("agree1-running"), self.running, uint(case["sequence"], 8), digest)
        check(self.running == h(case, "running"), "running hash")
        self.t = max(self.t, case["time"])
        self.f = max(self.f, self.t - self.retention)
        check((self.t, self.f) == (case["T"], case["F"]), "T and F")
        self.results(case)
        self.signature(case)
        if "retry" in case:
            self.retry(case["retry"])
        for b in case["bundles"]:
            self.operations(case, h(b, "ops"))

    def results(self, case):
        chunk = b""
        for e in case["results"]:
            if "refusal" in e:
                continue
            outcome = h(e, "outcome")
            o = get_outcome(Reader(outcome))
            check(h(e, "leaf") == sha256(b"\0", tag("agree1-leaf"), h(e, "id"), outcome), "leaf")
            check(outcome_is_possible(o, int.from_bytes(h(e, "id")[:5], "big") * 1000), "outcome")
            # what became final here, for the first time
            if o["status"] == 2 and o["sequence"] == case["sequence"] and h(e, "id") not in chunk:
                relay = case["bundles"][e["bundle"]]["relay"]
                chunk += h(e, "id") + uint(relay, 1) + uint(len(outcome), 2) + outcome
        self.history.append(sha256(b"\0", tag("agree1-chunk"), uint(case["sequence"], 8),
                                   uint(self.t, 8), chunk, h(case, "changes")))

    def signature(self, case):
        if "statement" not in case:
            return
        leaves = [h(e, "leaf") for e in case["results"] if "leaf" in e]
        p = {"epoch": 1, "sequence": case["sequence"], "time": self.t, "count": len(leaves),
             "running": self.running}
        statement = statement_of(p, tree_root(leaves))
        if not leaves:
            statement = (tag("agree1-trial") + uint(1, 4) + uint(case["sequence"], 8)
                         + uint(self.t, 8) + self.genesis + self.running)
        check(statement == h(case, "statement"), "statement")
        x = case["sequence"] % 3
        sets = [[1, 2 + x], [i for i in (2, 3, 4) if i != 2 + x]]
        check([[m["id"] for m in s["members"]] for s in case["sets"]] == sets, "signer sets")
        self.statements[case["sequence"]] = statement
        for s in case["sets"]:
            check(verify(self.pk, statement, h(s, "sig")), "group signature")
            self.shares(s, statement)

    def retry(self, case):
        """Other pairs, other nonces, the same statement."""
        statement = self.statements[case["sequence"]]
        x = (case["sequence"] + case["attempt"]) % 3
        sets = [[1, 2 + x], [i for i in (2, 3, 4) if i != 2 + x]]
        check([[m["id"] for m in s["members"]] for s in case["sets"]] == sets, "retried sets")
        for i, s in enumerate(case["sets"]):
            check(verify(self.pk, statement, h(s, "sig")), "group signature of a retry")
            self.shares(s, statement)
            bits = sum(1 << m["id"] - 1 for m in s["members"])
            pairs = b"".join(h(m, "D") + h(m, "E") for m in s["members"])
            made = sha256(tag("agree1-list"), uint(bits, 2), pairs)
            check(made.hex() == case["lists"][i], "list digest")
            self.lists[case["sequence"], case["attempt"], i] = (s, statement, pairs)

    def operations(self, case, ops):
        while ops:
            size = int.from_bytes(ops[1:3], "big")
            if ops[0] == 9:
                self.blame(case, ops[3:3 + size])
            if ops[0] == 10:
                self.badpoint(case, ops[3:3 + size])
            ops = ops[3 + size:]

    def blame(self, case, body):
        """Signed by the member that it names, and no share of that statement and list."""
        share, sig, pairs = body[:63], body[63:127], body[128:]
        seq, (attempt, which, who) = int.from_bytes(share[4:12], "big"), share[12:15]
        s, statement, listed = self.lists[seq, attempt, which]
        check(verify(self.keys[who - 1], tag("agree1-share") + self.genesis + share, sig),
              "signature of a share")
        check(pairs == listed, "pairs of BLAME")
        check(share[47:] == sha512(statement)[:16], "statement of a share")
        good = [h(m, "z") for m in s["members"] if m["id"] == who]
        check(len(good) == 1 and good[0] != share[15:47], "bad share")
        check(case["left_out"] == [who], "who is left out")

    def badpoint(self, case, body):
        """All its points are points: its sender is wrong."""
        for at in range(16, len(body), 32):
            check(encode(point(body[at:at + 32])) == body[at:at + 32], "point of BADPOINT")
        check(case["bundles"][0]["relay"] in case["left_out"], "who is left out")

    def shares(self, s, statement):
        """Section Signing: nonce point and sum of the shares give the signature."""
        context = b"FROST-ED25519-SHA512-v1"
        ids = [uint(m["id"], 1) + bytes(31) for m in s["members"]]
        listed = b"".join(i + h(m, "D") + h(m, "E") for i, m in zip(ids, s["members"]))
        total, z = (0, 1, 1, 0), 0
        for i, m in zip(ids, s["members"]):
            rho = int.from_bytes(sha512(context, b"rho", self.pk, sha512(context, b"msg", statement),
                                        sha512(context, b"com", listed), i), "little") % L
            total = add(total, add(point(h(m, "D")), times(rho, point(h(m, "E")))))
            z = (z + int.from_bytes(h(m, "z"), "little")) % L
        check(encode(total) + z.to_bytes(32, "little") == h(s, "sig"), "shares of a set")

    def frame(self, case):
        octets = h(case, "octets")
        check(int.from_bytes(octets[:4], "big") == len(octets) - 4, "length of a frame")
        size = {"pre_prepare": 57, "prepare": 57, "checkpoint": 49}.get(case["message"])
        name = {"pre_prepare": "preprep", "prepare": "prepare", "checkpoint": "checkpnt"}
        if size is not None:
            body = octets[5:]
            who = body[24] if size == 57 else body[16]
            signed = tag("agree1-" + name[case["message"]]) + self.genesis + body[:size]
            check(verify(self.keys[who - 1], signed, body[size:size + 64]), "signature of a frame")


def main():
    directory = os.path.join(os.environ.get("top_srcdir", "."), "rfc-draft", "vectors")
    network = Network()
    functions = {"instances": instances, "records": records, "proofs": proofs, "failing": failing,
                 "messages": messages,
                 "network": lambda case: getattr(network, case["type"])(case)}
    for name, function in functions.items():
        with open(os.path.join(directory, name + ".json"), encoding="ascii") as file:
            for i, case in enumerate(json.load(file)["cases"]):
                known = len(FAILURES)
                function(case)
                for at in range(known, len(FAILURES)):
                    FAILURES[at] = "%s.json, case %d (%s): %s" % (
                        name, i, case.get("what", case.get("count")), FAILURES[at])
    for failure in FAILURES:
        print("second.py: does not hold: " + failure, file=sys.stderr)
    print("second.py: %d of %d checks hold" % (CHECKS - len(FAILURES), CHECKS))
    return 1 if FAILURES or CHECKS < 340 else 0


if __name__ == "__main__":
    sys.exit(main())
