"""What the commands do that run studies (rank, train, run, ...) or read results (report, agreement)."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import typer

from elmarc._io import write_atomic
from elmarc.agreement import matching
from elmarc.cli import console
from elmarc.cli.folders import (
    PAGE,
    check_not_read,
    check_output,
    check_results_folder,
    check_store,
    check_writable,
    files_read,
)
from elmarc.cli.options import Output, words
from elmarc.comparison.compare import comparisons
from elmarc.comparison.records import Comparison, system_of
from elmarc.datasets.named import RECORDED
from elmarc.errors import ConfigError, ElmarcError
from elmarc.features.fitted import FITTED
from elmarc.networks.section import EXTERNAL
from elmarc.reports import figures, tables
from elmarc.results import Result, collect, to_frame
from elmarc.study import build, plan
from elmarc.study.cells import Cell, failures, finished, make_cells
from elmarc.study.executors import opened
from elmarc.study.fit import can_be_fitted
from elmarc.study.forecast import Forecast, forecast
from elmarc.study.load import load_config
from elmarc.study.observer import Observer
from elmarc.study.race import FIGURE, FOUND, PLAN, Found, run_race
from elmarc.study.request import Clips, Extract, Rank, Run, Train
from elmarc.study.run import run_cells, seconds
from elmarc.study.spec import Experiment
from elmarc.study.summary import (
    Unwritten,
    beside,
    comparable,
    names_of,
    read_failures,
    still_failed,
    summarise,
    without_results,
    write_run,
)


def demo(out: Output) -> None:
    """Rank networks on toy, by rhythm and by timbre."""
    store = out.open_store()
    check_writable(out.output, option="--output")
    check_store(store)
    results: list[Result] = []
    compared: list[Comparison] = []
    for target in ("rhythm", "timbre"):
        request = Rank(data="toy", target=target)
        part = replace(out, output=out.output / target)
        cells = make_cells(request.experiments(), part.output)
        more = _run(cells, part, work=partial(run_cells, store=store, n_jobs=2))
        results, compared = results + more[0], compared + more[1]
    _show(results, compared, out)


def run_file(config: Path, overrides: Sequence[str], where: Run, out: Output) -> None:
    """Run a configuration file."""
    loaded = load_config(config, overrides)
    configs = [loaded] if isinstance(loaded, Experiment) else list(loaded.experiments)
    first = configs[0]
    out = replace(out, output=out.output or first.results / loaded.name, store=out.store or first.store)
    for note in first.notes if not out.quiet else ():
        console.note(note)
    run(configs, where, out, keep_going=False, timed=False, read=[config])


def reproduce(name: str, audio: Path | None, where: Run, out: Output, **options: Any) -> None:
    """Make the study's figure for a data set anew; `options` as for `plan.reproduction`."""
    plan.choose_names(name, RECORDED, what="data set")
    if audio is None:
        raise ConfigError(f"{name}: where do its clips lie? Say so with --audio DIR")
    configs = plan.reproduction(Clips(data=name, audio=audio).data_section(), **options)
    run(configs, where, out, keep_going=True, page=out.output / "report.html")


def run(
    configs: Sequence[Experiment],
    where: Run,
    out: Output,
    *,
    keep_going: bool,
    timed: bool = True,
    read: Sequence[Path] = (),
    page: Path | None = None,
) -> None:
    """Run experiments and print how they compare; exit code 1 where a cell could not be run.

    `timed`: whether the time is predicted; `read`: further files that are read; `page`: one to write.
    """
    store = out.open_store()
    check_writable(out.output, option="--output")
    check_store(store)
    cells = make_cells(configs, out.output)
    with opened(where, device=configs[0].device) as executor:
        if executor is not None and not out.quiet:
            console.log(executor.described)
        how: Any = {"store": store, "n_jobs": where.n_jobs, "executor": executor}
        results, compared = _run(
            cells,
            out,
            work=partial(run_cells, keep_going=keep_going, **how),
            budget=where.budget,
            predict=partial(forecast, **how) if timed and not out.quiet else None,
            read=read,
            also=[page.name] if page else (),
        )
    if page:
        _write_page(results, compared, page, embed_mb=20.0)
        _show(results, compared, out)
        if not out.as_json:
            console.show_protocols(compared)
    else:
        _show_ranking(cells, results, compared, out)
    if failures(cells):
        raise typer.Exit(1)


def race(study: Train, where: Run, out: Output) -> None:
    """Race networks, and print which to use, trained or untrained."""
    budget_s = seconds(where.budget)
    assert budget_s is not None
    store = out.open_store()
    check_writable(out.output, option="--output")
    check_store(store)
    cells = make_cells(study.race(), out.output)
    found: list[Found] = []
    with opened(where, device=study.device) as executor:
        if executor is not None and not out.quiet:
            console.log(executor.described)

        def work(cells: Sequence[Cell], *, observer: Observer, command: str, **_: Any) -> list[Result]:
            found.append(
                run_race(
                    cells, budget_s=budget_s, store=store, observer=observer, n_jobs=where.n_jobs,
                    executor=executor, keep_going=not study.strict, command=command,
                )
            )  # fmt: skip
            return list(found[0].results)

        results, compared = _run(cells, out, work=work, also=[PLAN, FOUND, *figures.names(FIGURE)])
    _show_ranking(cells, results, compared, out, first=found[0].answer())
    if failures(cells):
        raise typer.Exit(1)


