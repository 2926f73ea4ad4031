#!/usr/bin/python3
"""Were the clients of a network told the truth?

usage: history.py [--merged FILE] [--status FILE]... HISTORY...

A HISTORY is what one crowd of clients was told (tests/bench/load -a): a line an answer, with id,
value, sequence, time (ms), and when it was asked and answered (us, UTC; asked is 0 where the value
is another's). A status is a replica's final state (agreectl status -j); all replicas have to be
level by then. --merged: every instance once, for load -r to read from each replica.

Exit status 1 and a line for each contradiction (the first ones of a kind), 2 for a bad file.
"""
import argparse
import datetime
import json
import sys
from collections import namedtuple

Answer = namedtuple("Answer", "where id value sequence time asked answered")

SLACK_US = 1_000_000  # clients' clock and the replicas' are one, read at different moments
SHOWN = 5  # contradictions of a kind


class Findings:
    def __init__(self):
        self.count = {}

    def add(self, kind, text):
        self.count[kind] = self.count.get(kind, 0) + 1
        if self.count[kind] <= SHOWN:
            print(f"{kind}: {text}")


def bad_file(text):
    print(f"history.py: {text}", file=sys.stderr)
    sys.exit(2)


def read_history(path):
    answers = []
    with open(path, encoding="ascii") as lines:
        for number, line in enumerate(lines, 1):
            words = line.split()
            if len(words) != 6 or not all(word.isdigit() for word in words[2:]):
                bad_file(f"{path}:{number}: not an answer")
            answers.append(Answer(f"{path}:{number}", words[0], words[1], *map(int, words[2:])))
    return answers


def check_instances(answers, findings):
    """One instance, one record, whoever was told it and however often. Gives each once."""
    first = {}
    for a in answers:
        b = first.setdefault(a.id, a)
        if (a.value, a.sequence, a.time) != (b.value, b.sequence, b.time):
            findings.add("two records", f"{b.where} and {a.where} differ about {a.id}")
    return list(first.values())


def check_order(answers, findings):
    """A batch has one time, and the order of times is that of sequences."""
    last = None
    for a in sorted(answers, key=lambda a: (a.sequence, a.time)):
        if last is not None and a.sequence == last.sequence and a.time != last.time:
            findings.add("two times", f"{last.where} and {a.where}: sequence {a.sequence}")
        elif last is not None and a.time < last.time:
            findings.add("time sinks", f"{last.where} and {a.where}: {last.time} to {a.time}")
        last = a


def check_clients_clock(answers, findings):
    """Decided between question and answer; and behind all that was answered before the question."""
    for a in answers:
        if a.answered < a.asked or a.time * 1000 > a.answered + SLACK_US:
            findings.add("ahead of its time", f"{a.where}: answered before it was decided")
        if a.time * 1000 < a.asked - SLACK_US:
            findings.add("behind its time", f"{a.where}: decided before it was asked")
    told = sorted(answers, key=lambda a: a.answered)
    highest, at = None, 0
    for a in sorted((a for a in answers if a.asked > 0), key=lambda a: a.asked):
        while at < len(told) and told[at].answered < a.asked:
            if highest is None or told[at].sequence > highest.sequence:
                highest = told[at]
            at += 1
        if highest is not None and a.sequence <= highest.sequence:
            findings.add(
                "overtaken",
                f"{a.where} has sequence {a.sequence}, asked after {highest.where}"
                f" was answered with {highest.sequence}",
            )


def milliseconds(text):
    utc = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round(utc.timestamp() * 1000)


def check_states(paths, answers, findings):
    """The replicas agree with each other, and none is behind what was acknowledged."""
    states = {}
    for path in paths:
        with open(path, encoding="utf-8") as f:
            try:
                states[path] = json.load(f)
                states[path]["ms"] = milliseconds(states[path]["time"])
            except (ValueError, KeyError):
                bad_file(f"{path}: not a state")
    last = max(answers, key=lambda a: a.sequence, default=None)
    for path, state in states.items():
        if state.get("phase") != "live":
            findings.add("state", f"{path}: {state.get('phase')}")
        for key in ("group_key", "epoch", "sequence", "time"):
            if state.get(key) != states[paths[0]].get(key):
                findings.add("state", f"{paths[0]} and {path} differ about {key}")
        if last is not None and (state["sequence"] < last.sequence or state["ms"] < last.time):
            findings.add("lost", f"{path} is behind {last.where}")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--merged")
    parser.add_argument("--status", action="append", default=[])
    parser.add_argument("history", nargs="+")
    args = parser.parse_args()
    findings = Findings()
    answers = [a for path in args.history for a in read_history(path)]
    instances = check_instances(answers, findings)
    check_order(answers, findings)
    check_clients_clock(answers, findings)
    check_states(args.status, answers, findings)
    if args.merged:
        with open(args.merged, "w", encoding="ascii") as out:
            for a in instances:
                print(*a[1:], file=out)
    print(
        f"{len(answers)} answers about {len(instances)} instances, {len(args.status)} states:",
        f"{sum(findings.count.values())} contradictions",
    )
    sys.exit(1 if findings.count else 0)


if __name__ == "__main__":
    main()
