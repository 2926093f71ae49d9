"""elmarc: audio features from randomly weighted CNNs that are never trained.

audio -> frontends -> networks -> features -> classifiers -> evaluation -> reports
"""

from __future__ import annotations

__version__ = "0.1.0"
