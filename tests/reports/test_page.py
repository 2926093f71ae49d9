from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import wave
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
from jinja2 import UndefinedError
from markupsafe import escape
from tests.simulated import simulated_result

from elmarc.comparison.answer import answer, details
from elmarc.comparison.compare import comparisons
from elmarc.errors import ConfigError
from elmarc.reports import page as page_module
from elmarc.reports import tables
from elmarc.reports.media import ClipMedia, listening_order
from elmarc.reports.page import build_page
from elmarc.reports.page_view import island
from elmarc.reports.published import bibtex
from elmarc.results import Skipped

HOSTILE = '<img src=x onerror="alert(1)">'
CLASSES = ["dog", HOSTILE, "</script><script>alert(2)</script>", 'clock\'s "tick" & $title']


def tone(seconds: float = 0.5) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes((8000 * np.sin(np.arange(int(8000 * seconds)) / 3)).astype("<i2").tobytes())
    return buffer.getvalue()


PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)


def hostile_results(classifiers=("svm",), **changes):
    cost = {"n_parameters": 1e6, "multiply_adds_per_clip": 1e9}
    return [
        simulated_result(f, c, skill=skill, seed=seed, n_clips=80, classes=CLASSES, cost=cost, **changes)
        for f, skill in (("vgg", 0.8), ("<b>net</b>", 0.5))
        for c in classifiers
        for seed in range(2)
    ]


def hostile_page(classifiers=("svm",), missed=()) -> str:
    results = hostile_results(
        classifiers, skipped=[Skipped("<i>.wav", "a & b")], definition={"x": "</pre><script>"}
    )
    results = [replace(r, predictions=[_missed(p) if p.id in missed else p for p in r.predictions])
               for r in results]  # fmt: skip
    media = {
        p.id: ClipMedia(audio=tone(), picture=PIXEL, href="javascript:alert(3)", duration_s=0.5)
        for p in results[0].predictions
    }
    return build_page(results, media={"sounds": media}, title="Sounds & <more>")


def _missed(prediction):
    return replace(prediction, predicted=next(c for c in CLASSES if c != prediction.label))


def json_islands(page: str) -> list:
    return [
        json.loads(text) for text in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page)
    ]


@pytest.fixture(scope="module")
def page() -> str:
    return hostile_page()


def test_equal_arguments_give_equal_pages(page):
    assert hostile_page() == page


def test_nothing_is_loaded_from_anywhere(page):
    markup = re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.S)
    assert not re.search(r'(?:src|href)\s*=\s*"?(?:https?:|//|file:)', markup)
    assert not re.search(r"@import|url\((?!#)", markup)
    assert re.search(r"Content-Security-Policy\" content=\"default-src 'none'; script-src 'sha256-", page)


def test_no_name_becomes_markup(page):
    assert "<img src=x" not in page
    assert "<b>net" not in page
    assert "<i>.wav" not in page
    assert "<script>alert" not in page
    assert page.count("<script") == page.count("</script>") == 3


def test_the_policy_s_hashes_are_those_of_script_and_style(page):
    for tag in ("script", "style"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, flags=re.S)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in page
    assert not re.search(r"<[^>]*\sstyle=", re.sub(r"<script.*?</script>", "", page, flags=re.S))


def test_the_data_reproduce_each_prediction(page):
    data, _ = json_islands(page)
    (dataset,) = data["datasets"]
    assert dataset["classes"] == CLASSES
    for result in hostile_results():
        label = f"{result.features} + svm"
        (system,) = [s for s in data["sections"][0]["systems"] if s["label"] == label]
        (run,) = [r for r in system["runs"] if r["seed"] == result.seed]
        said = {clip: CLASSES[k] for clip, k in zip(dataset["clips"], run["predicted"], strict=True)}
        assert said == {p.id: p.predicted for p in result.predictions}


def test_a_link_that_would_run_a_script_is_dropped(page):
    _, media = json_islands(page)
    assert all("href" not in clip and clip["audio"].startswith("data:audio/wav;") for clip in media[0])


