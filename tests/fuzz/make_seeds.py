#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets, tests/fuzz/corpus/TARGET/, out of the draft's vectors.

Run it after a change of a format: tests/fuzz/make_seeds.py. Inputs that once were faults lie in
the same directories; their names begin with found-, and they stay.
"""
import json
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent
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


def frames():
    """(name, type and body) of the vectors' frames."""
    return [(case["message"], bytes.fromhex(case["octets"])[4:])
            for case in of_type(vectors("network"), "frame")]


def operations():
    """(name, kind and body), one of each kind: out of the vectors' batches."""
    names = {1: "request", 2: "read", 3: "nonces", 4: "tick", 16: "enckey", 17: "deal",
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


if __name__ == "__main__":
    dns()
    records()
