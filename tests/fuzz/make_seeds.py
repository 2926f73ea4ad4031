#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets, tests/fuzz/corpus/TARGET/, out of the draft's vectors.

Run it after a change of a format: tests/fuzz/make_seeds.py. Inputs that once were faults lie in
the same directories; their names begin with found-, and they stay.
"""
import base64
import hashlib
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "vectors"))
sys.dont_write_bytecode = True
import second  # noqa: E402  # Ed25519 of the second reader
VECTORS = HERE.parent.parent / "rfc-draft" / "vectors"


def vectors(name):
    return json.loads((VECTORS / (name + ".json")).read_text())["cases"]


def put(target, name, octets):
    """One seed; what is larger than 8 KiB slows the fuzzer down and says little more."""
    assert len(octets) <= 8192, (target, name, len(octets))
    directory = HERE / "corpus" / target
    directory.mkdir(parents=True, exist_ok=True)
    (directory / re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")[:40]).write_bytes(octets)


def of_type(cases, kind):
    return [case for case in cases if case.get("type") == kind]


def dns():
    for case in of_type(vectors("messages"), "exchange"):
        put("dns_request", case["what"], bytes.fromhex(case["request"]))
        put("dns_reply", case["what"], bytes.fromhex(case["reply"]))
    for case in of_type(vectors("failing"), "message"):
        put("dns_request", case["what"], bytes.fromhex(case["octets"]))
    put("name", "wire", b"\x07example\x04test\x00\x03www\xc0\x00" + b"\x0e")
    put("name", "pointers", bytes(12) + b"\x04test\x00\x07example\xc0\x0c\x01a\xc0\x12\x1c")
    put("name", "text", rb"a\.b.\000\255x.Example.test.")
    put("name", "id", vectors("instances")[0]["id_text"].encode())
    put("name", "base64url", b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")


def layouts():
    """Names of protocol.def's layouts, in its order."""
    text = (HERE.parent.parent / "libproto" / "protocol.def").read_text()
    text = text[text.index("#define END"):]
    return re.findall(r"^(?:LAYOUT|RECORD|MESSAGE|OP)\((?:\d+, )?(\w+)\)", text, re.M)


def chunks():
    """The vectors' batches as chunks of the history: what became final, and a proof of it."""
    for case in of_type(vectors("network"), "batch"):
        outcomes, others, count = b"", b"", 0
        for e in case["results"]:
            if "refusal" in e:
                continue
            octets = bytes.fromhex(e["outcome"])
            o = second.get_outcome(second.Reader(octets))
            if o["status"] == 2 and o["sequence"] == case["sequence"] and bytes.fromhex(e["id"]) not in outcomes:
                outcomes += bytes.fromhex(e["id"]) + b"\1" + second.uint(len(octets), 2) + octets
            else:
                others += second.uint(count, 2) + bytes.fromhex(e["leaf"])
            count += 1
        proof, changes = b"", bytes.fromhex(case["changes"])
        if outcomes and case.get("sets"):
            proof = (second.uint(1, 4) + second.uint(count, 2) + bytes.fromhex(case["running"])
                     + second.uint(len(others), 4) + others + bytes.fromhex(case["sets"][0]["sig"]))
        yield case["what"], (second.uint(case["sequence"], 8) + second.uint(case["T"], 8)
                             + second.uint(len(outcomes + changes), 4) + outcomes + changes
                             + second.uint(len(proof), 4) + proof)


def frames():
    """(name, type and body) of the vectors' frames."""
    return [(case["message"], bytes.fromhex(case["octets"])[4:])
            for case in of_type(vectors("network"), "frame")]


def operations():
    """(name, kind and body), one of each kind: out of the vectors' batches."""
    names = {1: "request", 2: "read", 3: "nonces", 4: "tick", 8: "retry", 9: "blame", 10: "badpoint", 16: "enckey", 17: "deal",
             18: "complaint", 19: "ready"}
    found = {}
    for batch in of_type(vectors("network"), "batch"):
        octets, at = bytes.fromhex(batch["batch"]), 12
        while at < len(octets):
            size = int.from_bytes(octets[at:at + 4], "big")
            bundle = octets[at + 4:at + 4 + size]
            at += 4 + size
            found.setdefault("bundle", b"\x02" + bundle)
            ops = bundle[21:-64]
            while ops:
                length = int.from_bytes(ops[1:3], "big")
                found.setdefault(names[ops[0]], bytes([64 + ops[0]]) + ops[3:3 + length])
                ops = ops[3 + length:]
    return found


