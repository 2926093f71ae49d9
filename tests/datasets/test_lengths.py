from __future__ import annotations

from pathlib import Path

import pytest
from tests.datasets.conftest import Write

from elmarc._errors import DatasetError
from elmarc.audio.length import InputLength
from elmarc.datasets import open_dataset, suggest_input_length


def test_most_clips_are_heard_whole_and_outliers_do_not_count(folder: Path, write_clip: Write) -> None:
    for i in range(40):
        write_clip(f"clips/cat/{i:03d}.wav", seconds=0.5)
    write_clip("clips/dog/long.wav", seconds=3.0)
    found = suggest_input_length(open_dataset(folder))
    assert found == InputLength(n_frames=1 + 6000 // 256, n_samples=6000, fix_length="repeat-pad")


def test_no_more_than_the_study_heard(folder: Path, write_clip: Write) -> None:
    for i in range(4):
        write_clip(f"clips/cat/{i + 1}.wav", seconds=40.0)
    assert suggest_input_length(open_dataset(folder)).n_samples == 350400


def test_unreadable_clips_do_not_count_unless_all_are(folder: Path) -> None:
    data = open_dataset(folder)
    before = suggest_input_length(data)
    for clip in data.clips[:3]:
        clip.path.write_text("no sound")
    assert suggest_input_length(data) == before
    data.clips[3].path.write_text("no sound")
    with pytest.raises(DatasetError, match="clips: none of its clips can be read"):
        suggest_input_length(data)
