"""The project's own tests never ask the hub of models: where there is no network, each question waits."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
