"""What the commands of `elmarc.cli` do; apart, so that `--help` loads nothing heavy."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape

from elmarc.cli import console
from elmarc.cli.folders import (
    FEATURES,
    check_output,
    check_results_folder,
    check_store,
    check_writable,
    files_read,
)
from elmarc.cli.pages import write_page
from elmarc.cli.where import workers
from elmarc.cli.winner import extract_command, fit_command, winning_cell, with_seeds
from elmarc.comparison.records import Comparison
from elmarc.datasets import cache_dir
from elmarc.datasets.named import RECORDED
from elmarc.errors import ConfigError, ElmarcError
from elmarc.features.store import FeatureStore
from elmarc.networks import STUDY_NETWORKS
from elmarc.reports import agreements, tables
from elmarc.results import Result, to_frame
from elmarc.study import build, studies, trained
from elmarc.study.cells import Cell, failures, finished, make_cells
from elmarc.study.documents import load_config
from elmarc.study.executors import Wanted
from elmarc.study.forecast import Forecast, forecast
from elmarc.study.foretelling import WRITTEN, agreements_of, write_agreements
from elmarc.study.runner import run_cells, seconds
from elmarc.study.spec import TRAINED, Experiment
from elmarc.study.summary import Unwritten, beside, names_of, summarise, write_run
from elmarc.study.training_forecast import training_forecast
from elmarc.study.winner import can_be_fitted
from elmarc.training.recipe import TrainingRecipe


@dataclass(frozen=True)
class Finished:
    """A run that came to its end: results that can be compared, and how they compare."""

    cells: list[Cell]
    results: list[Result]
    compared: list[Comparison]

    def end(self) -> None:
        """End the command with exit code 1 where a cell could not be run; what can be has been."""
        end_after(self.cells)


def demo(output: Path, *, store: FeatureStore, quiet: bool, as_json: bool) -> None:
    """Rank the nine networks on toy, by rhythm and by timbre."""
    networks: list[Any] = [{"kind": name, "size": "small"} for name in STUDY_NETWORKS]
    _check_folders(output, store)
    runs = []
    for target in ("rhythm", "timbre"):
        configs = studies.grid_cells(
            {"name": "demo", "recipe": "2018", "data": {"kind": "toy", "target": target}},
            networks=[studies.BASELINE, *networks],
            classifiers=("svm", "elm"),
            seeds=2,
            standardise=True,
        )
        cells = make_cells(configs, output / target)
        runs.append(_run(cells, output / target, work=partial(run_cells, store=store, n_jobs=2), quiet=quiet))
    show(
        [result for run in runs for result in run.results],
        [comparison for run in runs for comparison in run.compared],
        output,
        as_json=as_json,
    )


def run(
    config: Path,
    overrides: Sequence[str],
    output: Path | None,
    *,
    store: Path | None,
    budget: str | None,
    n_jobs: int,
    wanted: Wanted,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run a configuration file."""
    loaded = load_config(config, overrides)
    configs = [loaded] if isinstance(loaded, Experiment) else loaded.cells()
    folder = output or configs[0].results / loaded.name
    kept = FeatureStore(store or configs[0].store or cache_dir() / "features")
    _check_folders(folder, kept)
    for note in configs[0].notes if not quiet else ():
        console.note(note)
    cells = make_cells(configs, folder)
    with workers(wanted, configs[0], quiet=quiet) as executor:
        work = partial(run_cells, store=kept, n_jobs=n_jobs, executor=executor)
        run = _run(cells, folder, work=work, budget=budget, quiet=quiet, read=[config])
    _show_run(run, folder, quiet=quiet, as_json=as_json)
    run.end()


def rank(
    data: dict[str, Any],
    *,
    networks: str,
    classifiers: str,
    size: str,
    seeds: int,
    protocol: str,
    baseline: bool,
    standardise: bool | None,
    features: Sequence[str],
    budget: str | None,
    common: dict[str, Any],
    precision: str,
    overrides: Sequence[str],
    output: Path,
    store: FeatureStore,
    n_jobs: int,
    wanted: Wanted,
    quiet: bool,
    as_json: bool,
) -> None:
    """Rank networks, and features made elsewhere, on a data set."""
    configs = studies.ranking_cells(
        data,
        networks=networks,
        classifiers=classifiers,
        size=size,
        precision=precision,
        seeds=seeds,
        protocol=protocol,
        baseline=baseline,
        standardise=standardise,
        features=features,
        overrides=overrides,
        **common,
    )
    _check_folders(output, store)
    cells, keep_going = make_cells(configs, output), not common["strict"]
    with workers(wanted, configs[0], quiet=quiet) as executor:
        run = _run(
            cells, output, budget=budget, quiet=quiet,
            work=partial(run_cells, store=store, n_jobs=n_jobs, keep_going=keep_going, executor=executor),
            foretell=partial(forecast, store=store, n_jobs=n_jobs),
        )  # fmt: skip
    _show_run(run, output, quiet=quiet, as_json=as_json)
    run.end()


