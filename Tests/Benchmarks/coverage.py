"""Prints line coverage per module from SwiftPM's coverage document (make coverage)."""

import collections
import json
import sys

with open(sys.argv[1]) as document:
    files = json.load(document)["data"][0]["files"]
lines = collections.defaultdict(lambda: [0, 0])
for file in files:
    _, found, path = file["filename"].rpartition("/Sources/")
    if found:
        summary = file["summary"]["lines"]
        lines[path.split("/")[0]][0] += summary["covered"]
        lines[path.split("/")[0]][1] += summary["count"]
for module, (covered, count) in sorted(lines.items()):
    print(f"{module:<14}{covered:>7} of {count:>6} lines  {100 * covered / count:5.1f} %")
