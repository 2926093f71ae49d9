from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from itertools import product

import pandas as pd
import pytest
from rich.console import Console
from tests.reports.made import NETWORKS, STUDY, made
from tests.simulated import simulated_result

from elmarc.comparison.answer import answer, details
from elmarc.comparison.compare import compare
from elmarc.reports import tables, terminal, wording
from elmarc.reports.published import published, published_bar, study_place
from elmarc.reports.tables import report_text
from elmarc.results import Skipped

CLASSIFIERS = ("svm", "elm", "ridge", "knn")
NAMES = [f" {name} " for name in NETWORKS]
LONG = {**STUDY, "timbral_temporal_audio (small) (recipe 12)": 0.701}


@pytest.fixture(scope="module")
def comparison():
    cells = [("vgg", "svm", 0.9), ("vgg", "elm", 0.6), ("mfcc", "svm", 0.7)]
    return compare([simulated_result(f, c, skill=s, seed=k) for f, c, s in cells for k in range(3)])


def numbers_of(comparison):
    """Every number that a table shows of a system: it must stand whole."""
    return [
        (s.name.split(" ")[0], wording.percent(s.accuracy, s.deviation), wording.interval(s.low, s.high))
        for s in comparison.scores
    ]


@pytest.mark.parametrize(
    ("width", "n_classifiers", "n_seeds"), [*product((80, 100, 140), (1, 2, 3, 4), (1, 2, 5))]
)
def test_tables_fit_their_width_and_break_no_number(width, n_classifiers, n_seeds):
    comparison = made(LONG, CLASSIFIERS[:n_classifiers], n_seeds=n_seeds)
    console = Console(file=io.StringIO(), width=width)
    console.print(terminal.ranking(comparison))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    lines = shown.splitlines()
    assert "…" not in shown
    assert max(map(len, lines)) <= width
    for name, accuracy, interval in numbers_of(comparison):
        assert any(line.split()[:1] == [name] and accuracy in line and interval in line for line in lines)


@pytest.mark.parametrize("width", [36, 48, 60])
def test_a_narrow_terminal_cuts_no_accuracy(width):
    comparison = made(LONG, CLASSIFIERS[:3], n_seeds=5)
    shown = tables.to_text(comparison, width=width)
    assert "…" not in shown
    for _, accuracy, _ in numbers_of(comparison):
        assert accuracy in shown


def test_classifiers_stand_side_by_side_where_there_is_room_and_below_each_other_where_not():
    comparison = made(STUDY, CLASSIFIERS[:3], n_seeds=3)
    texts = [tables.to_text(comparison, width=width).splitlines() for width in (80, 140)]
    headings = [[line.split() for line in lines if line.startswith(" network ")] for lines in texts]
    assert [line[:2] for line in headings[0]] == [["network", c] for c in CLASSIFIERS[:3]]
    (wide,) = headings[1]
    assert [word for word in wide if word in CLASSIFIERS] == ["svm", "elm", "ridge"]


def test_each_classifier_s_own_table_is_sorted_by_its_accuracies():
    comparison = made(classifiers=("svm", "elm"))
    scores = {(s.name, s.system.classifier): s for s in comparison.scores}
    scores["vgg", "elm"] = replace(scores["vgg", "elm"], accuracy=0.2)
    scores["mfcc", "elm"] = replace(scores["mfcc", "elm"], accuracy=0.95)
    ordered = tuple(sorted(scores.values(), key=lambda s: -s.accuracy))
    text = tables.to_text(replace(comparison, scores=ordered, families=()), width=56)
    names = [line.split()[0] for line in text.splitlines() if line.startswith(tuple(NAMES))]
    assert names == ["mfcc", "temporal", "frame_level", "vgg", "vgg", "temporal", "mfcc", "frame_level"]


def test_a_file_gets_text_without_colour_whatever_the_environment_says(comparison, monkeypatch):
    before = tables.to_text(comparison)
    for name, value in (("FORCE_COLOR", "1"), ("COLUMNS", "20"), ("TERM", "xterm-256color")):
        monkeypatch.setenv(name, value)
    assert tables.to_text(comparison) == before
    assert "\x1b" not in before
    assert max(map(len, before.splitlines())) <= 80