def records():
    place = {name: 128 + i for i, name in enumerate(layouts())}
    for case in vectors("records"):
        put("records", case["type"] + " " + case["what"],
            bytes([place[case["type"].lower()]]) + bytes.fromhex(case["rdata"]))
    for case in vectors("instances"):
        put("records", "descriptor " + case["what"],
            bytes([place["descriptor"]]) + bytes.fromhex(case["descriptor"]))
    for name, octets in frames():
        put("records", name, octets)
    for name, octets in operations().items():
        put("records", name, octets)


def instances():
    for case in vectors("instances"):
        put("descriptor_ticket", case["what"], bytes.fromhex(case["descriptor"]))
        put("descriptor_ticket", "ticket " + case["what"], case["ticket"].encode())
    for case in of_type(vectors("failing"), "descriptor"):
        put("descriptor_ticket", case["what"], bytes.fromhex(case["octets"]))
    for case in vectors("records") + of_type(vectors("failing"), "AGREE"):
        if case["type"] == "AGREE":
            put("proof", case["what"], bytes.fromhex(case["id"] + case["rdata"]))


def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=")


def sign(seed, message):
    """Ed25519: RFC 8032 section 5.1.6."""
    h = second.sha512(seed)
    a = int.from_bytes(h[:32], "little") & (1 << 254) - 8 | 1 << 254
    r = int.from_bytes(second.sha512(h[32:], message), "little") % second.L
    big_r = second.encode(second.times(r, second.BASE))
    key = second.encode(second.times(a, second.BASE))
    k = int.from_bytes(second.sha512(big_r, key, message), "little") % second.L
    return big_r + second.uint((r + k * a) % second.L, 32)[::-1]


def network():
    case = of_type(vectors("network"), "network")[0]
    text = case["text"].encode()
    put("netfile", "four members", text)
    put("netfile", "a line is missing", text.replace(b"retention: 604800\n", b""))
    put("netfile", "one address twice", text.replace(b"192.0.2.2#7853", b"192.0.2.1#7853"))
    put("netfile", "ipv6", text.replace(b"192.0.2.4#7853", b"2001:db8::4#7853"))
    member = text.split(b"member: ")[1].strip()
    sig = sign(bytes.fromhex(case["identity_seeds"][0]), second.tag("agree1-card") + member)
    put("card", "good", b"agree-card1 " + member + b" " + base64url(sig))
    put("card", "changed", b"agree-card1 " + member.replace(b"alpha", b"omega") + b" " + base64url(sig))
    put("card", "cut", b"agree-card1 " + member)
    for name, octets in chunks():
        put("chunk", name, octets)
    for name, octets in frames():
        put("frame", name, octets)
    put("frame", "bundle", operations()["bundle"])
    for batch in of_type(vectors("network"), "batch"):
        octets = bytes.fromhex(batch["batch"])
        put("batch", batch["what"], octets)
        if batch["sequence"] in (1, 5, 11):
            put("frame", "body " + batch["what"], b"\x09" + second.uint(batch["sequence"], 8) + octets + b"\0")
    for state in of_type(vectors("network"), "state"):
        put("snapshot", state["what"], bytes.fromhex(state["fixed"]))


def share():
    keygen = of_type(vectors("network"), "keygen")[0]
    octets = b"agreeshr" + b"".join(second.uint(n, 4) for n in (1, 1, 4, 2)) + second.uint(1, 2)
    for i, member in enumerate(keygen["members"]):
        octets += second.uint(i + 1, 2) + bytes.fromhex(member["Y"])
    octets += bytes.fromhex(keygen["PK"]) + bytes.fromhex(keygen["members"][0]["share"])
    put("share_file", "member 1", octets + second.sha512(second.tag("agree1-keyfile"), octets)[:32])


def signers(n):
    return second.uint((1 << n) - 1, 2) + b"".join(second.uint(i, 8) + bytes([i]) * 64 for i in range(n))


