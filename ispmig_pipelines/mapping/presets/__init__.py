"""Presets: what is known beforehand of the exports of well-known systems.

:func:`known` names them, :func:`load_preset` reads one, :func:`recognise` tells which tables of
an export are whose.
"""

from __future__ import annotations

from ispmig_pipelines.mapping.presets.bind import BoundBlock, BoundTable, bind
from ispmig_pipelines.mapping.presets.load import Preset, known, load_preset, parse_preset
from ispmig_pipelines.mapping.presets.recognise import Recognised, SeenTable, recognise

__all__ = [
    "BoundBlock",
    "BoundTable",
    "Preset",
    "Recognised",
    "SeenTable",
    "bind",
    "known",
    "load_preset",
    "parse_preset",
    "recognise",
]
