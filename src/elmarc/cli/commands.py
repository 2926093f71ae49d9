"""What the commands of `elmarc.cli` do; apart, so that `--help` loads nothing heavy."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape

from elmarc._io import write_atomic
from elmarc.agreement import matching
from elmarc.cli import console
from elmarc.cli.folders import (
    FEATURES,
    check_output,
    check_results_folder,
    check_store,
    check_writable,
    files_read,
)
from elmarc.cli.options import FileOutput, Output, words
from elmarc.comparison.records import Comparison, SystemScore, system_of
from elmarc.datasets.named import RECORDED
from elmarc.errors import ConfigError, ElmarcError
from elmarc.features.store import FeatureStore
from elmarc.networks.section import EXTERNAL
from elmarc.reports import tables
from elmarc.results import Result, collect, to_frame
from elmarc.study import build, plan
from elmarc.study.cells import Cell, failures, finished, make_cells
from elmarc.study.executors import Pool, opened
from elmarc.study.fit import can_be_fitted
from elmarc.study.forecast import Forecast, forecast
from elmarc.study.load import load_config
from elmarc.study.request import Clips, Extract, Rank, Run, Study
from elmarc.study.run import run_cells, seconds
from elmarc.study.spec import Experiment
from elmarc.study.summary import Unwritten, beside, comparable, names_of, summarise, write_run
from elmarc.study.tasks import computing


@dataclass(frozen=True)
class Finished:
    """A run that came to its end: results that can be compared, and how they compare."""

    cells: list[Cell]
    results: list[Result]
    compared: list[Comparison]


def demo(out: Output) -> None:
    """Rank the nine networks on toy, by rhythm and by timbre."""
    store = out.open_store()
    _check_folders(out.output, store)
    runs = []
    for target in ("rhythm", "timbre"):
        request = Rank(data="toy", target=target, networks="all", size="small")
        folder = out.output / target
        work = partial(run_cells, store=store, n_jobs=2)
        runs.append(_run(make_cells(request.experiments(), folder), folder, work=work, quiet=out.quiet))
    results = [result for run in runs for result in run.results]
    show(results, [comparison for run in runs for comparison in run.compared], out)


def run(config: Path, overrides: Sequence[str], where: Run, out: Output) -> None:
    """Run a configuration file."""
    loaded = load_config(config, overrides)
    configs = [loaded] if isinstance(loaded, Experiment) else list(loaded.experiments)
    first = configs[0]
    out = replace(out, output=out.output or first.results / loaded.name, store=out.store or first.store)
    for note in first.notes if not out.quiet else ():
        console.note(note)
    _study(configs, where, out, keep_going=False, timed=False, read=[config])


def study(request: Study, where: Run, out: Output) -> None:
    """Rank or train networks on a data set."""
    _study(request.experiments(), where, out, keep_going=not request.strict)


def reproduce(name: str, audio: Path | None, where: Run, out: Output, **options: Any) -> None:
    """Make the study's figure for a data set anew; `options` as for `plan.reproduction`."""
    plan.choose_names(name, RECORDED, what="data set")
    if audio is None:
        raise ConfigError(f"{name}: where do its clips lie? Say so with --audio DIR")
    configs = plan.reproduction(Clips(data=name, audio=audio).data_section(), **options)
    _study(configs, where, out, keep_going=True, page=out.output / "report.html")


def _study(
    configs: Sequence[Experiment],
    where: Run,
    out: Output,
    *,
    keep_going: bool,
    timed: bool = True,
    read: Sequence[Path] = (),
    page: Path | None = None,
) -> None:
    """Run experiments and print how they compare.

    `timed`: whether the time is predicted; `read`: further files that are read; `page`: one to write.
    """
    store = out.open_store()
    _check_folders(out.output, store)
    cells = make_cells(configs, out.output)
    with workers(where, configs[0], quiet=out.quiet) as executor:
        how: Any = {"store": store, "n_jobs": where.n_jobs, "executor": executor}
        finished = _run(
            cells,
            out.output,
            work=partial(run_cells, keep_going=keep_going, **how),
            quiet=out.quiet,
            budget=where.budget,
            predict=partial(forecast, **how) if timed else None,
            read=read,
            also=[page.name] if page else (),
        )
    if page:
        from elmarc.cli.pages import write_page  # rank does not need it

        write_page(finished.results, finished.compared, page, embed_mb=20.0)
        show(finished.results, finished.compared, out)
        if not out.as_json:
            console.show_beside(finished.compared)
    else:
        _show_run(finished, out)
    end_after(cells)