def test_audio_is_capped_and_the_most_mistaken_clips_come_first():
    results = hostile_results()
    media = {
        p.id: ClipMedia(audio=tone(), href=f"clips/{i}.wav") for i, p in enumerate(results[0].predictions)
    }
    room = 10.5 * len(tone()) / 1e6
    page = build_page(results, media={"sounds": media}, max_media_mb=room)
    data, clips = json_islands(page)
    heard = {
        name for name, clip in zip(data["datasets"][0]["clips"], clips[0], strict=True) if "audio" in clip
    }
    assert heard == {clip for _, clip in listening_order(results)[:10]}
    assert all("href" in clip for clip in clips[0])
    assert "10 of 80 clips can be played here" in page


def test_page_without_media_says_so():
    assert "holds no audio" in build_page([simulated_result()])


def test_optimistic_protocol_and_single_seed_are_noted():
    page = build_page([simulated_result(protocol="paper", protocol_note="optimistic: selected on the folds")])
    assert "optimistic: selected on the folds" in page
    assert "one seed" in page


def test_several_data_sets_get_a_critical_difference_diagram_and_navigation():
    results = [r for name in ("music", "sounds", "speech") for r in hostile_results(dataset=name)]
    page = build_page(results)
    assert "All data sets" in page
    assert page.count('<section id="s') == 3
    assert '<a href="#s2">speech, nested</a>' in page


def test_ids_are_unique():
    page = build_page(hostile_results() + hostile_results(protocol="paper"))
    ids = re.findall(r'\sid="([^"]+)"', re.sub(r"<script.*?</script>", "", page, flags=re.S))
    assert len(ids) == len(set(ids))


def test_every_region_has_a_name_of_its_own():
    page = build_page([r for name in ("music", "sounds") for r in three_classifiers(dataset=name)])
    names = re.findall(r'role="region" aria-label="([^"]+)"', page)
    assert len(names) > 10
    assert len(names) == len(set(names))


def test_an_island_cannot_be_closed_from_inside():
    text = island({"</script>": "<!--"})
    assert "<" not in text
    assert json.loads(text) == {"</script>": "<!--"}


def test_no_result_is_said():
    with pytest.raises(ConfigError, match="no result"):
        build_page([])


def test_a_media_type_that_is_no_audio_is_refused():
    with pytest.raises(ConfigError, match="audio/"):
        ClipMedia(audio=b"x", mime="text/html")


def section(page: str, start: str, end: str = "<h3") -> str:
    """Return the text between a heading and the next."""
    body = page[page.index(start) :]
    return re.sub(r"<[^>]*>", " ", body[: body.index(end, 1)])


def three_classifiers(**changes):
    return [
        simulated_result(f, c, skill=skill, seed=seed, n_clips=80, size="small", **changes)
        for f, skill in (("vgg", 0.8), ("temporal", 0.6), ("mfcc", 0.5))
        for c in ("svm", "elm", "ridge")
        for seed in range(2)
    ]


def test_it_begins_with_the_answer():
    results = three_classifiers()
    (comparison,) = comparisons(results)
    page = build_page(results, compared=[comparison])
    for sentence in (*answer(comparison), *details(comparison)):
        assert f"<p>{escape(sentence)}</p>" in page
    assert page.index(escape(answer(comparison)[0])) < page.index('<table class="ranking"')


def test_a_comparison_that_is_handed_on_is_not_computed_again(monkeypatch):
    results = three_classifiers()
    compared = comparisons(results)
    expected = build_page(results)
    monkeypatch.setattr("elmarc.reports.page.comparisons", lambda _: pytest.fail("computed twice"))
    assert build_page(results, compared=compared) == expected


