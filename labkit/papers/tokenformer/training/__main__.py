"""`python -m labkit.papers.tokenformer.training --seeds 0 31 32 33 34 35`, then `--ship`.

Runs are kept in FOLDER/growth.jsonl. Copy data/sweeps/03_growth.jsonl there first to train only what it lacks, and
copy the file back to data/sweeps when it is whole: lessons and claims read it there.
"""

import argparse
from pathlib import Path

from .arms import ARMS
from .shipping import ship
from .workers import work

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--seeds", type=int, nargs="+", default=[0])
parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
parser.add_argument("--limit", type=float, default=1e9, help="begin no run after so many seconds")
parser.add_argument("--folder", default="runs/03")
parser.add_argument("--ship", action="store_true", help="put the models of seed 0 among the shipped ones")
asked = parser.parse_args()
Path(asked.folder, "models").mkdir(parents=True, exist_ok=True)
if asked.ship:
    ship(asked.folder)
else:
    work(asked.arms, asked.seeds, asked.limit, asked.folder)
