"""Faults of the families of encoders, and harmless variants, each in a tiny checkpoint of its family.

They stand beside the catalogue, which injects into two models. Here each family has its own small model, with
goldens of sentence-transformers (tests/reference/make_encoder_gate.py). test_families.py judges them.
"""

from embeddings.models import layers
from tests.faults.families import gates, gemma, positions, windows  # each declares its faults
from tests.faults.families.declare import FAULTS, VARIANTS, FamilyFault, harmless
from tests.support.families import ENCODERS

__all__ = ["FAULTS", "UNCHANGED", "VARIANTS", "FamilyFault", "gates", "gemma", "positions", "windows"]

UNCHANGED = "nothing changed"

for _family in ENCODERS:
    harmless(_family, UNCHANGED)(lambda _: None)
    harmless(_family, "MLX's own functions")(lambda patch: patch.setattr(layers, "_slow", lambda _: False))