def extract(request: Extract, where: Run, out: FileOutput) -> None:
    """Write features to a file."""
    from elmarc.features.matrix import FORMATS

    output, store = out.output, out.open_store()
    if output.suffix.lower() not in FORMATS:
        raise ConfigError(f"{output}: its ending says the format: use one of {', '.join(FORMATS)}")
    config = request.experiment()
    data = build.clips(config.data)
    check_output(output, FEATURES, option="--output", force=out.force, read=files_read(config, data.clips))
    check_store(store)
    extractor, notes = build.extractor(config, data, store=store)
    with workers(where, config, quiet=out.quiet) as executor, console.Live(quiet=out.quiet) as live:
        live.on_features(config.label, len(data.clips))
        extraction = extractor.extract(
            data.clips, progress=live.on_clips, compute=computing(config, extractor, executor)
        )
    extraction.matrix.save(output)
    console.show_problems(extraction.skipped, [*data.notes, *notes, *extraction.notes], quiet=out.quiet)
    n_clips, n_features = extraction.matrix.X.shape
    if out.as_json:
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


@contextmanager
def workers(where: Run, config: Experiment, *, quiet: bool) -> Iterator[Pool | None]:
    """Give the executor that was asked for, and print what it has; None is this process."""
    with opened(where, device=config.device) as executor:
        if executor is not None and not quiet:
            console.err.print(escape(executor.described), highlight=False, soft_wrap=True)
        yield executor


def agreement(ranked: Path, trained: Path, *, output: Path, as_json: bool) -> None:
    """Measure how well an untrained ranking predicts a trained one."""
    check_writable(output, option="--output")
    check_results_folder(output, [f"agreement.{ending}" for ending in matching.FORMS])
    sides = []
    for folder in (ranked, trained):
        notes: list[str] = []
        side, more = comparable(collect(folder, notes=notes))
        sides.append(side)
        for note in [*notes, *more]:
            console.note(f"{folder}: {note}")
    try:
        compared = matching.agreements(*sides)
    except ConfigError as problem:
        raise ConfigError(f"{ranked} and {trained}: {problem}") from None
    for ending, form in matching.FORMS.items():
        write_atomic(output / f"agreement.{ending}", form(compared))
    if as_json:
        console.print_json(matching.document(compared))
        return
    console.out.print(escape(matching.to_text(compared)), highlight=False)
    _say_where(output)


def end_after(cells: Sequence[Cell]) -> None:
    """End the command with exit code 1 where one of its cells could not be run."""
    if failures(cells):
        raise typer.Exit(1)


def show(results: list[Result], compared: list[Comparison], out: Output, *, next_step: str = "") -> None:
    """Print the rankings and results of a run, and where everything lies."""
    if out.as_json:
        rankings = [tables.document(each) for each in compared]
        console.print_json({"rankings": rankings, "results": to_frame(results).to_dict(orient="records")})
        return
    console.show_results(compared, results, next_step=next_step)
    _say_where(out.output)


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
    budget: str | float | None = None,
    predict: Callable[[list[Cell]], Forecast] | None = None,
    read: Sequence[Path] = (),
    also: Sequence[str] = (),
) -> Finished:
    """Do the work of cells; write the summary of what is finished also where the run is broken off.

    `read` are further files that the command reads, `also` names of others that it writes.
    """
    timed = ["run.json"] if predict and not quiet else []
    _check_results(cells, folder, read, [*also, *timed])
    start, allowed = time.monotonic(), seconds(budget)
    command = shlex.join(["elmarc", *sys.argv[1:]])
    expected = predict(cells) if predict and not quiet else None
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


def _show_run(run: Finished, out: Output) -> None:
    """Print the answer of a run with what to do next, and how to extract the features of the best."""
    first = run.compared[0]
    cell = _first_cell(first.scores[0], run.cells)
    result = cell.finished() if cell else None
    show(run.results, run.compared, out, next_step="" if out.quiet else _next_step(result, out.output))
    if out.quiet or out.as_json:
        return
    if cell and cell.config.features_file is None and cell.config.classifier:
        line = f"features of the best: {escape(extract_command(cell.config))}"
        console.out.print(line, highlight=False, soft_wrap=True)
    if sentence := beside(run.results, out.output):
        console.note(sentence)


def _first_cell(best: SystemScore, cells: Sequence[Cell]) -> Cell | None:
    """Return the first finished cell of a system, by seed."""
    own = [cell for cell in cells if (r := cell.finished()) is not None and system_of(r) == best.system]
    return min(own, key=lambda cell: cell.config.seed, default=None)


def _next_step(result: Result | None, folder: Path) -> str:
    """Return what to do now: fit the best to classify new clips, read the page."""
    steps = [shlex.join(["elmarc", "report", str(folder)])]
    if result and can_be_fitted(result):
        is_own = (result.config.get("network") or {}).get("kind") == EXTERNAL
        fit = ["elmarc", "fit", "--from", str(folder), *["--trust"] * is_own, "-o", "model.elmarc"]
        steps.insert(0, shlex.join(fit))
    return "; ".join(steps)


def extract_command(config: Experiment, *, output: str = "features.npz") -> str:
    """Return `elmarc extract ...`, quoted for a shell, that gives the features of an experiment."""
    return shlex.join(["elmarc", "extract", *words(Extract.of(config)), "-o", output])
