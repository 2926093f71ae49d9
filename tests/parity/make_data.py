"""Cut the small part of the 2018 program's outputs that lives in this repository from the whole fixtures.

python tests/parity/make_data.py FIXTURES           writes tests/parity/data
python tests/parity/make_data.py FIXTURES --check   says whether tests/parity/data is what it would write
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data"
NETWORKS = (
    *("cnn_small_filters", "cnn_single_7x96", "cnn_single_7x86", "cnn_music", "cnn_audio"),
    *("sample_level", "frame_level", "frame_level_many"),
)
FRONT_ENDS = ("click", "silence")  # synthetic
LAYERS = ("reclinear__alpha1.0", "tanh__alpha1.0", "data")
OF_EACH_CLIP = ("x", "clips", "ref_features", "ref_selected")
NOT_READ = ("coefs_scipy1_0_pinv2_cutoff",)
Arrays = dict[str, np.ndarray]


def small_part(fixtures: Path) -> Iterator[tuple[str, Arrays]]:
    """Yield the name of each file and its arrays."""
    for name in NETWORKS:
        yield f"arch/{name}__nzbias.npz", first_clip(read(fixtures / "arch" / f"{name}__nzbias.npz"))
    for kind, names in (("frontend", FRONT_ENDS), ("elm", LAYERS)):
        for name in names:
            arrays = read(fixtures / kind / f"{name}.npz")
            yield f"{kind}/{name}.npz", {key: a for key, a in arrays.items() if key not in NOT_READ}


def first_clip(arrays: Arrays) -> Arrays:
    """Keep one clip of a network's batch."""
    cut = dict(arrays)
    for key in arrays:
        if key in OF_EACH_CLIP or key.endswith("_mean"):
            cut[key] = arrays[key][:1]
        if key.endswith("_shape") and key.startswith("layer_"):
            cut[key] = np.concatenate([[1], arrays[key][1:]])
    return cut


def read(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def differences(fixtures: Path) -> list[str]:
    """Name the files of `DATA` that are missing, too many, or hold other arrays."""
    expected = dict(small_part(fixtures))
    found = {path.relative_to(DATA).as_posix(): read(path) for path in DATA.rglob("*.npz")}
    return sorted(
        name
        for name in expected.keys() | found.keys()
        if name not in expected or name not in found or not equal(expected[name], found[name])
    )


def equal(a: Arrays, b: Arrays) -> bool:
    return a.keys() == b.keys() and all(
        a[key].dtype == b[key].dtype and np.array_equal(a[key], b[key]) for key in a
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("fixtures", type=Path, help="the folder with arch/, elm/ and frontend/")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if options.check:
        if wrong := differences(options.fixtures):
            sys.exit(f"tests/parity/data differs from {options.fixtures} in {', '.join(wrong)}")
        return
    for name, arrays in small_part(options.fixtures):
        path = DATA / name
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **arrays)


if __name__ == "__main__":
    main()
