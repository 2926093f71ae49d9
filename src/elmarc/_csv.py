"""Tables as CSV text, in which no cell is a formula."""

from __future__ import annotations

from typing import Any

import pandas as pd

from elmarc._names import defused


def csv_text(frame: pd.DataFrame, *, index: bool = False, header: bool = True) -> str:
    """Return a table as CSV text; what a spreadsheet would take for a formula has `'` before it.

    >>> csv_text(pd.DataFrame({"label": ["=1+1", "dog"], "n": [-1, 2]})).split()
    ['label,n', "'=1+1,-1", 'dog,2']
    """
    safe = frame.rename(columns=_cell)
    for k, name in enumerate(frame.columns):
        if not pd.api.types.is_numeric_dtype(frame.dtypes.iloc[k]):
            safe[_cell(name)] = frame.iloc[:, k].map(_cell)
    if index:
        safe = safe.rename(index=_cell)
    return safe.to_csv(index=index, header=header, lineterminator="\n")


def _cell(value: Any) -> Any:
    return defused(value) if isinstance(value, str) else value
