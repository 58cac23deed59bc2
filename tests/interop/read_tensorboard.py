"""Prints what TensorBoard's own reader finds in a folder of event files, as JSON: run, tag, [[wall time, step, value], ...].

    read_tensorboard.py DIR
"""

import json
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

found = {}
for folder in sorted(path for path in Path(sys.argv[1]).iterdir() if path.is_dir()):
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    found[folder.name] = {
        tag: [[event.wall_time, event.step, event.value] for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }
json.dump(found, sys.stdout)
