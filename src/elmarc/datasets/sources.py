"""Where data sets can be had: an archive each, as the indexes of mirdata 1.0 and soundata 1.0 have it."""

from __future__ import annotations

from typing import NamedTuple

from elmarc.errors import DatasetError


class Source(NamedTuple):
    """An archive of a data set.

    `md5` is None where no checksum is known; `folder` is what the archive holds.
    """

    url: str
    file: str
    folder: str
    md5: str | None


ESC = Source(
    "https://github.com/karoldvl/ESC-50/archive/master.zip",
    "ESC-50-master.zip",
    "ESC-50-master",
    "7771e4b9d86d0945acce719c7a59305a",
)
SOURCES = {
    "gtzan": Source(
        "http://opihi.cs.uvic.ca/sound/genres.tar.gz",
        "genres.tar.gz",
        "genres",
        "5b3d6dddb579ab49814ab86dba69e7c7",
    ),
    "ballroom": Source(
        "https://mtg.upf.edu/ismir2004/contest/tempoContest/data1.tar.gz",
        "data1.tar.gz",
        "BallroomData",
        "2872a3e52070bc342a4510a95e2fa0b8",
    ),
    "urbansound8k": Source(
        "https://zenodo.org/record/1203745/files/UrbanSound8K.tar.gz?download=1",
        "UrbanSound8K.tar.gz",
        "UrbanSound8K",
        "9aa69802bbf37fb986f71ec1483a196e",
    ),
    "esc10": ESC,  # a part of ESC-50
    "esc50": ESC,
}


def source_of(name: str, *, page: str) -> Source:
    """Return the source of a data set known by name. Raises DatasetError where there is none."""
    if name == "toy":
        raise DatasetError("toy: is made where it is used: there is nothing to download")
    if name not in SOURCES:
        raise DatasetError(
            f"{name}: no archive of it is known: see {page}, and name the folder of its clips with --audio"
        )
    return SOURCES[name]
