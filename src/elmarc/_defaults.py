"""The defaults of every command, class and configuration file: docs/mixed.md has the figures behind them.

The study's own are recipe 2018 with svm and elm. Importing this module loads nothing.
"""

from __future__ import annotations

from typing import Literal

RECIPE: Literal["v2"] = "v2"
NETWORK = "mixed"
# of a ranking: the strongest and the cheapest. Others cost two to ten times as much, and come with "all"
NETWORKS = "mixed,7x96"
SIZE: Literal["large"] = "large"
TRAINED_SIZE: Literal["small"] = "small"  # nine large networks take nine times the arithmetic of the small
CLASSIFIER: Literal["ridge"] = "ridge"
SEEDS = 3
