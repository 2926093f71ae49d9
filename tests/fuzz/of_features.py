"""Files of features that were good once, in each of their forms."""

from __future__ import annotations

import io
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from tests.fuzz.mutations import damaged
from tests.fuzz.watch import Fault, refusal, watched

from elmarc.errors import ElmarcError
from elmarc.features.matrix import FORMATS, FeatureMatrix

N_CLIPS = 4
IDS = tuple(f"{name}.wav" for name in "abcd")
X = np.random.default_rng(4).normal(size=(N_CLIPS, 3)).astype(np.float32)
MATRIX = FeatureMatrix(
    X, IDS, ("dog", "dog", "rain", "rain"), ("1", "2", "1", "2"), ("", "g", "", "g"), ("p/0", "p/1", "p/2"),
    {"network": "vgg"},
)  # fmt: skip
Example = tuple[str, bytes]


@cache
def wholes() -> tuple[Example, ...]:
    with tempfile.TemporaryDirectory() as folder:
        made = [(suffix, MATRIX.save(Path(folder, f"x{suffix}")).read_bytes()) for suffix in FORMATS]
    return (*made, *_foreign())


def _foreign() -> list[Example]:
    """Return files as other programs write them: compressed, a vector a clip, a table of lists."""
    packed, each, listed = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.savez_compressed(packed, embeddings=X, filenames=np.asarray(IDS))
    np.savez(each, **dict(zip(IDS, X, strict=True)))
    pd.DataFrame({"id": IDS, "embedding": X.tolist()}).to_parquet(listed)
    return [(".npz", packed.getvalue()), (".npz", each.getvalue()), (".parquet", listed.getvalue())]


@st.composite
def examples(draw) -> Example:
    suffix, whole = draw(st.sampled_from(wholes()))
    if suffix in (".npz", ".pt") and draw(st.booleans()):
        return suffix, draw(_inner(whole))
    return draw(st.one_of(st.just(suffix), st.sampled_from(FORMATS))), draw(damaged([whole]))


@st.composite
def _inner(draw, whole: bytes) -> bytes:
    """Change a part of a zip, with its checksum made right again."""
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = draw(st.sampled_from(sorted(parts)))
    parts[name] = draw(damaged([parts[name]]))
    held = io.BytesIO()
    with zipfile.ZipFile(
        held, "w", draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    ) as archive:
        for part, data in parts.items():
            archive.writestr(part, data)
    return held.getvalue()


def check(example: Example, folder: Path) -> str:
    """A file that is read gives numbers for each clip that it names."""
    suffix, data = example
    path = folder / f"features{suffix}"
    path.write_bytes(data)
    with watched(folder):
        try:
            found = FeatureMatrix.load(path)
        except ElmarcError as problem:
            if not str(problem).startswith(str(path)):
                raise Fault(f"the message does not begin with the file: {problem}") from None
            return refusal(problem)
    if found.X.dtype != np.float32 or found.X.ndim != 2 or len(set(found.ids)) != len(found.X):
        raise Fault(f"gave {found.X.dtype} {found.X.shape} for {len(found.ids)} clips")
    return "read"
