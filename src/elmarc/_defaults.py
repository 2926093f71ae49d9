"""The defaults of every command, class and configuration file; docs/recipe.md has the figures behind them.

The study's own are recipe 2018 with svm and elm. Importing this module loads nothing.
"""

from __future__ import annotations

from typing import Literal

RECIPE: Literal["v2"] = "v2"
NETWORK = "7x86"
# of a ranking: the study's nine without vgg, which needs 27 s, and those on the waveform, which cost most and
# led on no set that was measured
NETWORKS = "7x96,7x86,timbral,temporal,timbral_temporal"
SIZE: Literal["large"] = "large"
TRAINED_SIZE: Literal["small"] = "small"  # nine large networks take nine times the arithmetic of the small
CLASSIFIER: Literal["ridge"] = "ridge"
SEEDS = 3