def journal():
    proposal = dict(frames())["prepare"][1:-64]
    put("journal_records", "prepared", b"\x02" + proposal + b"s" * 64 + signers(3))
    put("journal_records", "stable", b"\x05" + b"d" * 32 + signers(13))
    put("journal_records", "stable of one too many", b"\x05" + b"d" * 32 + b"\xff\xff" + signers(16)[2:])
    head = b"AGREEJNL" + b"".join(v.to_bytes(n, "little") for v, n in
                                  ((1, 4), (16 << 20, 4), (1, 8), (1, 8), (0, 8), (0, 8)))
    put("journal_records", "header", b"\0" + head + b"o" * 32 + b"k" * 16 + bytes(8))
    rec = b"".join(v.to_bytes(n, "little") for v, n in
                   ((100, 4), (4096, 4), (1, 8), (5, 8), (1, 1), (0, 7), (0, 8), (7, 8), (0, 8)))
    put("journal_records", "record", b"\0" + rec + bytes(48))


CONF = b"""# every section
server:
	username: "agreed"   # a comment
	log-file: log/agreed.log
	verbosity: 2
	nsid: "replica 1"
	hide-version: yes
replica:
	data: "/var/lib/agreed"
	listen: 192.0.2.1#7853
	listen: 2001:db8::1#7853
	link-listen: 192.0.2.1#7953
remote-control:
	socket: control.sock
limits:
	cookieless-rate: 0
	clients-max: 60000
"""


def files():
    put("conf", "all", CONF)
    put("conf", "empty", b"")
    put("conf", "no end", b'server:\n\tnsid: "no end\n')
    put("conf", "unknown", b"server:\n\tnothing: 1\n")
    put("conf", "twice", b"server:\n\tverbosity: 1\n\tverbosity: 2\n")
    key = base64url(bytes.fromhex(vectors("instances")[0]["network"]))
    line = b"example.test " + key + b" 1 2026-11-24T06:14:00.000Z tofu\n"
    put("known_networks", "one", b"# by hand\n\nother.test x\n" + line)
    put("known_networks", "damaged", line.replace(b"2026", b"20x6"))
    put("known_networks", "no end", b"example.test " + key)
    agree = [case for case in vectors("records") if case["type"] == "AGREE"][0]
    ticket = vectors("instances")[0]
    for name, row in (("ticket", b"ticket: " + ticket["ticket"].encode() + b"\n"), ("id only", b"")):
        text = b"agree-proof 1\ndomain: example.test\n" + row + b"id: " + ticket["id_text"].encode()
        text += b"\nrecord: " + base64url(bytes.fromhex(agree["rdata"])) + b"\n"
        put("proof_file", name, text + b"sum: " + base64url(hashlib.sha256(text).digest()[:12]) + b"\n")


def wire_name(text):
    return b"".join(bytes([len(x)]) + x.encode() for x in text.split(".")) + b"\0"


def dns_answer(name, rrtype, rdatas, rcode=0):
    octets = b"\0\1" + second.uint(0x81a0 | rcode, 2) + b"\0\1" + second.uint(len(rdatas), 2) + bytes(4)
    octets += wire_name(name) + second.uint(rrtype, 2) + b"\0\1"
    for rdata in rdatas:
        octets += b"\xc0\x0c" + second.uint(rrtype, 2) + b"\0\1\0\0\1\x2c"
        octets += second.uint(len(rdata), 2) + rdata
    return second.uint(len(octets), 2) + octets


def discovery():
    """Answers in the order of the lookups: TXT, SRV over UDP, over TCP, then addresses."""
    key = base64url(bytes.fromhex(vectors("instances")[0]["network"]))
    strings = [b"v=agree1", b"k=" + key, b"n=4", b"f=1", b"e=1", b"r=604800"]
    txt = b"".join(bytes([len(x)]) + x for x in strings)
    srv = [second.uint(p, 2) + second.uint(w, 2) + second.uint(7853, 2) + wire_name(t)
           for p, w, t in ((0, 0, "r0.example.test"), (0, 10, "r1.example.test"), (5, 1, "r2.example.test"))]
    first = dns_answer("_agree._udp.example.test", 16, [txt])
    udp = dns_answer("_agree._udp.example.test", 33, srv)
    rest = dns_answer("_agree._tcp.example.test", 33, srv[:1])
    for i in range(3):
        rest += dns_answer("r%d.example.test" % i, 1, [bytes((192, 0, 2, i))])
        rest += dns_answer("r%d.example.test" % i, 28, [bytes(15) + b"\1"])
    put("discovery", "a network", first + udp + rest)
    put("discovery", "none", b"".join(
        dns_answer(name, rrtype, [], 3) for name, rrtype in (
            ("_agree._udp.example.test", 16), ("_agree._udp.example.test", 33), ("_agree._tcp.example.test", 33))))
    put("discovery", "tcp alone", first + dns_answer("_agree._udp.example.test", 33, []) + rest)


