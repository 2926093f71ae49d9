"""The trained counterparts of the networks: same front-end, same pooled statistics, a linear head.

A training begins with the weights that `elmarc.networks` draws, by one fixed recipe: see docs/training.md.
"""

from __future__ import annotations

from elmarc.training.recipe import TrainingRecipe

__all__ = ["TrainingRecipe"]
