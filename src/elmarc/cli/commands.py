"""What the commands of `elmarc.cli` do; apart, so that `--help` loads nothing heavy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from elmarc._atomic import write_atomic
from elmarc._errors import ConfigError, ElmarcError
from elmarc.classifiers.grids import CLASSIFIERS
from elmarc.cli import console
from elmarc.comparison.systems import system_of
from elmarc.config.loading import apply_overrides, load_config, parse_experiment
from elmarc.config.sections import ExperimentConfig
from elmarc.datasets import cache_dir
from elmarc.datasets.opening import RECORDED
from elmarc.experiments import build, studies
from elmarc.experiments.estimate import extraction_times
from elmarc.experiments.media import media_for
from elmarc.experiments.runner import Study
from elmarc.features.store import FeatureStore
from elmarc.networks import NETWORKS, STUDY_NETWORKS
from elmarc.reports.page import build_page
from elmarc.results import Result, collect, to_frame


def demo(output: Path, *, store: FeatureStore, quiet: bool, as_json: bool) -> None:
    """Rank the nine networks on toy, by rhythm and by timbre."""
    networks: list[Any] = [{"kind": name, "size": "small"} for name in STUDY_NETWORKS]
    every = []
    for target in ("rhythm", "timbre"):
        document = {"name": "demo", "data": {"kind": "toy", "target": target}}
        cells = studies.grid_cells(
            document,
            networks=[studies.BASELINE, *networks],
            classifiers=("svm", "elm"),
            seeds=1,
            scale=True,
        )
        every.append((target, cells))
    results = []
    with console.Live(quiet=quiet) as live:
        for target, cells in every:
            study = Study(cells, output / target, store=store, observer=live, n_jobs=2)
            found = study.run()
            studies.write_summary(found, output / target)
            results += found
    show(results, output, as_json=as_json)


def run(
    config: Path,
    overrides: Sequence[str],
    output: Path | None,
    *,
    store: Path | None,
    budget: str | None,
    n_jobs: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run a configuration file."""
    loaded = load_config(config, overrides)
    cells = [loaded] if isinstance(loaded, ExperimentConfig) else loaded.cells()
    folder = output or cells[0].results / loaded.name
    where = store or cells[0].store or cache_dir() / "features"
    for note in cells[0].notes if not quiet else ():
        console.err.print(f"note: {escape(note)}", highlight=False)
    results = _run(
        Study(cells, folder, store=FeatureStore(where), budget_s=seconds(budget), n_jobs=n_jobs), quiet=quiet
    )
    show(results, folder, as_json=as_json)


