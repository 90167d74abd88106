from __future__ import annotations

import base64
import gzip
import io

import pandas as pd

from advlearn.report.downloads import csv_address, csv_text
from advlearn.report.glossary import Glossary, anchor


def test_a_term_is_linked_once_where_it_first_stands() -> None:
    glossary = Glossary({"universe": "what it is"})
    assert glossary.marked("no such word") == "no such word"
    link = '<a class="term" href="#term-universe">Universes</a>'
    assert glossary.marked("Universes and a universe") == f"{link} and a universe"
    assert glossary.marked("another universe") == "another universe"


def test_parts_of_words_are_no_terms_and_text_is_escaped() -> None:
    glossary = Glossary({"calm": "x"})
    assert glossary.marked("calmness <b>") == "calmness &lt;b&gt;"
    assert '">calm</a> &amp;' in glossary.marked("calm &")


def test_a_term_within_another_waits() -> None:
    glossary = Glossary({"radius": "x", "certified radius": "y"})
    first = glossary.marked("the certified radius")
    assert first.count("<a ") == 1
    assert glossary.marked("a radius and the certified radius").count("<a ") == 1
    assert list(glossary.terms) == ["certified radius", "radius"]
    assert anchor("certified radius") == "term-certified-radius"


def test_rows_come_back_from_the_page() -> None:
    frame = pd.DataFrame({"name": ["ä", 'b "c"'], "value": [0.1234567890123, float("nan")]})
    address = csv_address(csv_text(frame))
    assert address == csv_address(csv_text(frame))
    kind, _, packed = address.partition(",")
    assert kind == "data:application/gzip;base64"
    text = gzip.decompress(base64.b64decode(packed))
    back = pd.read_csv(io.BytesIO(text))
    assert back["name"].tolist() == ["ä", 'b "c"']
    assert back["value"][0] == 0.123456789
    assert "0.123\n" in csv_text(frame, digits=3)
