"""How to cite: the study that elmarc starts from, and elmarc, as BibTeX; CITATION.cff says the same."""

from __future__ import annotations

from elmarc import __version__

STUDY = """\
@inproceedings{pons2019randomly,
  title     = {Randomly weighted {CNN}s for (music) audio classification},
  author    = {Pons, Jordi and Serra, Xavier},
  booktitle = {IEEE International Conference on Acoustics, Speech and Signal Processing (ICASSP)},
  year      = {2019},
  note      = {arXiv:1805.00237 (2018)},
}
"""


def bibtex(version: str = __version__) -> str:
    """Return the study and elmarc as BibTeX entries.

    Parameters
    ----------
    version : str
        Of the elmarc that made the results.
    """
    software = f"""\
@software{{elmarc,
  title   = {{elmarc}},
  author  = {{{{The elmarc developers}}}},
  version = {{{version}}},
  license = {{MIT}},
}}
"""
    return f"{STUDY}\n{software}"
