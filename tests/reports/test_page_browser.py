from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from tests.reports.test_page import CLASSES, HOSTILE, hostile_page
from tests.simulated import simulated_result

from elmarc.comparison.compare import compare
from elmarc.reports.page import build_page

pytestmark = pytest.mark.browser
MISSED = ("dog/004.wav", "dog/040.wav")
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on PATH: install Debian's chromium to test the report page in a browser")
    sync_playwright = pytest.importorskip("playwright.sync_api").sync_playwright
    with sync_playwright() as playwright:
        profile = tmp_path_factory.mktemp("profile")
        opened = playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium, args=ARGUMENTS, viewport={"width": 1100, "height": 800}
        )
        opened.set_default_timeout(10_000)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("a 'folder' & more") / "report.html"
    path.write_text(hostile_page(("svm", "elm"), MISSED), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def page(context, url):
    """A page whose every complaint and request fails the test that opened it."""
    opened, trouble = context.new_page(), []
    opened.on("console", lambda message: trouble.append(f"{message.type}: {message.text}"))
    opened.on("pageerror", lambda error: trouble.append(str(error)))
    opened.on("dialog", lambda alert: (trouble.append(f"alert {alert.message}"), alert.dismiss()))
    opened.on("request", lambda r: trouble.append(r.url) if not r.url.startswith(("data:", url)) else None)
    opened.goto(url)
    yield opened
    opened.close()
    assert trouble == []


def filled_cell(page):
    return page.locator(".confusion button.wrong:not([aria-disabled])").first


def test_a_cell_opens_the_clips_behind_it(page):
    cell = filled_cell(page)
    expected = int(cell.inner_text())
    cell.click()
    dialog = page.locator("dialog")
    assert dialog.is_visible()
    assert dialog.locator("li").count() == expected
    facts = dialog.locator("li").first.inner_text()
    assert all(word in facts for word in (".wav", "true", "predicted", "fold"))


def test_the_player_has_a_duration_and_the_picture_a_size(page):
    filled_cell(page).click()
    audio = page.locator("dialog audio").first
    audio.evaluate(
        "a => a.readyState >= 1 || new Promise(done => a.addEventListener('loadedmetadata', done))"
    )
    assert audio.evaluate("a => a.duration") == pytest.approx(0.5, abs=0.01)
    assert page.locator("dialog img").first.evaluate("i => i.decode().then(() => i.naturalWidth)") == 1


def test_a_label_that_is_markup_shows_as_text(page):
    assert page.locator(".confusion tbody th").all_inner_texts() == CLASSES
    cell = page.get_by_role("button", name=f"true {HOSTILE}, predicted {HOSTILE}")
    cell.first.click()
    assert page.locator("#clips-title").inner_text() == f"{HOSTILE}, recognised"
    assert page.locator("img[src=x]").count() == 0
    assert page.locator("main b b, th b").count() == 0


def test_keyboard_alone_reaches_moves_opens_and_closes(page):
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.confusion tbody') !== null"):
            break
    here = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(here).startswith("true dog, predicted dog")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    before = page.evaluate(here)
    assert before.startswith(f"true {HOSTILE}, predicted {HOSTILE}")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.locator("dialog").is_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('dialog') !== null")
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()
    assert page.evaluate(here) == before


def test_choosing_a_system_and_a_seed_draws_its_matrix(page):
    counts = page.locator(".confusion tbody").inner_text()
    page.locator("[data-role=seed]").select_option(index=1)
    other_seed = page.locator(".confusion tbody").inner_text()
    page.locator("a[data-system='1']").click()
    assert page.locator("[data-role=system]").input_value() == "1"
    assert len({counts, other_seed, page.locator(".confusion tbody").inner_text()}) == 3


def test_the_cost_can_be_chosen(page):
    page.get_by_role("radio", name="parameters").check()
    assert page.locator("[data-cost=n_parameters]").is_visible()
    assert not page.locator("[data-cost=multiply_adds_per_clip]").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_system_s_theme_and_can_be_switched(page, scheme):
    page.emulate_media(color_scheme=scheme)
    lightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]"
    assert (page.evaluate(lightness) > 128) is (scheme == "light")
    page.locator("#theme").click()
    assert (page.evaluate(lightness) > 128) is (scheme == "dark")


def test_a_phone_s_width_needs_no_sideways_scrolling(page):
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    filled_cell(page).click()
    box = page.locator("dialog").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


def in_window(page, locator) -> bool:
    return all(
        box["x"] >= 0 and box["x"] + box["width"] <= page.viewport_size["width"]
        for box in (each.bounding_box() for each in locator.all())
    )


def test_intervals_can_be_seen_on_a_phone(page):
    page.set_viewport_size({"width": 390, "height": 844})
    intervals = page.locator(".ranking tbody .interval")
    assert intervals.count() == 4
    assert in_window(page, intervals)
    assert in_window(page, intervals.locator("svg .bar"))
    assert in_window(page, page.locator(".ranking tbody .accuracy"))
    assert all(box.bounding_box()["width"] > 150 for box in intervals.locator("svg").all())


