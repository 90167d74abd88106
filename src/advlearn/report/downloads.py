"""Tables as part of a self-contained page, to be saved from it."""

from __future__ import annotations

import base64
import gzip

import pandas as pd


def csv_text(frame: pd.DataFrame, digits: int = 10) -> str:
    """The rows as CSV.

    Args:
        frame: the rows.
        digits: significant digits of floats; ten in the files of the tables.
    """
    text: str = frame.to_csv(index=False, float_format=f"%.{digits}g", lineterminator="\n")
    return text


def csv_address(text: str) -> str:
    """CSV as a packed file in a data address; the same bytes for the same text.

    Packed, the numbers of a whole page take a tenth of their size; the page's script unpacks them
    where the browser can.
    """
    packed = gzip.compress(text.encode("utf-8"), compresslevel=9, mtime=0)
    return f"data:application/gzip;base64,{base64.b64encode(packed).decode('ascii')}"
