"""The plan of the study: architectures, data sets, and how they are ranked and trained. See README.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from elmarc._io import write_atomic
from elmarc.agreement.rankings import LEAST
from elmarc.config.files import yaml_text
from elmarc.datasets import toy
from elmarc.errors import ConfigError, DatasetError
from elmarc.study import plan
from elmarc.study.request import Clips, Rank
from elmarc.study.spec import Experiment
from elmarc.training.recipe import TrainingRecipe
from studies.foretell import spaces

Section = dict[str, Any]
N_DRAWN, N_OF_A_FAMILY = 200, 8
MOST_COST = 2.5e7  # multiply-adds of a clip of 5 s
SMALL = {
    "vgg": 9,
    "7x96": 160,
    "7x86": 16,
    "timbral": 2,
    "temporal": 8,
    "timbral_temporal": 4,
    "sample_level": 16,
    "frame_level": 11,
    "frame_level_many": 7,
}  # filters of the nine of 2018, so that they cost no more; timbral_temporal's least costs twice as much
QUICK_SECONDS, QUICK_VARIATIONS = 3.0, 4
DIGITS, DIGITS_STEP = "digits", 10  # of 3,000 recordings of fsdd, every tenth


@dataclass(frozen=True)
class Excerpts:
    """A data set, and how many seconds of its clips are used, untrained and trained.

    Parameters
    ----------
    data : dict
        A data section.
    seconds : float
        Networks that need more get more, of repeated clips.
    """

    data: Section
    seconds: float

    def of(self, network: Section) -> Section:
        """Return the input section of a network."""
        return {"seconds": max(self.seconds, spaces.shortest_s(network))}


@dataclass(frozen=True)
class Study:
    """What is ranked and trained, and how.

    Parameters
    ----------
    networks : callable
        Returns their sections, drawn from a fixed seed.
    sets : callable
        Returns the data sets, from the folder of audio and that of the output.
    recipes, classifiers : tuple of str
        Of the untrained side: every combination is a predictor.
    seeds, trained_seeds : int
        Draws of the weights that are ranked, and that are trained.
    training, short : TrainingRecipe
        The second is a control: a few epochs of the first.
    """

    networks: Callable[[], list[Section]]
    sets: Callable[[Path | None, Path], list[Excerpts]]
    recipes: tuple[str, ...]
    classifiers: tuple[str, ...]
    seeds: int
    trained_seeds: int
    training: TrainingRecipe
    short: TrainingRecipe

    def ranking(self, sets: Sequence[Excerpts], recipe: str) -> list[Experiment]:
        """Return the cells of the untrained side under one recipe."""
        return [
            config
            for each in sets
            for network in self.networks()
            for config in Rank(
                data=each.data,
                networks=[network],
                classifiers=self.classifiers,
                size="small",
                seeds=self.seeds,
                recipe=recipe,  # type: ignore[arg-type]
                baseline=False,
                keys={"input": each.of(network)},
            ).experiments()
        ]

    def trainings(self, sets: Sequence[Excerpts], recipe: TrainingRecipe, *, seeds: int) -> list[Experiment]:
        """Return the cells of the trained side."""
        return [
            config
            for each in sets
            for network in self.networks()
            for config in plan.experiments(
                {"name": "train", "data": each.data, "recipe": "2018", "input": each.of(network)},
                systems=[{"network": network}],
                heads=[{"training": recipe}],
                seeds=seeds,
            )
        ]


def write_space(networks: Sequence[Section], file: Path) -> None:
    """Write the architectures as a file that `rank` and `train` take.

    Parameters
    ----------
    networks : sequence of dict
    file : Path
    """
    heading = "# The architectures of the study in studies/foretell/README.md."
    _write(file, f"{heading}\n{yaml_text({'networks': list(networks)})}")


def _write(file: Path, text: str) -> None:
    """Write a file of the study; another one of its name stays. Raises ConfigError."""
    if file.is_file() and file.stat().st_size and file.read_bytes() != text.encode():
        raise ConfigError(
            f"{file}: is there already, and is another than this study's: name another folder with --output, "
            "or move that file"
        )
    write_atomic(file, text)


def _space() -> list[Section]:
    """Return the nine of 2018, and of each family the first eight that cost little enough."""
    drawn = spaces.sample_space("all", n=N_DRAWN, seed=0)
    n_families = len(spaces.FAMILIES)
    families = [
        [section for section in drawn[first::n_families] if spaces.cost(section, spaces.SECONDS) <= MOST_COST]
        for first in range(n_families)
    ]
    nine = [{"name": f"{kind} n{n}", "kind": kind, "n_filters": n} for kind, n in SMALL.items()]
    return nine + [section for family in families for section in family[:N_OF_A_FAMILY]]


def _sets(audio: Path | None, output: Path) -> list[Excerpts]:
    """Return ESC-10, rhythms and spoken digits; a tenth of the digits, listed in a file of the output."""
    if audio is None:
        raise DatasetError("name the folder of esc10/ and fsdd/ with --audio DIR")
    digits = audio / "fsdd"
    some = some_rows(digits / "fsdd.csv", DIGITS_STEP, output)
    return [
        Excerpts(Clips(data="esc10", audio=audio / "esc10").data_section(), 5.0),
        Excerpts(Clips(data="toy", target="rhythm").data_section(), 8.0),
        Excerpts(Clips(data=str(some), audio=digits).data_section(), 0.7),
    ]


def some_rows(csv: Path, step: int, output: Path) -> Path:
    """Write a list of every so many-th recording of a CSV file, with all its columns; return its file."""
    try:
        heading, *rows = csv.read_text(encoding="utf-8").splitlines()
    except OSError as problem:
        raise DatasetError(
            f"{csv}: {problem.strerror}: expected a CSV file of clips with the columns path, label and fold, "
            "see studies/foretell/README.md"
        ) from None
    file = output / f"{DIGITS if csv.stem == 'fsdd' else csv.stem}-{len(rows[::step])}.csv"
    _write(file, "\n".join([heading, *rows[::step]]) + "\n")
    return file


def _quick_space() -> list[Section]:
    """Return as many architectures as intervals need: the cheapest that take clips of three seconds."""
    drawn = spaces.sample_space("all", n=N_DRAWN, seed=0)
    short = [section for section in drawn if spaces.shortest_s(section) <= QUICK_SECONDS]
    return sorted(short, key=lambda section: spaces.cost(section, QUICK_SECONDS))[:LEAST]


def _quick_sets(audio: Path | None, output: Path) -> list[Excerpts]:
    """Return 64 clips of toy in two folds, listed in a file of the output."""
    rows = [
        f"{clip.path},{clip.label},{variation % 2}"
        for clip in toy.load(target="rhythm").clips
        if (variation := int(clip.path.stem[-2:])) < QUICK_VARIATIONS
    ]
    file = output / f"toy-{len(rows)}.csv"
    _write(file, "\n".join(["path,label,fold", *rows]) + "\n")
    return [Excerpts(Clips(data=str(file)).data_section(), QUICK_SECONDS)]


_TRAINING = TrainingRecipe(epochs=16, learning_rates=(0.008,), crop=0.5, mixup=0.0)
FULL = Study(
    networks=_space, sets=_sets, recipes=("2018", "v2"), classifiers=("svm", "elm", "ridge"), seeds=3,
    trained_seeds=2, training=_TRAINING, short=replace(_TRAINING, epochs=3),
)  # fmt: skip
QUICK = Study(
    networks=_quick_space, sets=_quick_sets, recipes=("2018",), classifiers=("ridge",), seeds=2,
    trained_seeds=2, training=replace(_TRAINING, epochs=8), short=replace(_TRAINING, epochs=1),
)  # fmt: skip
