"""Does another version give the same results?

    python -m benchmarks.same_results --other ../elsewhere/src --data ../shared/data/esc10

A small corpus: both recipes, every classifier, official folds, folds made from labels, groups, fixed lists,
segments, both protocols and a trained network. Of each `result.json` all that follows from the clips, the
recipe and the seed must be equal, and every interval of `ranking.csv`.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

SOURCE = Path(__file__).resolve().parents[1] / "src"
COMPARED = (
    "classes", "n_clips", "n_features", "accuracy", "macro_f1", "recalls", "folds", "best_params", "grid",
    "predictions", "skipped",
)  # fmt: skip
NAMED_BY = ("dataset", "features", "size", "recipe", "classifier", "protocol", "seed")
INTERVAL = ("accuracy", "low", "high")
CLASSIFIERS = ["svm", "linear_svm", "elm", "knn", "mlp", "linear", "ridge"]
SMALL = {"kind": "temporal", "n_filters": 4}


def cases(data: Path, folder: Path) -> dict[str, list[str]]:
    """Write the data sets and configurations of the corpus; return the command of each case."""
    tables = write_tables(data, folder)
    both: dict[str, Any] = {"classifier": CLASSIFIERS, "recipe": ["2018", "v2"], "seed": [0, 1]}
    documents: dict[str, dict[str, Any]] = {
        "classifiers": {"data": str(tables["folds"]), "network": SMALL, **both},
        "networks": {
            "data": str(tables["folds"]),
            "network": [{"kind": ["vgg", "timbral_temporal", "sample_level"], "size": "small"}, "mfcc"],
            "classifier": "ridge", "recipe": ["2018", "v2"],
        },
        "paper": {
            "data": str(tables["folds"]), "network": SMALL, "classifier": ["svm", "elm", "knn"],
            "protocol": "paper", "recipe": "2018",
        },
    }  # fmt: skip
    for name in ("plain", "groups", "segments"):
        documents[name] = {
            "data": str(tables[name]),
            "network": SMALL,
            "classifier": ["ridge", "svm"],
            "recipe": "2018",
            "seed": [0, 1],
        }
    documents["lists"] = {
        "data": str(tables["lists"]),
        "network": [SMALL, "mfcc"],
        "classifier": ["ridge", "knn"],
        "recipe": "2018",
    }
    commands = {}
    for name, document in documents.items():
        file = folder / f"{name}.json"
        file.write_text(json.dumps({"name": name, **document}))
        commands[name] = ["run", str(file)]
    commands["trained"] = [
        "train", str(tables["plain"]), "--networks", "temporal", "--seeds", "1", "--epochs", "2",
        "--recipe", "2018", "--set", "network.n_filters=4", "--set", "network.size=null",
    ]  # fmt: skip
    return commands


def write_tables(data: Path, folder: Path) -> dict[str, Path]:
    """Write CSV files over 60 real clips of five classes, and a folder of fixed lists."""
    classes = sorted(path for path in data.iterdir() if path.is_dir())[:5]
    chosen = [(path, part.name) for part in classes for path in sorted(part.glob("*.ogg"))[:12]]
    rows: list[dict[str, Any]] = []
    for k, (path, label) in enumerate(chosen):
        sound, sr = sf.read(path, dtype="float32")
        file = folder / "clips" / f"{path.stem}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        sf.write(file, sound, sr)
        rows.append(
            {
                "path": str(file),
                "label": label,
                "fold": k % 3,
                "group": f"g{k % 12 // 2}",
                "start": 0.25,
                "end": 2.5,
            }
        )
    columns = {
        "plain": ("path", "label"), "folds": ("path", "label", "fold"), "groups": ("path", "label", "group"),
        "segments": ("path", "label", "start", "end"),
    }  # fmt: skip
    tables = {}
    for name, kept in columns.items():
        tables[name] = folder / f"{name}.csv"
        with tables[name].open("w", newline="") as stream:
            writer = csv.DictWriter(stream, kept, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
    tables["lists"] = folder / "lists"
    for k, row in enumerate(rows):
        part = ("train", "train", "train", "validation", "test", "test")[k % 6]
        link = tables["lists"] / part / row["label"] / Path(row["path"]).name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(row["path"])
    return tables


def run(source: Path, commands: dict[str, list[str]], output: Path) -> None:
    """Run the corpus with one version, each with a store of its own."""
    env = {**os.environ, "PYTHONPATH": str(source), "ELMARC_CACHE": str(output / "cache")}
    for name, words in commands.items():
        line = [sys.executable, "-m", "elmarc", *words, "-o", str(output / name), "--quiet", "--json"]
        done = subprocess.run(line, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            print(f"{name}: exit code {done.returncode}: {done.stderr.strip()[-500:]}")


def results(folder: Path) -> dict[tuple[str, ...], dict[str, Any]]:
    """Return what is compared of each result below a folder, by case and system."""
    found = {}
    for path in sorted(folder.glob("*/**/result.json")):
        result = json.loads(path.read_text())
        key = (path.relative_to(folder).parts[0], *(str(result[name]) for name in NAMED_BY))
        found[key] = {name: result[name] for name in COMPARED}
    for path in sorted(folder.glob("*/ranking.csv")):
        with path.open() as stream:
            for k, row in enumerate(csv.DictReader(stream)):
                key = (
                    path.parent.name,
                    "ranking",
                    row["network"],
                    row["classifier"],
                    row.get("protocol", ""),
                    str(k),
                )
                found[key] = {name: np.float64(row[name]).item() for name in INTERVAL if row.get(name)}
    return found


def main() -> int:
    """Compare, print what differs, and return 1 if anything does."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--other", type=Path, required=True, help="the other version's src/")
    parser.add_argument("--data", type=Path, required=True, help="ESC-10's folder")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        commands = cases(args.data, folder)
        for name, source in (("old", args.other), ("new", SOURCE)):
            run(source, commands, folder / name)
        old, new = results(folder / "old"), results(folder / "new")
    bad = 0
    for key in sorted(old.keys() | new.keys()):
        differ = [
            name
            for name in {**old.get(key, {}), **new.get(key, {})}
            if old.get(key, {}).get(name) != new.get(key, {}).get(name)
        ]
        if differ:
            bad += 1
            print(
                f"{' '.join(key)}: {', '.join(differ)} differ"
                if key in old and key in new
                else f"{' '.join(key)}: only in one version"
            )
    print(f"{len(old.keys() | new.keys())} results and intervals, {bad} differ")
    return 1 if bad or not old else 0


if __name__ == "__main__":
    sys.exit(main())
