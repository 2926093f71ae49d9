from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.reports.test_page import CLASSES, HOSTILE, hostile_page

pytestmark = pytest.mark.browser
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
    path.write_text(hostile_page(), encoding="utf-8")
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


def test_the_file_needs_nothing_beside_it(url):
    folder = Path(
        url.removeprefix("file://").replace("%20", " ").replace("%27", "'").replace("%26", "&")
    ).parent
    assert [path.name for path in folder.iterdir()] == ["report.html"]
