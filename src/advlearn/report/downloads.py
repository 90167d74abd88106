"""Tables as part of a self-contained page, to be saved from it."""

from __future__ import annotations

import base64
import gzip

import pandas as pd


def csv_address(frame: pd.DataFrame, digits: int = 10) -> str:
    """The rows as a packed CSV file in a data address; the same bytes for the same rows.

    Packed, the numbers of a whole page take a tenth of their size; the page's script unpacks them
    where the browser can.

    Args:
        frame: the rows.
        digits: significant digits of floats; ten in the files of the tables.
    """
    text = frame.to_csv(index=False, float_format=f"%.{digits}g", lineterminator="\n")
    packed = gzip.compress(text.encode("utf-8"), compresslevel=9, mtime=0)
    return f"data:application/gzip;base64,{base64.b64encode(packed).decode('ascii')}"
