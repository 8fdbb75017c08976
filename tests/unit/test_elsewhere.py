"""The process of the check "new process" answers, however Python buffers what it prints."""

import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.harness import FIXTURES, ROOT


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_vectors_come_through_a_pipe(unbuffered: str) -> None:
    model = str(FIXTURES / "tiny-qwen3")
    asked = dict.fromkeys(("variant", "max_tokens", "device", "precision"))
    asked |= {"model": model, "recipe": "declared", "texts": ["a text"]}
    done = subprocess.run(
        [sys.executable, "-m", "tests.elsewhere"],
        input=json.dumps(asked).encode(),
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert np.load(io.BytesIO(done.stdout)).shape == (1, 64)
