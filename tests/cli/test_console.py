from __future__ import annotations

import io
import os
from dataclasses import replace

import pytest
from rich.console import Console
from tests.reports.made import STUDY, made
from tests.simulated import simulated_result

from elmarc.cli import console
from elmarc.results import Failure, Skipped
from elmarc.study.forecast import Forecast
from elmarc.study.spec import parse_experiment

RESULT = simulated_result("timbral_temporal", skill=0.8)


def on(monkeypatch, *, name="err", width=80, environment=None, terminal=False):
    """Let one of the module's consoles write into text, on a terminal or into a file."""
    text = io.StringIO()
    fake = Console(file=text, width=width, force_terminal=terminal, _environ=environment or {})
    monkeypatch.setattr(console, name, fake)
    return text


@pytest.mark.parametrize(
    ("environment", "terminal"), [({}, False), ({"TERM": "dumb"}, True), ({"TERM": "unknown"}, True)]
)
def test_where_the_cursor_cannot_move_each_result_is_a_line(monkeypatch, environment, terminal):
    text = on(monkeypatch, environment=environment, terminal=terminal, width=40)
    with console.Live() as live:
        live.on_result(RESULT, resumed=False)
        live.on_result(replace(RESULT, skipped=[Skipped("a.wav", "empty")]), resumed=False)
        live.on_result(RESULT, resumed=True)
    first, second = text.getvalue().strip("\n").split("\n")
    assert first.strip().startswith(f"{100 * RESULT.accuracy:.1f} %")
    assert second.endswith("1 clips skipped")
    assert "\x1b" not in text.getvalue()


@pytest.mark.parametrize("width", [40, 80])
def test_a_terminal_shows_the_accuracy_however_narrow_it_is(monkeypatch, width):
    text = on(monkeypatch, environment={"TERM": "xterm"}, terminal=True, width=width)
    with console.Live() as live:
        live.on_result(RESULT, resumed=False)
    assert f"{100 * RESULT.accuracy:.1f} %" in text.getvalue()


def todo(classifiers=("svm", "elm")):
    networks = ("temporal", "vgg", "mfcc")
    return [
        parse_experiment({"data": "toy", "network": network, "classifier": name, "seed": seed})
        for network in networks
        for seed in ((0,) if network == "mfcc" else (0, 1))
        for name in classifiers
    ]


FORECAST = Forecast(
    {"temporal": 4.0, "vgg": 60.0, "mfcc": 0.0}, {"svm": 30.0, "elm": 0.0}, n_done=5, n_cells=15
)


@pytest.mark.parametrize("forecast", [None, FORECAST])
def test_one_bar_is_for_the_whole_run_and_full_with_its_last_cell_alone(monkeypatch, forecast):
    text = on(monkeypatch, environment={"TERM": "xterm"}, terminal=True)
    live, shares = console.Live(forecast=forecast), []
    task = live._bar.tasks[0]
    look = lambda: shares.append(task.completed / task.total)  # noqa: E731
    live.on_start(todo(), 5)
    assert text.getvalue().split("\n")[0].strip() == "5 of 15 were done"
    groups = [("temporal", 0), ("temporal", 1), ("vgg", 0), ("vgg", 1), ("mfcc", 0)]
    for name, seed in groups:
        live.on_features(name, 300)
        for done in (0, 150, 300):
            live.on_clips(done, 300)
            look()
        for classifier in ("svm", "elm"):
            live.on_classifier(classifier)
            assert task.description == f"{name}: {classifier}"
            look()
            live.on_result(replace(RESULT, features=name, classifier=classifier, seed=seed), resumed=False)
            look()
    assert task.fields["count"] == "15/15"
    assert shares == sorted(shares)
    assert shares[-2] < 1.0 == pytest.approx(shares[-1])


@pytest.mark.parametrize("name", ["timbral_temporal", "frame_level_2018"])
def test_the_line_of_a_training_is_whole_on_80_columns(monkeypatch, name):
    text = on(monkeypatch, environment={"TERM": "xterm"}, terminal=True)
    live = console.Live()
    live.on_start(todo(), 0)
    live.on_features(name, 300)
    live.on_epoch(39, 400, "fold 10, rate 0.004, loss 0.25")
    console.err.print(live._bar)
    assert text.getvalue().rstrip().endswith(f"{name}: fold 10, rate 0.004, loss 0.25")


