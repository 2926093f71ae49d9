"""The one recipe that every network is trained by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from elmarc._choices import choose
from elmarc._types import Definition
from elmarc.errors import ConfigError

VERSION = 2  # rises whenever the same recipe would give other weights; 2: one thread a training


@dataclass(frozen=True, kw_only=True)
class TrainingRecipe:
    """AdamW, cosine with warm-up, label smoothing, mixup, SpecAugment and random crops.

    Parameters
    ----------
    epochs : int
        At most: an inner fold may choose fewer.
    learning_rates : tuple of float
        An inner fold chooses from these. With one, nothing is chosen, and all epochs are trained.
    batch_size : int
        Clips in a step.
    weight_decay : float
        Of kernels and head, not of biases and norms.
    warm_up : float
        Share of the steps in which the learning rate rises to its peak; then it falls as a cosine to 0.
    label_smoothing : float
        Share of the target that is spread over all classes.
    mixup : float
        Both parameters of the beta distribution that two clips and their labels are mixed by.
    crop : float
        Share of a clip in a step; it begins anywhere and wraps around the clip's end.
    n_masks : int
        Masks over bands, and as many over frames, of a spectrogram.
    band_mask, frame_mask : float
        Longest mask, as a share of the bands and of the frames.
    max_norm : float
        Gradients are cut to this norm.
    patience : float
        Share of the epochs without a better loss on the inner fold after which training stops.

    Raises
    ------
    ConfigError
        A number is out of its range.

    References
    ----------
    Loshchilov & Hutter, "Decoupled weight decay regularization", arXiv 1711.05101. Zhang et al., "mixup:
    beyond empirical risk minimization", arXiv 1710.09412. Park et al., "SpecAugment", arXiv 1904.08779.

    Examples
    --------
    >>> TrainingRecipe(epochs=10).n_runs
    3
    """

    epochs: int = 40
    learning_rates: tuple[float, ...] = (0.001, 0.004)
    batch_size: int = 16
    weight_decay: float = 0.05
    warm_up: float = 0.1
    label_smoothing: float = 0.1
    mixup: float = 0.2
    crop: float = 0.75
    n_masks: int = 2
    band_mask: float = 0.125
    frame_mask: float = 0.1
    max_norm: float = 1.0
    patience: float = 0.3

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ConfigError(f"epochs: found {self.epochs}, expected at least 1")
        if self.batch_size < 2:
            raise ConfigError(f"batch_size: found {self.batch_size}, expected at least 2")
        rates = self.learning_rates
        if not rates or len(set(rates)) < len(rates) or not all(0 < rate < math.inf for rate in rates):
            raise ConfigError(f"learning_rates: found {list(rates)}, expected different positive numbers")

    @property
    def is_chosen(self) -> bool:
        """Whether learning rate and epochs are chosen on an inner fold."""
        return len(self.learning_rates) > 1

    @property
    def n_runs(self) -> int:
        """Trainings for each held-out part: one for each learning rate, and the last."""
        return len(self.learning_rates) * self.is_chosen + 1

    @property
    def n_patient(self) -> int:
        """Epochs without a better loss on the inner fold after which training stops."""
        return max(5, round(self.patience * self.epochs))

    def definition(self) -> Definition:
        """Return everything that changes the weights, JSON-able."""
        return {**asdict(self), "learning_rates": list(self.learning_rates), "version": VERSION}

    @classmethod
    def of(cls, definition: Mapping[str, Any]) -> Self:
        """Return the recipe of a result, from its `definition()`.

        Raises
        ------
        ConfigError
            It is of another version, or no such definition.
        """
        keys = dict(definition)
        if (version := keys.pop("version", None)) != VERSION:
            raise ConfigError(
                f"training: found version {version} of the recipe, and this elmarc trains by version "
                f"{VERSION}: train again"
            )
        for key in keys:
            choose("key of training", key, tuple(cls.__dataclass_fields__))
        return cls(**{**keys, "learning_rates": tuple(keys.get("learning_rates", cls.learning_rates))})

    def learning_rate(self, peak: float, step: int, n_steps: int) -> float:
        """Return the learning rate of a step, counted from 0, of `n_steps`; `peak` is the highest.

        Examples
        --------
        >>> [round(TrainingRecipe().learning_rate(1.0, step, 20), 2) for step in (0, 1, 2, 11, 19)]
        [0.5, 1.0, 1.0, 0.5, 0.01]
        """
        n_rising = max(1, round(self.warm_up * n_steps))
        if step < n_rising:
            return peak * (step + 1) / n_rising
        return peak * 0.5 * (1.0 + math.cos(math.pi * (step - n_rising) / (n_steps - n_rising)))
