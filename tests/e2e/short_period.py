#!/usr/bin/env python3
"""Stands in for agree where a test cannot wait for periods of a minute: `new LABEL +period=Ns` gives the ticket of a
recurring instance as draft {#period} has it, but so many seconds (WITNESS_AHEAD) before its multiple in UTC, and shorter
than the real program takes. All else is left to that, REAL_AGREE."""
import base64
import hashlib
import os
import sys
import time

real, words = os.environ["REAL_AGREE"], sys.argv[1:]
options = dict(w[1:].split("=", 1) for w in words if w.startswith("+") and "=" in w)
if words[0] != "new" or "period" not in options:
    os.execv(real, [real, *words])
key = base64.urlsafe_b64decode(options["key"] + "=")
period, ahead, label = int(options["period"][:-1]), int(os.environ["WITNESS_AHEAD"]), words[2].encode()
start = (int(time.time()) + ahead) // period * period - ahead
descriptor = (bytes([1, 1]) + (start + period).to_bytes(5, "big") + start.to_bytes(5, "big") + b"\0" + bytes([len(label)])
              + label + bytes(16) + b"\0" + b"\0")
check = hashlib.sha256(b"agree1-ticket".ljust(16, b"\0") + key + descriptor).digest()[:4]
print("agree1-" + base64.urlsafe_b64encode(descriptor + check).decode().rstrip("="))
