"""Prints what MLPerf's own parser finds in a log, as JSON: the lines that it read and those that it could not.

    read_mllog.py FILE
"""

import json
import sys

from mlperf_logging.compliance_checker.mlp_parser import parse_file

lines, failed = parse_file(sys.argv[1], ruleset="5.0.0")
found = [
    {"time_ms": line.timestamp, "key": line.key, "value": line.value["value"], "metadata": line.value["metadata"]}
    for line in lines
]
json.dump({"lines": found, "failed": [str(line) for line in failed]}, sys.stdout)
