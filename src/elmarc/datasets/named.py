"""Data sets known by name: a table of their facts, and how each is laid out when downloaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePath
from typing import Any, NamedTuple, TypeAlias

from elmarc._names import expanded
from elmarc.audio.length import STUDY_LENGTH, InputLength
from elmarc.datasets.base import Clip, Dataset, OnMissing, SplitKind, Tagger, Tags, present
from elmarc.datasets.folder import class_folder_clips, clip_id, existing_folder, find_audio
from elmarc.datasets.table import read_rows
from elmarc.errors import DatasetError

Metadata: TypeAlias = str | Path | None
LabelOf: TypeAlias = Callable[[str], str | None]  # the name of a class folder -> its class


class Archive(NamedTuple):
    """A zip or tar file to download, its checksum, and the folder in it that holds the data set."""

    url: str
    md5: str
    folder: str


class Layout(NamedTuple):
    """How a data set is laid out.

    `find` takes its folder and a metadata file, and returns the clips and what names them ("" where they were
    found on the disk). `tagger` takes the same for list files. `expected` is for messages.
    """

    find: Callable[[Path, Metadata], tuple[list[Clip], str]]
    tagger: Callable[[str | Path, Metadata], Tagger]
    expected: str = ""


@dataclass(frozen=True)
class Named:
    """The facts of a data set; `layout` is None where its clips are made by elmarc."""

    classes: tuple[str, ...]
    n_clips: int
    input_length: InputLength
    citation: str
    licence: str
    url: str
    layout: Layout | None
    archive: Archive | None = None
    split_kind: SplitKind = "folds"
    n_folds: int | None = None

    def dataset(self, name: str, clips: Sequence[Clip], **others: Any) -> Dataset:
        """Return a `Dataset` with these facts, but for `others`."""
        known = ("classes", "input_length", "citation", "licence", "url", "split_kind", "n_folds")
        facts = {fact: getattr(self, fact) for fact in known} | {"n_expected": self.n_clips}
        return Dataset(name=name, clips=tuple(clips), **facts | others)


def open_named(name: str, audio: str | Path, *, metadata: Metadata = None, on_missing: OnMissing) -> Dataset:
    """Open one of `RECORDED`, whose clips lie in the folder `audio`."""
    facts, folder = NAMED[name], existing_folder(audio, name=name)
    assert facts.layout is not None, name
    clips, source = facts.layout.find(folder, metadata)
    if not clips:
        raise DatasetError(f"{name}: no clips below {folder}: expected {facts.layout.expected}")
    there, notes = present(clips, source=source, on_missing=on_missing) if source else (clips, ())
    return facts.dataset(name, there, notes=notes, audio_dir=folder)


def class_folders(label_of: LabelOf, *, expected: str) -> Layout:
    """Return the layout of one folder per class; folders without a label are left out."""

    def tags(path: PurePath) -> Tags | None:
        label = label_of(path.parent.name)
        return Tags(label) if label else None

    return Layout(
        lambda folder, _: (list(class_folder_clips(folder, label_of=label_of)), ""), lambda *_: tags, expected
    )


GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
GTZAN_LISTS = {
    "train": "gtzan_train_filtered.txt",
    "validation": "gtzan_valid_filtered.txt",
    "test": "gtzan_test_filtered.txt",
}


def _gtzan_clips(folder: Path, metadata: Metadata) -> tuple[list[Clip], str]:
    """Return the clips of the fault-filtered lists, with any audio suffix, in any sub-folders."""
    files, clips = {path.stem: path for path in find_audio(folder)}, []
    for part, name in GTZAN_LISTS.items():
        text = resources.files("elmarc.datasets").joinpath("splits", name).read_text()
        for listed in map(PurePath, text.splitlines()):
            path = files.get(listed.stem, folder / listed)
            clips.append(Clip(listed.with_suffix("").as_posix(), path, listed.parent.name, part))
    return clips, "gtzan: fault-filtered lists"


def _gtzan_tags(path: PurePath) -> Tags | None:
    """Return the label of a clip named `genre.NNNNN`.

    >>> _gtzan_tags(PurePath("rock/rock.00099.wav"))
    Tags(label='rock', fold=None, group=None)
    """
    genre, dot, _ = path.name.partition(".")
    return Tags(genre) if dot and genre in GENRES else None


DANCES = ("ChaChaCha", "Jive", "Quickstep", "Rumba", "Samba", "Tango", "VienneseWaltz", "Waltz")
THIRTEEN_DANCES = (
    *("Chacha", "Foxtrot", "Jive", "Pasodoble", "Quickstep", "Rumba", "Salsa", "Samba", "Slowwaltz"),
    *("Tango", "Viennesewaltz", "Waltz", "Wcswing"),
)


def _ballroom_dance(folder: str) -> str | None:
    """Return the dance of a folder.

    >>> _ballroom_dance("Rumba-American")
    'Rumba'
    """
    dance = folder.partition("-")[0]
    return dance if dance in DANCES else None


CITY_SOUNDS = (
    *("air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling", "engine_idling", "gun_shot"),
    *("jackhammer", "siren", "street_music"),
)
URBAN_TABLE = "UrbanSound8K.csv"


def _urban_clips(folder: Path, metadata: Metadata) -> tuple[list[Clip], str]:
    audio, table = _audio_folder(folder), _urban_table(folder, metadata)
    return [
        Clip(f"fold{tags.fold}/{name}", audio / f"fold{tags.fold}" / name, tags.label, tags.fold, tags.group)
        for name, tags in read_urban_table(table).items()
    ], str(table)


def _audio_folder(folder: Path) -> Path:
    return folder / "audio" if (folder / "audio").is_dir() else folder


def read_urban_table(table: Path) -> dict[str, Tags]:
    """Return label, fold and group (the recording a slice was cut from) by file name."""
    labels, rows = {str(number): name for number, name in enumerate(CITY_SOUNDS)}, {}
    for line, row in read_rows(table, needed=("slice_file_name", "fsID", "fold", "classID")):
        number = row["classid"]
        if number not in labels:
            raise DatasetError(f"{table}, line {line}: classID {number[:20]!r} is unknown: expected 0 to 9")
        rows[row["slice_file_name"]] = Tags(labels[number], row["fold"], row["fsid"])
    return rows


def _urban_table(folder: Path, metadata: Metadata) -> Path:
    """Return where UrbanSound8K.csv lies: in the folder of the clips, in its folder `metadata`, or above."""
    if metadata is not None:
        return expanded(metadata)
    for path in (place / sub / URBAN_TABLE for place in (folder, folder.parent) for sub in ("", "metadata")):
        if path.is_file():
            return path
    raise DatasetError(
        f"urbansound8k: no {URBAN_TABLE} in {folder}, its folder `metadata` or next to it: put it there, or "
        "name it as metadata"
    )


def _urban_tagger(audio: str | Path, metadata: Metadata) -> Tagger:
    rows = read_urban_table(_urban_table(expanded(audio), metadata))
    return lambda path: rows.get(path.name)


ESC50 = (
    *("dog", "rooster", "pig", "cow", "frog", "cat", "hen", "insects", "sheep", "crow"),
    *("rain", "sea_waves", "crackling_fire", "crickets", "chirping_birds"),
    *("water_drops", "wind", "pouring_water", "toilet_flush", "thunderstorm"),
    *("crying_baby", "sneezing", "clapping", "breathing", "coughing"),
    *("footsteps", "laughing", "brushing_teeth", "snoring", "drinking_sipping"),
    *("door_wood_knock", "mouse_click", "keyboard_typing", "door_wood_creaks", "can_opening"),
    *("washing_machine", "vacuum_cleaner", "clock_alarm", "clock_tick", "glass_breaking"),
    *("helicopter", "chainsaw", "siren", "car_horn", "engine"),
    *("train", "church_bells", "airplane", "fireworks", "hand_saw"),
)
ESC10 = (
    *("dog", "rain", "sea_waves", "crying_baby", "clock_tick"),
    *("sneezing", "helicopter", "chainsaw", "rooster", "crackling_fire"),
)
# ESC-10 numbers its folders 001 to 010, ESC-50 by group and place in it: 101 to 110, ..., 501 to 510
ESC_FOLDERS = {f"{i:03d}": label for i, label in enumerate(ESC10, 1)} | {
    f"{i // 10 + 1}{i % 10 + 1:02d}": label for i, label in enumerate(ESC50)
}
# fold-source-take.ogg, or fold-source-take-target.wav; clips of one source are in one fold
ESC_NAME = re.compile(r"(?P<fold>[1-5])-(?P<source>\d+)-[A-Z](-(?P<target>\d+))?$")


def esc_tags(path: PurePath) -> Tags | None:
    """Return label, fold and source of a clip from its name and folder, None if they have none.

    >>> esc_tags(PurePath("001 - Dog bark/1-100032-A.ogg"))
    Tags(label='dog', fold='1', group='100032')
    >>> esc_tags(PurePath("audio/5-9032-A-0.wav")).label
    'dog'
    """
    parts = ESC_NAME.match(path.stem)
    if not parts:
        return None
    number = int(parts["target"] or len(ESC50))
    label = ESC50[number] if number < len(ESC50) else ESC_FOLDERS.get(path.parent.name[:3])
    return Tags(label, parts["fold"], parts["source"]) if label else None


def _esc(*, only_esc10: bool) -> Layout:
    """Return the layout of ESC-50, or of its part ESC-10: class folders, or `audio/` with a table."""

    def find(folder: Path, metadata: Metadata) -> tuple[list[Clip], str]:
        near = (folder / "meta" / "esc50.csv", folder / "esc50.csv", folder.parent / "meta" / "esc50.csv")
        table = expanded(metadata) if metadata else next((path for path in near if path.is_file()), None)
        if table is None:
            classes, tagged = ESC10 if only_esc10 else ESC50, []
            for path in find_audio(folder):
                tags = esc_tags(path)
                if tags and tags.label in classes:
                    tagged.append(Clip(clip_id(path, folder), path, tags.label, tags.fold, tags.group))
            return tagged, ""
        audio = _audio_folder(folder)
        return [
            Clip(row["filename"], audio / row["filename"], row["category"], row["fold"], row["src_file"])
            for _, row in read_rows(table, needed=("filename", "fold", "category", "src_file", "esc10"))
            if not only_esc10 or row["esc10"].lower() == "true"
        ], str(table)

    expected = "class folders such as `001 - Dog bark`, or audio/ with meta/esc50.csv"
    return Layout(find, lambda *_: esc_tags, expected)


ESC_CITATION = "K. J. Piczak: ESC: Dataset for environmental sound classification. ACM Multimedia, 2015"
ESC_URL = "https://github.com/karolpiczak/ESC-50"
ESC_LENGTH = InputLength(frames_s=5.0, samples_s=5.0, fix_length="repeat-pad")
ESC_ARCHIVE = Archive(
    "https://github.com/karoldvl/ESC-50/archive/master.zip",
    "7771e4b9d86d0945acce719c7a59305a",
    "ESC-50-master",
)
# URLs and checksums are those of mirdata 1.0 and soundata 1.0
NAMED: dict[str, Named] = {
    "gtzan": Named(
        classes=GENRES,
        n_clips=930,  # of 1,000: the lists leave faulty ones out
        input_length=InputLength(29.94, STUDY_LENGTH.samples_s, "crop"),  # 1404 frames
        citation="G. Tzanetakis, P. Cook: Musical genre classification of audio signals. IEEE Trans. Speech "
        "and Audio Processing 10(5), 2002; lists: C. Kereliuk, B. L. Sturm, J. Larsen: Deep learning and "
        "music adversaries. IEEE Trans. Multimedia 17(11), 2015",
        licence="none stated; excerpts of commercial recordings, for research",
        url="http://marsyas.info/downloads/datasets.html",
        layout=Layout(_gtzan_clips, lambda *_: _gtzan_tags),
        archive=Archive(
            "http://opihi.cs.uvic.ca/sound/genres.tar.gz", "5b3d6dddb579ab49814ab86dba69e7c7", "genres"
        ),
        split_kind="lists",
    ),
    "ballroom": Named(
        classes=DANCES,
        n_clips=698,
        input_length=STUDY_LENGTH,
        citation="F. Gouyon, A. Klapuri, S. Dixon, M. Alonso, G. Tzanetakis, C. Uhle, P. Cano: An "
        "experimental comparison of audio tempo induction algorithms. IEEE Trans. Audio, Speech, Language "
        "Processing 14(5), 2006",
        licence="none stated; excerpts from ballroomdancers.com, for research",
        url="http://mtg.upf.edu/ismir2004/contest/tempoContest/node5.html",
        layout=class_folders(_ballroom_dance, expected=f"folders {', '.join(DANCES)}"),
        archive=Archive(
            "https://mtg.upf.edu/ismir2004/contest/tempoContest/data1.tar.gz",
            "2872a3e52070bc342a4510a95e2fa0b8",
            "BallroomData",
        ),
        split_kind="none",
        n_folds=10,
    ),
    "extended_ballroom": Named(
        classes=THIRTEEN_DANCES,
        n_clips=4180,
        input_length=STUDY_LENGTH,
        citation="U. Marchand, G. Peeters: The extended ballroom dataset. ISMIR late-breaking session, 2016",
        licence="none stated; excerpts from ballroomdancers.com, for research",
        url="http://anasynth.ircam.fr/home/media/ExtendedBallroom",
        layout=class_folders(
            lambda folder: {dance.lower(): dance for dance in THIRTEEN_DANCES}.get(folder.lower()),
            expected=f"folders {', '.join(THIRTEEN_DANCES)}",
        ),
        split_kind="none",
        n_folds=10,
    ),
    "urbansound8k": Named(
        classes=CITY_SOUNDS,
        n_clips=8732,
        input_length=InputLength(4.0, 4.0, "repeat-pad"),
        citation="J. Salamon, C. Jacoby, J. P. Bello: A dataset and taxonomy for urban sound research. ACM "
        "Multimedia, 2014",
        licence="CC BY-NC 3.0",
        url="https://urbansounddataset.weebly.com/urbansound8k.html",
        layout=Layout(_urban_clips, _urban_tagger),
        archive=Archive(
            "https://zenodo.org/record/1203745/files/UrbanSound8K.tar.gz?download=1",
            "9aa69802bbf37fb986f71ec1483a196e",
            "UrbanSound8K",
        ),
    ),
    "esc10": Named(
        classes=ESC10,
        n_clips=400,
        input_length=ESC_LENGTH,
        citation=ESC_CITATION,
        licence="CC BY 3.0",
        url=ESC_URL,
        layout=_esc(only_esc10=True),
        archive=ESC_ARCHIVE,
    ),
    "esc50": Named(
        classes=ESC50,
        n_clips=2000,
        input_length=ESC_LENGTH,
        citation=ESC_CITATION,
        licence="CC BY-NC 3.0",
        url=ESC_URL,
        layout=_esc(only_esc10=False),
        archive=ESC_ARCHIVE,
    ),
    "toy": Named(
        classes=("march", "waltz", "shuffle", "tresillo"),
        n_clips=160,
        input_length=InputLength(8.0, 8.0, "repeat-pad"),  # the whole clip
        citation="Synthesised by elmarc",
        licence="CC0-1.0",
        url="",
        layout=None,
    ),
}
DATASETS = tuple(NAMED)
RECORDED = tuple(name for name, facts in NAMED.items() if facts.layout)  # clips lie in a folder of the user's


def known_name(text: str) -> str:
    """Return the data set meant by a spelling, "" if none is.

    >>> known_name("ESC-10"), known_name("Extended Ballroom"), known_name("my clips")
    ('esc10', 'extended_ballroom', '')
    """
    plain = text.lower().translate(str.maketrans("", "", "-_ "))
    return next((name for name in NAMED if name.replace("_", "") == plain), "")
