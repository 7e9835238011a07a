"""Values: how outputs and inputs are stored, as JSON text with tags and artifacts (S46, S47)."""

from __future__ import annotations

from ergon.model.values.artifact import Artifact, Loader, artifacts_named
from ergon.model.values.decoder import Decoder, canonical, decode_plain, to_json
from ergon.model.values.encoder import MAX_DEPTH, Foreign, encode_plain, encode_small

__all__ = [
    "MAX_DEPTH",
    "Artifact",
    "Decoder",
    "Foreign",
    "Loader",
    "artifacts_named",
    "canonical",
    "decode_plain",
    "encode_plain",
    "encode_small",
    "to_json",
]
