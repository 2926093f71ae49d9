"""Types of arrays and options that several packages share."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Float32

Waveform: TypeAlias = Float32[np.ndarray, " samples"]
FeatureArray: TypeAlias = Float32[np.ndarray, "clips features"]
FixLength: TypeAlias = Literal["crop", "zero-pad", "repeat-pad"]
Precision: TypeAlias = Literal["float32", "tf32", "bfloat16"]
Unit: TypeAlias = Literal["frames", "samples"]  # what the length of a network's input counts
RecipeName: TypeAlias = Literal["v2", "2018"]  # the keys of features.recipes.RECIPES
Size: TypeAlias = Literal["large", "small"]
Definition: TypeAlias = dict[str, Any]  # JSON-able: everything that changes the numbers
