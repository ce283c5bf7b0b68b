"""The figures of a run, and whether it was one: everything selected was tested, and was answered."""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    report = json.load(file)
with open(sys.argv[2], encoding="utf-8") as file:
    counts = json.load(file)

operations, cases = report["operations"], report["test_cases"]
failures = len(report["failures"]) + len(report["errors"])
answers = {status: counts["statuses"][status] for status in sorted(counts["statuses"])}
server_errors = sum(count for status, count in answers.items() if status >= "500")
print(
    f"schemathesis {report['schemathesis_version']}, seed {report['seed']}: "
    f"{operations['tested']} of {operations['total']} operations, {cases['generated']} cases in "
    f"{report['running_time']:.0f} s; {server_errors} × 5xx, {failures} violations"
)
print("answers: " + ", ".join(f"{count} × {status}" for status, count in answers.items()))
silent = sorted(set(counts["operations"]) - set(counts["succeeded"]))
print(f"never answered with a success: {', '.join(silent) or 'none'}")
phases = {name: phase["status"] for name, phase in report["phases"].items()}
whole = (
    operations["tested"] == operations["total"] > 0
    and report["complete"]
    and all(status == "success" for status in phases.values())
    and sum(answers.values()) > 1000
)
if not whole:
    print(f"this was not a whole run: {phases}, {operations}")
sys.exit(0 if whole and not server_errors and not failures else 1)