def exchanges():
    """Whole ways: a client's side with the reply, a replica's side with the request."""
    for case in of_type(vectors("messages"), "exchange"):
        reply = bytes.fromhex(case["reply"])
        ask = b"\0" if reply[2] >> 3 & 15 == 0 else b"\1"
        put("query", case["what"], ask + second.uint(len(reply), 2) + reply)
        put("query", "twice, " + case["what"], b"\x81" + (second.uint(len(reply), 2) + reply) * 2)
        for how in (0, 1):
            put("answer", "%d %s" % (how, case["what"]), bytes([how]) + bytes.fromhex(case["request"]))
    for rcode in (2, 5, 23):
        refusal = reply[:3] + bytes([rcode & 15]) + reply[4:]
        put("query", "rcode %d" % rcode, b"\0" + (second.uint(len(refusal), 2) + refusal) * 4)
    question = wire_name("version.server") + b"\0\x10\0\3"
    put("answer", "version", b"\0\0\1\0\0\0\1\0\0\0\0\0\0" + question)
    for name, rrtype in (("example.test", 6), ("example.test", 2), ("_agree._udp.example.test", 16),
                         ("_agree._udp.example.test", 33), ("alpha.example.test", 1), ("example.test", 255),
                         ("example.test", 252)):
        question = wire_name(name) + second.uint(rrtype, 2) + b"\0\1"
        put("answer", "%s %d" % (name, rrtype), b"\1\0\1\1\0\0\1\0\0\0\0\0\0" + question)


def executed():
    """The vectors' batches as bundles for the machine."""
    octets = b""
    for batch in of_type(vectors("network"), "batch"):
        for i, bundle in enumerate(batch["bundles"]):
            ops = bundle_ops(batch, i)
            last = i == len(batch["bundles"]) - 1
            octets += second.uint(len(ops) + 2, 2) + bytes([bundle["relay"], 2 * bundle["counter"] + last]) + ops
        if batch["sequence"] in (2, 5):
            put("operations", "up to batch %d" % batch["sequence"], octets)
            tick = second.uint(5, 2) + b"\1\xff\4\0\0"
            put("operations", "and a tick, up to %d" % batch["sequence"], octets + tick)


def bundle_ops(batch, which):
    octets, at = bytes.fromhex(batch["batch"]), 12
    for _ in range(which):
        at += 4 + int.from_bytes(octets[at:at + 4], "big")
    size = int.from_bytes(octets[at:at + 4], "big")
    return octets[at + 4 + 21:at + 4 + size - 64]


def transfers():
    """What happens in a transfer, two octets each: tests/fuzz/transfer.c has them."""
    def right(asked):
        return bytes([4 | asked << 3, 0])
    put("transfer", "all answers right", b"".join(right(i % 8) for i in range(160)))
    put("transfer", "a liar among them", b"".join(
        right(i % 8)[:1] + bytes([i % 5 == 1, 0, 3]) for i in range(160)))
    put("transfer", "late and out of turn", b"".join(
        bytes([4 | 7 - i % 8 << 3 | (i % 3 == 0) << 6, 2 * (i % 8 == 5), 0, i % 13])
        for i in range(240)))
    put("transfer", "links that come and go", b"".join(
        bytes([1, i % 3 | (i // 8 % 2) << 7]) + right(i % 8) + bytes([2, i % 2 * (i < 200)])
        for i in range(240)))


if __name__ == "__main__":
    dns()
    records()
    instances()
    network()
    share()
    journal()
    files()
    discovery()
    exchanges()
    executed()
    transfers()
