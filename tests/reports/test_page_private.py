"""A page may be sent to anyone: it must not tell where its maker's clips lie, or who its maker is."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.simulated import simulated_result
from tests.sounds import write_tones

from elmarc.cli import app as cli
from elmarc.reports.media import ClipMedia, relative_link
from elmarc.reports.page import build_page
from elmarc.reports.page_view import Folders
from elmarc.results import Skipped

SR = 12000


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a user's with clips, one of them damaged, and the results of a run on them."""
    home = tmp_path_factory.mktemp("home") / "anna smith"
    write_tones(home / "my sounds", np.random.default_rng(0))
    (home / "my sounds" / "low" / "bad.wav").write_bytes(b"rubbish")
    quick = ("--networks", "temporal", "--set", "network.n_filters=4", "--set", "network.size=null")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ELMARC_CACHE", str(home / "cache"))
        patched.chdir(home)
        command(patched, "rank", home / "my sounds", *quick, "--classifiers", "svm", "-o", "runs", "-q")
    return home


def command(monkeypatch: pytest.MonkeyPatch, *args: object) -> None:
    monkeypatch.setattr(sys, "argv", ["elmarc", *map(str, args)])
    assert cli.main() == 0


def media_of(page: str) -> list[dict[str, str]]:
    found = re.search(r'<script type="application/json" id="media">(.*?)</script>', page)
    return json.loads(found[1])[0]


def test_no_folder_of_the_maker_is_in_the_page(studied, monkeypatch):
    elsewhere = studied.parent / "a" / "b" / "page.html"
    for output in (studied / "runs" / "report.html", elsewhere):
        output.parent.mkdir(parents=True, exist_ok=True)
        command(monkeypatch, "report", studied / "runs", "-o", output, "-q")
        page = output.read_text(encoding="utf-8")
        assert str(studied.parent) not in page
        assert "anna" not in page
        assert "file://" not in page
        assert "bad.wav" in page  # skipped, and said
        assert "elmarc rank" in page
        assert all("audio" in clip for clip in media_of(page))
        linked = {clip.get("href", "") for clip in media_of(page)}
        assert (
            linked == {""}
            if output == elsewhere
            else all(href.startswith("../my%20sounds/") for href in linked)
        )


def test_the_user_says_how_much_the_page_holds(studied, monkeypatch):
    output = studied / "page.html"
    command(monkeypatch, "report", studied / "runs", "-o", output, "--embed-mb", "0", "-q")
    page = output.read_text(encoding="utf-8")
    assert "This page holds no audio." in page
    assert not any({"audio", "picture"} & set(clip) for clip in media_of(page))


def test_notes_reasons_recipes_and_command_hold_names_not_folders():
    told = replace(
        simulated_result(),
        source={"source": "/home/anna/list.csv", "audio": "/mnt/store/my sounds"},
        notes=["/home/anna/list.csv: 3 clips are missing, such as /mnt/store/my sounds/dog/1 a.wav"],
        skipped=[Skipped("dog/2.wav", "/mnt/store/my sounds/dog/2.wav: holds no samples")],
        definition={"weights": "/home/anna/weights.npz", "deep": [{"path": "C:\\Users\\anna\\x.npz"}]},
        command="elmarc rank /home/anna/list.csv --audio '/mnt/store/my sounds' -o /scratch/anna/runs",
    )
    page = build_page([told])
    assert not re.search(r"anna|/mnt|/home|Users|/scratch", page)
    assert "list.csv: 3 clips are missing, such as dog/1 a.wav" in page
    assert "<li>dog/2.wav: holds no samples" in page
    assert "elmarc rank list.csv --audio &#39;my sounds&#39; -o runs" in page


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/anna smith/x.wav: damaged", "x.wav: damaged"),
        ("in /home/anna: 3 of 4", "in ~/: 3 of 4"),
        (r"C:\Users\Anna S\a.wav: damaged", "a.wav: damaged"),
        (
            "1/2 of dog/1.wav, see https://arxiv.org/abs/1805",
            "1/2 of dog/1.wav, see https://arxiv.org/abs/1805",
        ),
    ],
)
def test_paths_of_other_machines_are_shortened_and_other_text_is_not(text, shown):
    assert Folders([]).hide(text) == shown


@pytest.mark.parametrize(
    ("clip", "folder", "link"),
    [
        ("/home/anna/runs/sounds/1.wav", "/home/anna/runs", "sounds/1.wav"),
        ("/home/anna/sounds/#1.wav", "/home/anna/runs", "../sounds/%231.wav"),
        ("/home/anna/sounds/1.wav", "/home/anna/runs/today", None),
        ("/home/bob/sounds/1.wav", "/home/anna", None),
        ("/home/bob/1.wav", "/home", None),
    ],
)
def test_only_clips_below_the_page_or_beside_it_are_linked(clip, folder, link):
    assert relative_link(Path(clip), Path(folder)) == link


@pytest.mark.parametrize("href", ["file:///home/anna/1.wav", "/home/1.wav", "//host/1.wav", "javascript:x"])
def test_a_link_that_tells_a_folder_or_runs_a_script_is_dropped(href):
    result = simulated_result()
    page = build_page([result], media={"sounds": {p.id: ClipMedia(href=href) for p in result.predictions}})
    assert not any("href" in clip for clip in media_of(page))
