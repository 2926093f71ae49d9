"""The study of docs/foretell.md: whether the untrained ranking foretells the trained one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elmarc._atomic import write_atomic
from elmarc._errors import DatasetError
from elmarc.agreement.correlation import LEAST
from elmarc.config import network_files
from elmarc.config.sections import ExperimentConfig
from elmarc.datasets import toy
from elmarc.experiments import studies, trained
from elmarc.networks import STUDY_NETWORKS, spaces
from elmarc.training.recipe import TrainingRecipe

Section = dict[str, Any]
N_DRAWN, N_ARCHITECTURES = 100, 32
MOST_COST = 3e7  # multiply-adds of a clip of 5 s
QUICK_SECONDS, QUICK_VARIATIONS = 3.0, 4
DIGITS_STEP = 5  # of 3,000 recordings of digits, every fifth


@dataclass(frozen=True)
class Study:
    """What is ranked and trained, and how.

    Parameters
    ----------
    networks : callable
        Gives their sections, drawn before anything is heard.
    data : callable
        Gives the sections of the data sets, from the folder of audio and that of the output.
    recipes, classifiers : tuple of str
        Of the untrained side: every combination is a way to foretell.
    seeds, trained_seeds : int
        Draws of the weights that are ranked, and that are trained.
    training, short : TrainingRecipe
        The second is a control: a few epochs of the first.
    common : dict
        Further keys of all configurations.
    """

    networks: Callable[[], list[Section]]
    data: Callable[[Path | None, Path], list[Section]]
    recipes: tuple[str, ...]
    classifiers: tuple[str, ...]
    seeds: int
    trained_seeds: int
    training: TrainingRecipe
    short: TrainingRecipe
    common: Section

    def ranking(self, data: Sequence[Section], recipe: str) -> list[ExperimentConfig]:
        """Return the cells of the untrained side under one recipe."""
        return [
            config
            for section in data
            for config in studies.ranking_cells(
                section, networks=self.networks(), classifiers=self.classifiers, seeds=self.seeds,
                recipe=recipe, baseline=False, **self.common,
            )
        ]  # fmt: skip

    def trainings(self, data: Sequence[Section], *, seeds: int) -> list[ExperimentConfig]:
        """Return the cells of the trained side."""
        return [
            config
            for section in data
            for config in trained.training_configs(
                section, networks=self.networks(), seeds=seeds, **self.common
            )
        ]


def write_space(networks: Sequence[Section], file: Path) -> None:
    """Write the architectures as a file that `rank` and `train` take.

    Parameters
    ----------
    networks : sequence of dict
    file : Path
    """
    heading = "The architectures of the study in docs/foretell.md."
    write_atomic(file, network_files.space_text(networks, heading=heading, about={}))


def _space() -> list[Section]:
    """Return the study's nine, and the first 32 of the space that cost little enough to be trained often."""
    drawn = spaces.sample_space("all", n=N_DRAWN, seed=0)
    cheap = [section for section in drawn if spaces.cost(section, spaces.SECONDS) <= MOST_COST]
    return [{"kind": kind, "size": "small"} for kind in STUDY_NETWORKS] + cheap[:N_ARCHITECTURES]


def _sets(audio: Path | None, output: Path) -> list[Section]:
    """Return ESC-10, spoken digits and rhythms; a fifth of the digits, listed in a file of the output."""
    if audio is None:
        raise DatasetError("foretell: where do esc10/ and fsdd/ lie? Say so with --audio DIR")
    digits = audio / "fsdd"
    return [
        studies.data_section("esc10", audio=audio / "esc10"),
        studies.data_section(str(_some_digits(digits, output)), audio=digits),
        studies.data_section("toy", target="rhythm"),
    ]


def _some_digits(folder: Path, output: Path) -> Path:
    """Write a list of every fifth recording of fsdd.csv: path, label and fold, which is the speaker."""
    try:
        heading, *rows = (folder / "fsdd.csv").read_text(encoding="utf-8").splitlines()
    except OSError as problem:
        raise DatasetError(
            f"{folder / 'fsdd.csv'}: {problem.strerror}: expected a CSV of the digits with the columns "
            "path, label and fold, see docs/foretell.md"
        ) from None
    file = output / f"digits-{len(rows[::DIGITS_STEP])}.csv"
    write_atomic(file, "\n".join([heading, *rows[::DIGITS_STEP]]) + "\n")
    return file


def _quick_space() -> list[Section]:
    """Return as many architectures as intervals need: the cheapest that hear clips of three seconds."""
    drawn = spaces.sample_space("all", n=N_DRAWN, seed=0)
    heard = [section for section in drawn if spaces.shortest_s(section) <= QUICK_SECONDS]
    return sorted(heard, key=lambda section: spaces.cost(section, QUICK_SECONDS))[:LEAST]


def _quick_sets(audio: Path | None, output: Path) -> list[Section]:
    """Return 64 clips of toy in two folds, listed in a file of the output."""
    rows = [
        f"{clip.path},{clip.label},{variation % 2}"
        for clip in toy.load(target="rhythm").clips
        if (variation := int(clip.path.stem[-2:])) < QUICK_VARIATIONS
    ]
    file = output / f"toy-{len(rows)}.csv"
    write_atomic(file, "\n".join(["path,label,fold", *rows]) + "\n")
    return [studies.data_section(str(file))]


FULL = Study(
    networks=_space, data=_sets, recipes=("2018", "v2"), classifiers=("svm", "elm", "ridge"), seeds=3,
    trained_seeds=2, training=TrainingRecipe(epochs=20, learning_rates=(0.004,)),
    short=TrainingRecipe(epochs=3, learning_rates=(0.004,)), common={},
)  # fmt: skip
QUICK = Study(
    networks=_quick_space, data=_quick_sets, recipes=("2018",), classifiers=("ridge",), seeds=2,
    trained_seeds=2, training=TrainingRecipe(epochs=8, learning_rates=(0.004,)),
    short=TrainingRecipe(epochs=1, learning_rates=(0.004,)), common={"input": {"seconds": QUICK_SECONDS}},
)  # fmt: skip