def test_terminal_and_file_begin_with_the_answer(comparison):
    sentences = answer(comparison)
    for text in (tables.to_text(comparison, width=400), shown_on(400, comparison)):
        first, blank, *body = (line.rstrip() for line in text.splitlines())
        assert (first, blank) == (wording.heading(comparison), "")
        assert tuple(body[: len(sentences) + 1]) == (*sentences, "")


def test_the_file_has_details_and_notes_that_the_terminal_leaves_out(comparison):
    noted = replace(comparison, notes=("clips were padded",))
    lines = [*details(noted), *wording.legend(noted), "Note: clips were padded"]
    assert len(lines) > 3
    assert set(lines) <= set(tables.to_text(noted, width=400).splitlines())
    assert not set(lines) & set(shown_on(400, noted).splitlines())


def shown_on(width, comparison):
    console = Console(file=io.StringIO(), width=width)
    console.print(terminal.ranking(comparison))
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", ["txt", "md", "tex"])
def test_every_table_has_a_line_for_chance_and_for_the_largest_class(form):
    text = tables.FORMS[form](made(chance=0.1, majority=0.314))
    assert re.search(r"^\W*chance\b.*\b10\.0\b", text, flags=re.M)
    assert re.search(r"^\W*largest class\b.*\b31\.4\b", text, flags=re.M)
    assert "chance, largest class" in tables.FORMS[form](made(chance=0.25, majority=0.25))


def test_letters_are_left_out_where_the_design_tells_nothing_apart():
    comparison = made(can_tell=False)
    for text in (tables.to_text(comparison), tables.to_latex(comparison)):
        assert "ties" not in text
        assert "share a letter" not in text
    assert "share a letter" in tables.to_text(made())


def test_the_legend_claims_only_what_the_table_shows():
    cases = made(), made(n_seeds=2), made(n_groups=20)
    one, several, grouped = (" ".join(wording.legend(comparison)) for comparison in cases)
    assert "deviation" not in one
    assert "over clips." in one
    assert "standard deviation over seeds" in several
    assert "over clips and seeds" in several
    assert "over groups of clips" in grouped
    assert "t-tests, corrected for all pairs and for all against MFCC" in one


def test_heading_names_the_groups():
    assert "400 clips in 20 groups, 1 seed" in wording.heading(made(n_groups=20))
    assert "groups" not in wording.heading(made())


def test_csv_holds_every_number_of_a_system(comparison):
    table = pd.read_csv(io.StringIO(tables.to_csv(comparison)))
    assert list(table.network) == [s.name for s in comparison.scores]
    assert table.accuracy.is_monotonic_decreasing
    assert (table.n_seeds == 3).all()
    assert ((table.low < table.accuracy) & (table.accuracy < table.high)).all()
    for row, score in zip(table.to_dict("records"), comparison.scores, strict=True):
        assert [row[f"seed_{k}"] for k in score.seeds] == pytest.approx(score.by_seed)
        assert {name: row[f"recall_{name}"] for name in score.recalls} == pytest.approx(score.recalls)
    assert table.chance.tolist() == pytest.approx([0.25] * 3)


def test_csv_holds_the_difference_from_mfcc():
    comparison = made(classifiers=("svm", "elm"))
    table = pd.read_csv(io.StringIO(tables.to_csv(comparison)))
    of_networks = table[table.network != "mfcc"]
    for place, row in of_networks.iterrows():
        contrast = comparison.against_baseline(place)
        assert (row.over_mfcc, row.over_mfcc_p) == pytest.approx((contrast.difference, contrast.p_value))
    assert table[table.network == "mfcc"].over_mfcc.isna().all()


