"""Where make trained puts the model, and the Python that has sentence-transformers."""

from embedding_gate.own_files import ROOT
from tests.trained.fetch import NAME

FOLDER = ROOT / "build" / "trained" / NAME
REFERENCE = ROOT / ".venv-reference" / "bin" / "python"
