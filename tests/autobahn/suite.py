"""Runs the Autobahn test suite (Python 2.7): suite.py SITE URL OUTPUT. See suite.sh."""
import json
import os
import site
import sys

packages, url, output = sys.argv[1:]
site.addsitedir(packages)

from autobahntestsuite import wstest  # noqa: E402
from autobahntestsuite.case import Cases  # noqa: E402

GOOD = ("OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED")


def number(case):
    return [int(part) for part in case.split(".")]


def run():
    """Every case once; those that measure compression with fewer messages."""
    for case in Cases:
        if case.__name__.startswith(("Case12_", "Case13_")):
            case.COUNT = min(case.COUNT, int(os.environ.get("AUTOBAHN_MESSAGES", "100")))
    spec = os.path.join(output, "spec.json")
    with open(spec, "w") as out:
        json.dump({
            "outdir": output,
            "servers": [{"agent": "tandem", "url": url}],
            "cases": ["*"],
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }, out)
    sys.argv = ["wstest", "--mode", "fuzzingclient", "--spec", spec]
    # One line for each case is too much for a terminal.
    terminal = sys.stdout
    with open(os.path.join(output, "wstest.log"), "w") as log:
        sys.stdout = sys.stderr = log
        try:
            wstest.run()
        finally:
            sys.stdout, sys.stderr = terminal, sys.__stderr__


def verdict():
    """What each case came to; the status to end with."""
    with open(os.path.join(output, "index.json")) as index:
        cases = json.load(index)["tandem"]
    counts, failures = {}, []
    for case in sorted(cases, key=number):
        result, ending = cases[case]["behavior"], cases[case]["behaviorClose"]
        counts[result] = counts.get(result, 0) + 1
        if result not in GOOD or ending not in GOOD:
            code = cases[case]["remoteCloseCode"]
            failures.append("%s: %s, closing: %s with code %s" % (case, result, ending, code))
    missing = len(Cases) - len(cases)
    if missing:
        failures.append("%d cases did not run" % missing)
    for failure in failures:
        print("  " + failure)
    print("%d cases: %s" % (len(cases), ", ".join("%d %s" % (counts[kind], kind) for kind in sorted(counts))))
    unimplemented = counts.get("UNIMPLEMENTED", 0)
    passed = len(cases) - unimplemented - len(failures)
    with open(os.path.join(output, "result.json"), "w") as out:
        json.dump({"passed": max(0, passed), "failed": len(failures), "skipped": unimplemented, "failures": failures}, out)
    return 1 if failures else 0


run()
sys.exit(verdict())