def train(
    data: dict[str, Any],
    *,
    networks: str,
    size: str,
    seeds: int,
    recipe: TrainingRecipe,
    budget: str | None,
    common: dict[str, Any],
    overrides: Sequence[str],
    output: Path,
    store: FeatureStore,
    wanted: Wanted,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train networks on a data set."""
    configs = trained.training_configs(
        data, networks=networks, size=size, seeds=seeds, overrides=overrides, **common
    )
    _check_folders(output, store)
    cells = trained.as_trained(make_cells(configs, output), recipe)
    with workers(wanted, configs[0], quiet=quiet) as executor:
        work = partial(trained.train_cells, recipe=recipe, store=store, executor=executor)
        run = _run(
            cells, output, budget=budget, quiet=quiet, work=partial(work, keep_going=not common["strict"]),
            foretell=partial(training_forecast, recipe=recipe, executor=executor),
        )  # fmt: skip
    _show_run(run, output, quiet=quiet, as_json=as_json)
    run.end()


def reproduce(
    name: str,
    audio: Path | None,
    *,
    size: str,
    seeds: int,
    protocols: Sequence[str],
    overrides: Sequence[str],
    output: Path,
    store: FeatureStore,
    n_jobs: int,
    wanted: Wanted,
    quiet: bool,
    as_json: bool,
) -> None:
    """Make the study's figure for a data set anew."""
    studies.choose_names(name, RECORDED, what="data set")
    if audio is None:
        raise ConfigError(f"{name}: where do its clips lie? Say so with --audio DIR")
    configs = studies.reproduction_cells(
        name, audio=audio, size=size, seeds=seeds, protocols=protocols, overrides=overrides
    )
    _check_folders(output, store)
    cells = make_cells(configs, output)
    with workers(wanted, configs[0], quiet=quiet) as executor:
        run = _run(
            cells, output, quiet=quiet, also=["report.html"],
            work=partial(run_cells, store=store, n_jobs=n_jobs, keep_going=True, executor=executor),
            foretell=partial(forecast, store=store, n_jobs=n_jobs),
        )  # fmt: skip
    write_page(run.results, run.compared, output / "report.html", embed_mb=20.0)
    show(run.results, run.compared, output, as_json=as_json)
    if not as_json:
        console.show_beside(run.compared)
    run.end()


def extract(
    data: dict[str, Any],
    network: dict[str, Any],
    output: Path,
    *,
    common: dict[str, Any],
    overrides: Sequence[str],
    store: FeatureStore,
    wanted: Wanted,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write features to a file."""
    from elmarc.features.files import FORMATS

    if output.suffix.lower() not in FORMATS:
        raise ConfigError(f"{output}: its ending says the format: use one of {', '.join(FORMATS)}")
    config = studies.extraction_config(data, network, common, overrides)
    found = build.clips(config.data)
    read = files_read(config, found.clips)
    check_output(output, FEATURES, option="--output", force=force, read=read)
    check_store(store)
    extractor, notes = build.extractor(config, found, store=store)
    with workers(wanted, config, quiet=quiet) as executor, console.Live(quiet=quiet) as live:
        live.on_features(config.label, len(found.clips))
        compute = executor.computing(config) if executor else None
        extraction = extractor.extract(found.clips, progress=live.on_clips, compute=compute)
    extraction.matrix.save(output)
    console.show_problems(extraction.skipped, [*found.notes, *notes, *extraction.notes], quiet=quiet)
    n_clips, n_features = extraction.matrix.X.shape
    if as_json:
        skipped = [{"id": name, "reason": reason} for name, reason in extraction.skipped]
        console.print_json(
            {"output": str(output), "n_clips": n_clips, "n_features": n_features, "skipped": skipped,
             "n_computed": extraction.n_computed, "seconds": extraction.seconds}
        )  # fmt: skip
    else:
        console.out.print(
            f"{output}: {n_clips} clips x {n_features} features, "
            f"{extraction.n_computed} computed in {extraction.seconds:.1f} s",
            highlight=False,
        )


def agreement(
    ranked: Path,
    trained: Path,
    *,
    short: Path | None,
    naswot: bool,
    output: Path,
    as_json: bool,
    trust: bool = False,
) -> None:
    """Say how well an untrained ranking foretells a trained one."""
    check_writable(output, option="--output")
    check_results_folder(output, WRITTEN)
    found, notes = agreements_of(ranked, trained, short=short, naswot=naswot, trust=trust)
    for note in notes:
        console.note(note)
    write_agreements(found, output)
    if as_json:
        console.print_json(agreements.document(found))
        return
    for each in found:
        console.out.print(agreements.shown(each), highlight=False)
    _say_where(output)


def end_after(cells: Sequence[Cell]) -> None:
    """End the command with exit code 1 where one of its cells could not be run."""
    if failures(cells):
        raise typer.Exit(1)


def show(
    results: list[Result], compared: list[Comparison], folder: Path, *, as_json: bool, next_step: str = ""
) -> None:
    """Print the rankings and results of a run, and where everything lies."""
    if as_json:
        rankings = [tables.document(each) for each in compared]
        console.print_json({"rankings": rankings, "results": to_frame(results).to_dict(orient="records")})
        return
    console.show_results(compared, results, next_step=next_step)
    _say_where(folder)


def _say_where(folder: Path) -> None:
    console.out.print(f"results, tables and figures: {escape(str(folder.resolve()))}", highlight=False)


def _check_folders(output: Path, store: FeatureStore) -> None:
    """Refuse folders that cannot be written before any work is done."""
    check_writable(output, option="--output")
    check_store(store)


def _run(
    cells: list[Cell],
    folder: Path,
    *,
    work: Callable[..., list[Result]],
    quiet: bool,
    budget: str | None = None,
    foretell: Callable[[list[Cell]], Forecast] | None = None,
    read: Sequence[Path] = (),
    also: Sequence[str] = (),
) -> Finished:
    """Do the work of cells; write the summary of what is finished also where the run is broken off.

    `read` are further files that the command reads, `also` names of others that it writes.
    """
    timed = ["run.json"] if foretell and not quiet else []
    _check_results(cells, folder, read, [*also, *timed])
    start, allowed = time.monotonic(), seconds(budget)
    command = shlex.join(["elmarc", *sys.argv[1:]])
    expected = foretell(cells) if foretell and not quiet else None
    if expected is not None:
        console.show_forecast(expected)
    left = None if allowed is None else allowed - (time.monotonic() - start)
    try:
        with console.Live(quiet=quiet, forecast=expected) as live:
            results = work(cells, observer=live, budget_s=left, command=command)
    except BaseException:
        _summarise_what_there_is(cells, folder)
        raise
    _end(folder, expected, time.monotonic() - start)
    own, compared = _summarise(results, folder, cells)
    return Finished(cells, own, compared)


def _check_results(cells: list[Cell], folder: Path, read: Sequence[Path], also: Sequence[str]) -> None:
    """Refuse a folder in which a run would replace what is read, or what no run wrote."""
    names = [*names_of({(cell.material.dataset.name, cell.config.protocol) for cell in cells}), *also]
    firsts = {(id(cell.material), cell.config.features_file, cell.config.network): cell for cell in cells}
    used = (files_read(cell.config, cell.material.dataset.clips) for cell in firsts.values())
    check_results_folder(folder, names, read=chain(read, *used))


def _summarise(
    results: Sequence[Result], folder: Path, cells: Sequence[Cell]
) -> tuple[list[Result], list[Comparison]]:
    own, compared, notes = summarise(results, folder, failures(cells))
    if lost := [note for note in notes if isinstance(note, Unwritten)]:
        raise ElmarcError(f"{lost[0]}: results are kept; make room, and run the same command again")
    of_data = (note for cell in cells for note in cell.material.dataset.notes)
    for note in dict.fromkeys([*of_data, *notes]):
        console.note(note)
    return own, compared


def _summarise_what_there_is(cells: Sequence[Cell], folder: Path) -> None:
    """Write the summary of a run that a problem ended; what goes wrong here must not hide that problem."""
    try:
        if results := finished(cells):
            _, compared = _summarise(results, folder, cells)
            where = folder / "ranking.txt" if len(compared) == 1 else folder
            text = f"{len(results)} of {len(cells)} were done; the ranking so far: {where}"
            console.err.print(escape(text), highlight=False, soft_wrap=True)
    except Exception as second:
        console.note(f"no summary of what is finished: {second}")


def _end(folder: Path, expected: Forecast | None, taken_s: float) -> None:
    """Keep what a run took beside what was expected, and say it."""
    if expected is not None:
        write_run(folder, forecast_s=expected.seconds, taken_s=taken_s)
        console.show_taken(expected, taken_s)


def _show_run(run: Finished, folder: Path, *, quiet: bool, as_json: bool) -> None:
    """Print the answer of a run with what to do next, and how to extract the features of the best."""
    first = run.compared[0]
    winner = winning_cell(first.scores[0], run.cells)
    result = winner.finished() if winner else None
    next_step = "" if quiet else _next_step(first, result, folder)
    show(run.results, run.compared, folder, as_json=as_json, next_step=next_step)
    if quiet or as_json:
        return
    if winner and result and winner.config.features_file is None and result.classifier != TRAINED:
        line = f"features of the best: {escape(extract_command(winner.config))}"
        console.out.print(line, highlight=False, soft_wrap=True)
    if sentence := beside(run.results, folder):
        console.note(sentence)


def _next_step(first: Comparison, result: Result | None, folder: Path) -> str:
    """Return what to do now: take more seeds where nothing is tested; classify new clips; read the page."""
    steps = [f"elmarc report {shlex.quote(str(folder))}"]
    if not first.design.can_tell and (more := first.design.more_seeds):
        steps.insert(0, with_seeds(sys.argv[1:], more))
    elif result and can_be_fitted(result):
        steps.insert(0, fit_command(folder, result))
    return "; ".join(steps)
