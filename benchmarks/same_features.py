"""Does another version give the same features, and does this one find them in a store that it wrote?

    python -m benchmarks.same_features --other ../elsewhere/src --data ../shared/data/esc10

Every network and the MFCC, in both recipes, on a few real clips. Rows must be equal to the last bit.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

SOURCE = Path(__file__).resolve().parents[1] / "src"
NETWORKS = (
    "vgg", "7x96", "7x86", "timbral", "temporal", "timbral_temporal", "timbral_temporal_audio",
    "sample_level", "frame_level", "frame_level_many",
)  # fmt: skip
EXTRACT = """
import json, sys
import numpy as np
from elmarc.features.store import FeatureStore
is_old = False
try:
    from elmarc.study import build
    from elmarc.study.spec import parse_experiment
except ImportError:  # the older version
    from elmarc.config.loading import parse_experiment
    from elmarc.experiments import build
    is_old = True
folder, store, n_clips = sys.argv[1], sys.argv[2], int(sys.argv[3])
found = {}
for name, document in json.load(sys.stdin).items():
    if is_old and isinstance(document["data"], dict):
        document["data"] = {"kind": "named", "name": "esc10", "audio": document["data"]["audio"]}
    config = parse_experiment(document)
    data = build.dataset(config.data)
    clips = data.clips[:: max(1, len(data.clips) // n_clips)][:n_clips]
    for kind, where in (("fresh", None), ("stored", FeatureStore(store))):
        extractor, _ = build.extractor(config, data, store=where)
        extraction = extractor.extract(clips)
        np.save(f"{folder}/{name}-{kind}.npy", extraction.matrix.X)
        found[f"{name}-{kind}"] = extraction.n_computed
print(json.dumps(found))
"""


def documents(data: Path) -> dict[str, dict[str, Any]]:
    """Return the configurations, by name."""
    found = {}
    for recipe in ("2018", "v2"):
        for network in (*NETWORKS, "mfcc"):
            section: Any = network if network == "mfcc" else {"kind": network, "size": "small"}
            named = {"source": "esc10", "audio": str(data)}
            for kind, clips in (("named", named), ("folder", str(data))):
                found[f"{network}-{recipe}-{kind}"] = {"data": clips, "network": section, "recipe": recipe}
    return found


def extract(
    source: Path, folder: Path, store: Path, work: dict[str, dict[str, Any]], n_clips: int
) -> dict[str, int]:
    """Run one version over all configurations; return how many rows it computed for each."""
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", EXTRACT, str(folder), str(store), str(n_clips)],
        input=json.dumps(work),
        env={**os.environ, "PYTHONPATH": str(source)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    counts: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return counts


def main() -> int:
    """Compare, print a line for each configuration, and return 1 if any differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--other", type=Path, required=True, help="the other version's src/")
    parser.add_argument("--data", type=Path, required=True, help="ESC-10's folder")
    parser.add_argument("--clips", type=int, default=5)
    args = parser.parse_args()
    work, bad = documents(args.data), 0
    with tempfile.TemporaryDirectory() as root:
        old, new, store = (Path(root) / name for name in ("old", "new", "store"))
        extract(args.other, old, store, work, args.clips)
        counts = extract(SOURCE, new, store, work, args.clips)
        for name in work:
            computed = counts[f"{name}-stored"]
            rows = [np.load(file) for file in (old / f"{name}-fresh.npy", new / f"{name}-fresh.npy")]
            rows.append(np.load(new / f"{name}-stored.npy"))
            same = all(np.array_equal(rows[0], other) for other in rows[1:])
            bad += not same or computed > 0
            print(f"{name}: {rows[0].shape}, {'the same' if same else 'DIFFERENT'}, {computed} computed")
    print(f"{len(work)} configurations, {bad} differ")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
