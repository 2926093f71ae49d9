"""The trained counterparts of the networks: same front-end, same pooled statistics, a linear head.

What is trained is what `elmarc.networks` draws, by the plain path of its layers. The loop is
plain torch, and follows one fixed recipe: see docs/training.md.
"""

from __future__ import annotations

from elmarc.training.recipe import TrainingRecipe

__all__ = ["TrainingRecipe"]