def test_chance_and_the_largest_class_are_in_each_table():
    result = simulated_result(n_clips=81)  # 21 dogs, 20 of each other class
    page = build_page([result])
    ranking = page[page.index('<table class="ranking"') :]
    foot = re.sub(r"<[^>]*>", " ", ranking[ranking.index("<tfoot") : ranking.index("</tfoot>")])
    assert re.search(r"chance\s+25\.0\s+largest class\s+25\.9", foot)
    assert ranking.count('class="level" x1=') == 3 * 2  # both, in the strip of the system and in their own
    assert re.search(r"chance\s+25\.0", section(page, 'id="s0-classes"'))
    assert "Recall by chance: 25.0 %" in section(page, 'id="s0-confusion"')
    assert r"largest class &amp; \multicolumn{3}{l}{25.9}" in page  # LaTeX


def test_each_seed_is_a_dot():
    page = build_page(three_classifiers())
    assert page.count('class="seed"') == 9 * 2
    assert 'class="seed"' not in build_page([simulated_result()])


def test_classes_are_compared_side_by_side():
    results = three_classifiers()
    (comparison,) = comparisons(results)
    table = build_page(results)
    table = table[table.index('<table class="classes"') :]
    rows = re.findall(r"<tr><th.*?</tr>", table[table.index("<tbody") : table.index("</tbody>")], flags=re.S)
    assert len(rows) == 4
    for row, name in zip(rows, ["dog", "rain", "sea", "clock"], strict=True):
        shown = re.findall(r'data-value="[^"]*">(\d+)</td>', row)
        assert shown == ["20", *(f"{100 * s.recalls[name]:.0f}" for s in comparison.scores)]


def test_clips_that_all_systems_miss_are_listed():
    hard = {"dog/004.wav", "rain/041.wav", "sea/074.wav"}
    results = [
        replace(r, predictions=[replace(p, predicted="clock") if p.id in hard else p for p in r.predictions])
        for r in three_classifiers()
    ]
    listed = section(build_page(results), 'id="s0-missed"', "<footer")
    assert "3 of 80 clips" in listed
    assert {p.id for p in results[0].predictions if p.id in listed} == hard
    assert "18 of 18" in listed
    one_knows = replace(
        results[0], predictions=[replace(p, predicted=p.label) for p in results[0].predictions]
    )
    listed = section(build_page([one_knows, *results[1:]]), 'id="s0-missed"', "<footer")
    assert "None: every clip is recognised" in listed


def test_it_says_how_it_was_made():
    results = three_classifiers(
        command="elmarc rank sounds --seeds 2", created="2026-03-01T10:00:00+00:00", group_size=8,
        environment={"elmarc": "0.1.0", "torch": "2.4.0"}, source={"source": "sounds"},
    )  # fmt: skip
    made = section(build_page(results), "<footer", "To cite")
    data = "sounds: 80 clips in 10 groups, from sounds"
    for text in ("elmarc rank sounds --seeds 2", "2026-03-01", data, "elmarc 0.1.0", "torch 2.4.0"):
        assert text in made


def test_no_caption_claims_what_the_picture_lacks():
    one = build_page([simulated_result()])
    assert "study’s figure" not in one  # noqa: RUF001
    assert "single seeds" not in one
    assert "Pareto" not in one
    assert "dots: single seeds" in build_page([simulated_result(seed=s) for s in range(2)])
    known = build_page([simulated_result(dataset="gtzan")])
    assert "The study’s figure" in known  # noqa: RUF001
    assert re.search(r"Hatched bars[^.:]*: Pons &amp; Serra 2018", known)
    unknown = build_page([simulated_result("my_network", dataset="gtzan")])
    assert "study’s figure" not in unknown  # noqa: RUF001
    assert "hatched" not in unknown.lower()


def test_what_can_be_copied_is_in_the_page():
    results = three_classifiers()
    (comparison,) = comparisons(results)
    page = build_page(results)
    texts = [
        unescape(text).removeprefix("\n")
        for text in re.findall(r"<textarea[^>]*>(.*?)</textarea>", page, re.S)
    ]
    assert texts == [tables.to_csv(comparison), tables.to_latex(comparison), bibtex()]


def test_a_value_that_a_template_lacks_is_an_error():
    with pytest.raises(UndefinedError):
        page_module._environment().from_string("{{ nothing }}").render()