def test_cells_that_cannot_be_run_are_no_work_any_longer(monkeypatch):
    on(monkeypatch, environment={"TERM": "xterm"}, terminal=True)
    live = console.Live(forecast=FORECAST)
    live.on_start(todo(), 0)
    for name, seed in (("temporal", 0), ("temporal", 1), ("vgg", 0), ("vgg", 1)):
        live.on_features(name, 300)
        live.on_failure([Failure("toy", name, "small", c, "nested", seed, "broken") for c in ("svm", "elm")])
    task = live._bar.tasks[0]
    assert task.completed == 0
    assert task.total == pytest.approx(6.0 + 2 * console.A_CELL_S)  # the fifth of 30 s that mfcc needs


def test_a_fit_of_one_network_shows_clips_and_then_no_end(monkeypatch):
    on(monkeypatch, environment={"TERM": "xterm"}, terminal=True)
    live = console.Live()
    task = live._bar.tasks[0]
    live.on_features("vgg", 300)
    live.on_clips(300, 300)
    assert (task.fields["count"], task.total) == ("300/300 clips", 300)
    live.on_classifier("svm")
    assert task.total is None
    assert task.description == "vgg: svm"


def test_quiet_shows_failures_only(monkeypatch):
    text = on(monkeypatch)
    with console.Live(quiet=True) as live:
        live.on_result(RESULT, resumed=False)
    assert text.getvalue() == ""


def test_no_color_is_heeded(monkeypatch):
    for environment, coloured in (({"TERM": "xterm-256color"}, True), ({"NO_COLOR": "1"}, False)):
        text = on(monkeypatch, environment=environment, terminal=True)
        console.show_problems([("a.wav", "empty")], ["a note"], quiet=False)
        assert ("\x1b[33m" in text.getvalue()) == coloured


def test_results_are_shown_from_the_comparisons_that_are_handed_on(monkeypatch):
    shown, said = on(monkeypatch, name="out"), on(monkeypatch)
    skipping = replace(RESULT, skipped=[Skipped("a [b].wav", "empty")])
    console.show_results([made(STUDY), made(STUDY, dataset="music")], [skipping, skipping])
    assert "sounds: nested, 400 clips, 1 seed" in shown.getvalue()
    assert "music: nested" in shown.getvalue()
    assert said.getvalue() == f"skipped a [b].wav: empty{os.linesep}"
    console.show_results([replace(made(STUDY), notes=("read [twice]",))], [])
    assert said.getvalue().endswith(f"note: read [twice]{os.linesep}")


def test_many_skipped_clips_are_counted_and_a_list_is_named_only_where_there_is_one(monkeypatch):
    skipped = [(f"{k}.wav", "empty") for k in range(console.SHOWN + 3)]
    text = on(monkeypatch)
    console.show_problems(skipped, [], quiet=False)
    assert text.getvalue().splitlines()[-1] == "... and 3 more"
    text = on(monkeypatch)
    console.show_problems(skipped, [], quiet=False, listed_in="--json")
    assert text.getvalue().splitlines()[-1] == "... and 3 more; --json lists them all"
    text = on(monkeypatch)
    console.show_results([], [replace(RESULT, skipped=[Skipped(*each) for each in skipped])])
    assert "result.json lists them all" in text.getvalue()


def test_the_next_step_is_the_last_of_at_most_five_lines_and_is_never_broken(monkeypatch):
    long = f"elmarc fit --from {'runs/' * 20} -o model.elmarc; elmarc report runs"
    shown = on(monkeypatch, name="out", width=100)
    console.show_results([made(STUDY)], [], next_step=long)
    _, _, *body = shown.getvalue().splitlines()
    lines = body[: next(k for k, line in enumerate(body) if not line.strip())]
    assert len(lines) <= 5
    assert lines[-1] == f"Next: {long}"
    assert body[len(lines) + 1].split()[0] == "network"