def _run(
    cells: list[Cell],
    out: Output,
    *,
    work: Callable[..., list[Result]],
    budget: str | float | None = None,
    predict: Callable[[list[Cell]], Forecast] | None = None,
    read: Sequence[Path] = (),
    also: Sequence[str] = (),
) -> tuple[list[Result], list[Comparison]]:
    """Do the work of cells, and write the summary of what is finished, also where the run is broken off.

    `read` are further files that the command reads, `also` names of others that it writes.
    """
    folder = out.output
    kinds = {(cell.material.dataset.name, cell.config.protocol) for cell in cells}
    written = [*names_of(kinds), *also, *(["run.json"] if predict else [])]
    firsts = {(id(cell.material), cell.config.features_file, cell.config.network): cell for cell in cells}
    used = (files_read(cell.config, cell.material.dataset.clips) for cell in firsts.values())
    check_results_folder(folder, written, read=chain(read, *used))
    start, allowed = time.monotonic(), seconds(budget)
    command = shlex.join(["elmarc", *sys.argv[1:]])
    expected = predict(cells) if predict else None
    if expected is not None:
        console.show_forecast(expected)
    left = None if allowed is None else allowed - (time.monotonic() - start)
    try:
        with console.Live(quiet=out.quiet, forecast=expected) as live:
            results = work(cells, observer=live, budget_s=left, command=command)
    except BaseException:
        _summarise_unfinished(cells, folder)
        raise
    if expected is not None:
        taken_s = time.monotonic() - start
        write_run(folder, forecast_s=expected.seconds, taken_s=taken_s)
        console.show_taken(expected, taken_s)
    return _summarise(results, folder, cells)


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


def _summarise_unfinished(cells: Sequence[Cell], folder: Path) -> None:
    """Write the summary of a run that a problem ended; what goes wrong here must not hide that problem."""
    try:
        if results := finished(cells):
            _, compared = _summarise(results, folder, cells)
            where = folder / "ranking.txt" if len(compared) == 1 else folder
            console.log(f"{len(results)} of {len(cells)} were done; the ranking so far: {where}")
    except Exception as second:
        console.note(f"no summary of what is finished: {second}")


def _show_ranking(
    cells: Sequence[Cell],
    results: list[Result],
    compared: list[Comparison],
    out: Output,
    *,
    first: Sequence[str] = (),
) -> None:
    """Print the answer of a run with what to do next, and how to extract the features of the best.

    The lines `first` come before the answer, unless it is JSON.
    """
    for line in () if out.as_json else first:
        console.say(line)
    best = compared[0].scores[0].system
    of_best = [(c, r) for c in cells if (r := c.finished()) is not None and system_of(r) == best]
    config, result = None, None
    steps = [shlex.join(["elmarc", "report", str(out.output)])]
    if of_best:
        cell, result = min(of_best, key=lambda pair: pair[0].config.seed)
        config = cell.config
        if can_be_fitted(result):
            is_own = (result.config.get("network") or {}).get("kind") == EXTERNAL
            fit = ["elmarc", "fit", "--from", str(out.output), *["--trust"] * is_own, "-o", "model.elmarc"]
            steps.insert(0, shlex.join(fit))
    _show(results, compared, out, next_step="" if out.quiet else "; ".join(steps))
    if out.quiet or out.as_json:
        return
    if config and config.features_file is None and config.classifier and config.frontend.kind not in FITTED:
        console.say(f"features of the best: {extract_command(config)}")
    if sentence := beside(results, out.output):
        console.note(sentence)


def extract_command(config: Experiment) -> str:
    """Return `elmarc extract ...`, quoted for a shell, that makes the features of an experiment."""
    return shlex.join(["elmarc", "extract", *words(Extract.of(config)), "-o", "features.npz"])


def _show(results: list[Result], compared: list[Comparison], out: Output, *, next_step: str = "") -> None:
    """Print rankings and results, and where the files are."""
    if out.as_json:
        rankings = [tables.document(each) for each in compared]
        console.print_json({"rankings": rankings, "results": to_frame(results).to_dict(orient="records")})
        return
    console.show_results(compared, results, next_step=next_step)
    console.say(f"results, tables and figures: {out.output.resolve()}")


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
    else:
        console.say(matching.to_text(compared))
        console.say(f"results, tables and figures: {output.resolve()}")


def report(folders: Sequence[Path], output: Path, *, embed_mb: float, force: bool, quiet: bool) -> None:
    """Write the page of folders of results."""
    files = (file for folder in folders for file in folder.rglob("result.json"))
    check_output(output, PAGE, option="--output", force=force, read=files)
    notes: list[str] = []
    results, more = comparable([result for folder in folders for result in collect(folder, notes=notes)])
    failed = still_failed([failure for folder in folders for failure in read_failures(folder)], results)
    compared = comparisons(results, failed=failed)
    for note in [*notes, *more, *without_results(failed, compared)]:
        console.note(note)
    _write_page(results, compared, output, embed_mb=embed_mb)
    if not quiet:
        console.say(str(output.resolve()))


def _write_page(
    results: Sequence[Result], compared: Sequence[Comparison], output: Path, *, embed_mb: float
) -> None:
    """Write the page of results; a data set whose clips cannot be opened gets no players."""
    from elmarc.reports.media import media_for  # a ranking needs neither
    from elmarc.reports.page import build_page

    media, read = {}, list[Path]()
    for name in dict.fromkeys(result.dataset for result in results):
        of_set = [result for result in results if result.dataset == name]
        try:
            clips = build.open_source(of_set[0]).clips
            read += [*map(Path, map(str, of_set[0].source.values())), *(clip.path for clip in clips)]
            media[name] = media_for(of_set, clips, page_folder=output.parent)
        except ElmarcError as problem:
            console.note(f"{problem}: {name} gets no players")
    check_not_read(output, read, option="--output")
    write_atomic(output, build_page(results, compared=compared, media=media, max_media_mb=embed_mb))