def test_every_form_shows_mean_and_deviation(comparison):
    best = comparison.scores[0]
    expected = wording.percent(best.accuracy, best.deviation)
    assert expected in tables.to_latex(comparison).replace(r"$\pm$", "±")
    for text in (shown_on(140, comparison), tables.to_text(comparison), tables.to_markdown(comparison)):
        assert expected in text
        assert "mfcc" in text


def test_a_system_that_was_not_run_leaves_its_place_empty(comparison):
    row = next(line for line in tables.to_markdown(comparison).splitlines() if "mfcc" in line)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert len(cells) == 9
    assert cells[5:] == [""] * 4


def test_json_names_families_method_degrees_of_freedom_and_design():
    comparison = made(classifiers=("svm", "elm"), n_groups=40, majority=0.2)
    record = json.loads(tables.to_json(comparison))
    assert record["version"] == 2
    assert (record["chance"], record["majority"]) == (0.1, 0.2)
    assert record["answer"] == list(answer(comparison))
    assert record["details"] == list(details(comparison))
    assert record["design"] == {
        "n_seeds": 1, "n_units": 40, "grouped": True, "can_tell": True, "detectable": 0.08,
        "advice": ["More seeds help."], "more_seeds": 5,
    }  # fmt: skip
    assert [f["name"] for f in record["families"]] == [f.name for f in comparison.families]
    for family, made_family in zip(record["families"], comparison.families, strict=True):
        assert family["method"] == made_family.method
        assert len(family["contrasts"]) == len(made_family.contrasts)
        for row, contrast in zip(family["contrasts"], made_family.contrasts, strict=True):
            assert row["a"] == comparison.scores[contrast.a].label
            assert row["b"] == comparison.scores[contrast.b].label
            keys = ("difference", "low", "high", "standard_error", "df", "differs")
            assert [row[key] for key in keys] == [getattr(contrast, key) for key in keys]
            assert row["p_adjusted"] == contrast.p_value


def test_json_is_strict_and_holds_each_pair_once(comparison):
    record = json.loads(tables.to_json(comparison))
    assert len(record["systems"]) == 3
    of_pairs = [c for family in record["families"] for c in family["contrasts"]]
    assert [(c["a"], c["b"]) for c in of_pairs] == [("vgg + svm", "mfcc + svm")]
    assert tables.to_json(comparison) == tables.to_json(comparison)


def test_json_takes_degrees_of_freedom_without_bound():
    comparison = made()
    family = comparison.families[0]
    endless = replace(family, contrasts=tuple(replace(c, df=None) for c in family.contrasts))
    record = json.loads(tables.to_json(replace(comparison, families=(endless,))))
    assert record["families"][0]["contrasts"][0]["df"] is None


def test_terminal_csv_and_json_state_equal_numbers_for_a_set_with_groups():
    results = [with_groups(simulated_result(f, skill=s, seed=k)) for f, s in NETWORKS.items() for k in (0, 1)]
    comparison = compare(results)
    assert comparison.design.grouped
    record, table = json.loads(tables.to_json(comparison)), tables.ranking(comparison)
    lines = tables.to_text(comparison).splitlines()
    for k, system in enumerate(record["systems"]):
        for key in ("accuracy", "low", "high", "macro_f1"):
            assert table[key][k] == system[key]
        (line,) = [line for line in lines if line.startswith(f" {system['network']} ")]
        assert wording.percent(system["accuracy"], system["sd_seeds"]) in line
        assert wording.interval(system["low"], system["high"]) in line
    assert f"in {record['design']['n_units']} groups" in lines[0]


def with_groups(result):
    """Put clips by fives into a group."""
    predictions = [
        replace(p, group=f"recording {int(p.id.split('/')[1][:3]) // 5}") for p in result.predictions
    ]
    return replace(result, predictions=predictions)


def test_one_seed_shows_no_deviation():
    single = compare([simulated_result()])
    assert "±" not in tables.to_text(single)
    assert json.loads(tables.to_json(single))["systems"][0]["sd_seeds"] is None
    assert "1 seed" in wording.heading(single)


