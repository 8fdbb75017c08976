"""Nothing here runs unless make trained has fetched the weights."""

from tests.trained.model import FOLDER

collect_ignore_glob = [] if FOLDER.is_dir() else ["test_*.py"]