def rank(
    data: dict[str, Any],
    *,
    networks: str,
    classifiers: str,
    size: str,
    seeds: int,
    protocol: str,
    baseline: bool,
    scale: bool | None,
    budget: str | None,
    common: dict[str, Any],
    precision: str,
    overrides: Sequence[str],
    output: Path,
    store: FeatureStore,
    n_jobs: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Rank networks on a data set."""
    known = [name for name, preset in NETWORKS.items() if not preset.required]
    chosen = (
        list(STUDY_NETWORKS) if networks == "all" else studies.choose_names(networks, known, what="network")
    )
    sections: list[Any] = [{"kind": name, "size": size, "precision": precision} for name in chosen]
    cells = studies.grid_cells(
        {"name": "rank", "data": data, "protocol": protocol, **common},
        networks=[studies.BASELINE] * baseline + sections,
        classifiers=studies.choose_names(classifiers, CLASSIFIERS, what="classifier"),
        seeds=seeds,
        scale=protocol == "nested" if scale is None and common["recipe"] == "2018" else scale,
        overrides=overrides,
    )
    study = Study(
        cells, output, store=store, budget_s=seconds(budget), n_jobs=n_jobs, keep_going=not common["strict"]
    )
    _estimate(study, quiet=quiet)
    show(_run(study, quiet=quiet), output, as_json=as_json)
    if not (quiet or as_json):
        console.out.print(f"to hear the mistakes: elmarc report {escape(str(output))}", highlight=False)


def reproduce(
    name: str,
    audio: Path,
    *,
    size: str,
    seeds: int,
    protocols: Sequence[str],
    overrides: Sequence[str],
    output: Path,
    store: FeatureStore,
    n_jobs: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Make the study's figure for a data set anew."""
    studies.choose_names(name, RECORDED, what="data set")
    cells = studies.reproduction_cells(
        name, audio=audio, size=size, seeds=seeds, protocols=protocols, overrides=overrides
    )
    study = Study(cells, output, store=store, n_jobs=n_jobs, keep_going=True)
    _estimate(study, quiet=quiet)
    results = _run(study, quiet=quiet)
    report(output, output / "report.html", embed_mb=20.0, quiet=True)
    show(results, output, as_json=as_json)
    if not as_json:
        console.show_beside(results)


def extract(
    data: dict[str, Any],
    network: dict[str, Any],
    output: Path,
    *,
    common: dict[str, Any],
    overrides: Sequence[str],
    store: FeatureStore,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write features to a file."""
    from elmarc.features.matrix import FORMATS

    if output.suffix.lower() not in FORMATS:
        raise ConfigError(f"{output}: its ending says the format: use one of {', '.join(FORMATS)}")
    baseline = network["kind"] == studies.BASELINE
    document = {"data": data, "network": studies.BASELINE if baseline else network, **common}
    config = parse_experiment(apply_overrides(document, overrides))
    found = build.dataset(config.data)
    extractor, notes = build.extractor(config, found, store=store)
    with console.Live(quiet=quiet) as live:
        live.on_features(network["kind"], len(found.clips))
        extraction = extractor.extract(found.clips, progress=live.on_clips)
    extraction.matrix.save(output)
    console.show_problems(extraction.skipped, [*found.notes, *notes], quiet=quiet)
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


def report(folder: Path, output: Path, *, embed_mb: float, quiet: bool) -> None:
    """Write the page of a folder of results."""
    results = newest(collect(folder))
    media, groups = {}, {}
    for name in dict.fromkeys(result.dataset for result in results):
        of_set = [result for result in results if result.dataset == name]
        try:
            clips = studies.open_source(of_set[0]).clips
        except ElmarcError as problem:
            console.err.print(
                f"note: {escape(str(problem))}: {escape(name)} gets no players", highlight=False
            )
            continue
        media[name] = media_for(of_set, clips)
        groups[name] = {clip.id: clip.group for clip in clips if clip.group}
    page = build_page(results, media=media, groups=groups, max_audio_mb=embed_mb)
    write_atomic(output, page)
    if not quiet:
        console.out.print(f"{escape(str(output.resolve()))}", highlight=False, soft_wrap=True)


def newest(results: Sequence[Result]) -> list[Result]:
    """Keep the newest of the results that answer the same question: clips may have changed between runs."""
    kept: dict[object, Result] = {}
    for result in sorted(results, key=lambda result: result.created):
        kept[result.dataset, result.protocol, system_of(result), result.seed] = result
    if len(kept) < len(results):
        n_older = len(results) - len(kept)
        console.err.print(f"note: {n_older} older results, of other clips or settings, are left out")
    return list(kept.values())


def show(results: list[Result], folder: Path, *, as_json: bool) -> None:
    """Write the summary of a run, print its tables and say where everything lies."""
    if as_json:
        console.print_json(to_frame(results).to_dict(orient="records"))
        return
    console.show_results(results)
    console.out.print(f"results, tables and figures: {escape(str(folder.resolve()))}", highlight=False)


def seconds(text: str | None) -> float | None:
    """Read a duration: 120, 120s, 10m or 2h.

    >>> seconds("2m")
    120.0
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if match is None:
        raise ConfigError(f"--budget {text}: expected a time as 120s, 10m or 2h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def _estimate(study: Study, *, quiet: bool) -> None:
    """Open the data, where the user's mistakes show first, and say how long its features take."""
    if quiet:
        study.dataset(study.configs[0].data)
    else:
        console.show_estimate(extraction_times(study.configs, study.dataset))


def _run(study: Study, *, quiet: bool) -> list[Result]:
    with console.Live(quiet=quiet) as live:
        study.observer = live
        try:
            results = study.run()
        finally:
            finished = study.finished()
            if finished:
                studies.write_summary(finished, study.folder)
    return results
