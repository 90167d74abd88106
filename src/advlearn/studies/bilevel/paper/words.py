"""The words of study 3's sentences, captions and notes, from sentences.j2."""

from __future__ import annotations

from advlearn.report.sentences import Sentences

SAY = Sentences(__package__)