def test_long_names_cover_nothing_on_a_phone(context, tmp_path):
    name = "a_network_whose_name_goes_on_and_on_without_end"
    classes = ["a class with quite a long name, indeed", "Geräusche/von/Tieren_und_Menschen_ohne_Ende"]
    dataset = "a_data_set_with_a_very_long_name_2026_11_final_v2"
    results = [simulated_result(n, classes=classes, dataset=dataset) for n in (name, "vgg")]
    (tmp_path / "long.html").write_text(build_page(results), encoding="utf-8")
    opened = context.new_page()
    opened.set_viewport_size({"width": 390, "height": 844})
    opened.goto((tmp_path / "long.html").as_uri())
    assert opened.evaluate("document.documentElement.scrollWidth") == 390
    row = opened.locator(".ranking tbody tr", has_text=name)
    link, classifier = row.locator("th a").bounding_box(), row.locator("td").nth(1).bounding_box()
    assert link["x"] + link["width"] <= classifier["x"]
    opened.close()


def test_rows_of_a_phone_are_still_a_table_to_a_screen_reader(page):
    page.set_viewport_size({"width": 390, "height": 844})
    table = page.locator(".ranking")
    assert table.get_by_role("row").count() == 1 + 4 + 1
    assert table.get_by_role("rowheader").first.inner_text() == "vgg"
    assert table.get_by_role("columnheader").count() >= 5


def names(page) -> list[str]:
    return page.locator(".ranking tbody tr:visible th").all_inner_texts()


def test_a_press_on_a_head_sorts_and_another_turns_the_order(page):
    first = names(page)
    head = page.locator(".ranking th", has_text="accuracy")
    assert head.get_attribute("aria-sort") == "descending"
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert names(page) == first[::-1]
    network = page.locator(".ranking th", has_text="network").first
    network.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") is None
    assert network.get_attribute("aria-sort") == "ascending"
    assert names(page) == sorted(first)


def test_classes_sort_by_the_recall_of_a_system(page):
    column = page.locator(".classes th[data-sort]").nth(2)
    column.get_by_role("button").click()
    assert column.evaluate("th => getComputedStyle(th.firstElementChild).writingMode") == "horizontal-tb"
    shown = [int(text) for text in page.locator(".classes tbody tr td:nth-child(3)").all_inner_texts()]
    assert shown == sorted(shown, reverse=True)


def test_the_systems_that_one_chooses_show_class_by_class(page):
    heads = page.locator(".classes thead th:visible")
    boxes = page.get_by_role("group", name="Systems").get_by_role("checkbox")
    assert boxes.count() == 4
    before = heads.all_inner_texts()
    boxes.nth(1).uncheck()
    after = heads.all_inner_texts()
    assert after == [*before[:3], *before[4:]]
    assert page.locator(".classes tbody tr").first.locator("td:visible").count() == len(after) - 1
    boxes.nth(1).check()
    assert heads.all_inner_texts() == before


def test_letters_show_for_one_classifier_and_never_for_two(page):
    letters = page.locator(".ranking .ties:visible")
    assert letters.count() == 0
    page.locator("[data-role=classifier]").select_option("svm")
    assert letters.count() == 1 + 2
    page.locator("[data-role=classifier]").select_option("")
    assert letters.count() == 0


def test_words_and_classifier_filter_the_ranking(page):
    page.get_by_label("Find").fill("NET elm")
    assert names(page) == ["<b>net</b>"]
    assert page.locator(".filters output").inner_text() == "1 of 4 systems"
    page.get_by_label("Find").fill("")
    page.locator("[data-role=classifier]").select_option("svm")
    assert len(names(page)) == 2
    page.locator("[data-role=classifier]").select_option("")
    assert len(names(page)) == 4


def test_two_systems_are_compared_and_their_clips_can_be_heard(page):
    versus = page.locator(".versus")
    a, b = versus.locator("[data-role=a]"), versus.locator("[data-role=b]")
    a.select_option(label="vgg + svm")
    b.select_option(label="<b>net</b> + svm")
    said = versus.locator(".contrast")
    assert said.inner_text().startswith("vgg + svm minus <b>net</b> + svm: +")
    assert "95 % interval" in said.inner_text()
    counts = [float(text) for text in versus.locator(".crossed b").all_inner_texts()]
    assert sum(counts) == pytest.approx(80, abs=0.21)
    difference = float(re.search(r": \+([\d.]+) points", said.inner_text())[1])
    assert counts[0] - counts[1] == pytest.approx(0.8 * difference, abs=0.15)
    versus.get_by_role("button", name="A right, B wrong").click()
    dialog = page.locator("dialog")
    items = dialog.locator("li")
    assert items.count() >= min(counts[0], 24)
    assert dialog.locator("audio").count() == items.count()
    for facts in dialog.locator("dl").all():
        terms, values = (facts.locator(tag).all_inner_texts() for tag in ("dt", "dd"))
        fact = dict(zip(terms, values, strict=True))
        assert {fact["A says"], fact["B says"]} != {fact["true"]}
    page.keyboard.press("Escape")
    versus.get_by_role("button", name="Swap").click()
    assert [float(text) for text in versus.locator(".crossed b").all_inner_texts()][:2] == counts[1::-1]
    b.select_option(label="<b>net</b> + elm")
    assert "not tested against each other" in said.inner_text()