def test_markup_in_names_is_text():
    hostile = compare([replace(simulated_result(), features="[red]|x")])
    assert "[red]|x" in shown_on(140, hostile)
    assert r"[red]\|x" in tables.to_markdown(hostile)


def test_latex_prints_names_as_they_stand():
    hostile = replace(made({r"a_b&50%$\x{y}#~^<>": 0.7}, n_seeds=2), dataset="my_set")
    text = tables.to_latex(hostile)
    assert r"a\_b\&50\%\$\textbackslash{}x\{y\}\#\textasciitilde{}\textasciicircum{}" in text
    assert r"\textless{}\textgreater{} &" in text
    assert r"my\_set" in text
    assert text.count("{") == text.count("}")


def test_latex_has_a_label_macro_f1_and_a_caption_of_two_lines():
    comparison = made(STUDY, ("svm", "elm"), n_seeds=5, dataset="my_sounds 2")
    text = tables.to_latex(comparison)
    assert r"\label{tab:ranking-my-sounds-2-nested}" in text
    (caption,) = re.findall(r"\\caption\{(.*)\}\n", text)
    assert len(caption) < 2 * 130
    assert text.count("macro-F1") == 1 + 2  # the caption, and a head for each classifier
    best = comparison.scores[0]
    (row,) = [line for line in text.splitlines() if line.startswith(best.name.replace("_", r"\_") + " &")]
    assert f"& {100 * best.macro_f1:.1f} &" in row
    assert all(f"% {family.name}: {family.method}" in text for family in comparison.families)


def test_latex_rows_have_as_many_columns_as_the_table():
    text = tables.to_latex(made(classifiers=("svm", "elm", "ridge"), n_seeds=2))
    (layout,) = re.findall(r"\\begin\{tabular\}\{(\w+)\}", text)
    rows = [line for line in text.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert len(layout) == 13
    assert {line.count("&") + 1 for line in rows} == {13}
    assert r"\cmidrule(lr){2-5}\cmidrule(lr){6-9}\cmidrule(lr){10-13}" in text


def test_protocols_stand_beside_each_other_and_beside_the_study_s_numbers():
    compared = [
        made(STUDY, ("svm", "elm"), dataset="gtzan", protocol=protocol, n_seeds=2)
        for protocol in ("nested", "paper")
    ]
    wide = terminal.plain_text(terminal.protocols_grid(compared), width=140)
    assert "svm nested" in wide
    assert "elm 2018" in wide
    (line,) = [line for line in wide.splitlines() if line.split()[:1] == ["vgg"]]
    assert line.split()[-1] == "43.7"
    narrow = terminal.plain_text(terminal.protocols_grid(compared), width=60)
    assert max(map(len, narrow.splitlines())) <= 60
    assert narrow.count("svm nested") == narrow.count("elm nested") == 1


def test_no_column_is_for_numbers_that_the_study_does_not_have():
    assert "2018" not in terminal.plain_text(terminal.protocols_grid([made(STUDY)]), width=140)


def test_report_of_a_cell_holds_scores_parameters_and_recipe():
    result = replace(
        simulated_result(protocol="paper"), protocol_note="optimistic", skipped=[Skipped("x.wav", "empty")]
    )
    text = report_text(result)
    for expected in ("paper (optimistic)", "macro avg", "x.wav: empty", '"network": "vgg"', "{'C': 1}"):
        assert expected in text
    assert f"accuracy: {100 * result.accuracy:.1f} %" in text


def test_published_results_are_those_of_the_paper():
    gtzan = published("gtzan")
    assert len(gtzan) == 19
    assert gtzan.accuracy.between(0.3, 0.7).all()
    mfcc = gtzan[gtzan.network == "mfcc"]
    assert mfcc.accuracy.item() == pytest.approx(0.5344)
    assert published("my sounds") is None
    assert published_bar("gtzan", "frame_level_2018", "svm") == published_bar("gtzan", "frame_level", "svm")
    assert published_bar("gtzan", "mfcc", "elm") is None
    assert (
        study_place("vgg") < study_place("temporal") < study_place("frame_level_many") < study_place("mine")
    )