@pytest.mark.parametrize(("n_clips", "n_folds"), [(90, 3), (91, 4)])
def test_the_four_boxes_add_up_to_the_difference_for_any_folds_and_seeds(context, tmp_path, n_clips, n_folds):
    """Two seeds against three, also where folds are unequal and so a clip of a small fold counts more."""
    how = {"n_clips": n_clips, "n_folds": n_folds}
    results = [simulated_result("vgg", skill=0.8, seed=s, **how) for s in range(2)]
    results += [simulated_result("temporal", skill=0.6, seed=s, **how) for s in range(3)]
    (tmp_path / "page.html").write_text(build_page(results), encoding="utf-8")
    opened = context.new_page()
    opened.goto((tmp_path / "page.html").as_uri())
    boxes = "crossing(...data.sections[0].systems, data.datasets[0].labels).map((box) => box.count)"
    a_only, b_only, both, neither = opened.evaluate(boxes)
    difference = compare(results).contrast(0, 1).difference
    assert a_only + b_only + both + neither == pytest.approx(n_clips)
    assert (a_only - b_only) / n_clips == pytest.approx(difference, abs=1e-8)
    opened.close()


def test_a_cell_of_the_differences_chooses_its_systems(page):
    page.locator("details.pairs summary").first.click()
    page.locator(".differences [data-pair]").first.click()
    chosen = page.locator(".versus select").evaluate_all("all => all.map(select => select.value)")
    assert chosen == page.locator(".differences [data-pair]").first.get_attribute("data-pair").split()


def test_clips_that_all_miss_can_be_heard(page):
    page.locator("[data-missed]").click()
    dialog = page.locator("dialog")
    heard = dialog.locator("li .file").all_inner_texts()
    assert set(MISSED) <= set(heard)
    assert heard == page.locator(".missed tbody th").evaluate_all("all => all.map(th => th.textContent)")
    assert dialog.locator("audio").count() == len(heard)
    assert "mostly taken for" in dialog.inner_text()


@pytest.mark.parametrize("name", ["CSV", "LaTeX", "BibTeX"])
def test_a_table_can_be_copied(context, page, name):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = page.get_by_role("button", name=f"Copy as {name}")
    button.click()
    box = page.locator(f"textarea[aria-label={name}]")
    page.locator(".status", has_text=f"{name} copied.").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.replace("\r\n", "\n") == box.input_value()
    assert len(copied) > 100


def test_where_copying_is_refused_the_text_is_shown_and_selected(page):
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
    page.get_by_role("button", name="Copy as CSV").click()
    page.locator(".status", has_text="Ctrl+C").wait_for()
    box = page.locator("textarea[aria-label=CSV]")
    assert box.is_visible()
    assert page.evaluate("getSelection().toString()") == box.input_value()


def test_what_is_wider_than_the_window_says_so_and_scrolls_by_keyboard(page):
    region = page.locator(".plot .scroll").first
    assert region.get_attribute("tabindex") is None
    page.set_viewport_size({"width": 390, "height": 844})
    wide = page.locator(".wide.more-right .scroll").first
    wide.wait_for()
    assert wide.get_attribute("tabindex") == "0"
    assert page.locator(".hint:visible").count() >= 1
    wide.focus()
    page.keyboard.press("ArrowRight")
    page.locator(".wide.more-left").first.wait_for()
    assert wide.evaluate("region => region.scrollLeft") > 0


def test_it_can_be_read_without_javascript(context, url):
    plain = context.new_page()
    session = context.new_cdp_session(plain)
    session.send("Emulation.setScriptExecutionDisabled", {"value": True})
    plain.goto(url)
    text = plain.inner_text("body")
    for words in ("Best: ", "Ranking", "Class by class", "How this was made", "need JavaScript"):
        assert words in text
    assert plain.locator(".ranking tbody tr:visible").count() == 4
    assert plain.locator("select:visible, .filters:visible, [data-copy]:visible").count() == 0
    assert plain.locator("[data-cost]:visible").count() == plain.locator("[data-cost]").count() == 2
    plain.close()


def test_every_control_has_a_name(page):
    unnamed = page.evaluate("""() =>
        [...document.querySelectorAll("button, select, input, textarea, [role=region]")]
        .filter((e) => !(e.hidden || e.textContent.trim() || e.labels?.length || e.ariaLabel))
        .map((e) => e.outerHTML)""")
    assert unnamed == []


def test_the_file_needs_nothing_beside_it(url):
    folder = Path(
        url.removeprefix("file://").replace("%20", " ").replace("%27", "'").replace("%26", "&")
    ).parent
    assert [path.name for path in folder.iterdir()] == ["report.html"]
