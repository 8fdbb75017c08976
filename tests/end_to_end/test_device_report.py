"""The report of a device, in little, as somebody with that device makes it. Benchmarks have other tests."""

import json
import subprocess
import sys
from pathlib import Path

from embedding_gate.own_files import ROOT


def test_all_steps_in_little(tmp_path: Path) -> None:
    """Whether a busy machine gives a ratio or a rate is not asked: each step ran, and left what it left."""
    made = [sys.executable, "-m", "benchmarks.device", "--small", "--skip=benchmarks of fixtures/tiny-qwen3"]
    subprocess.run([*made, f"--folder={tmp_path}"], cwd=ROOT, check=True, capture_output=True)
    report = json.loads((tmp_path / "device-report.json").read_text())
    gate, crossover, decoders = report["steps"][-3:]
    assert [check["check"] for check in gate["record"]["models"][0]["verdicts"]] == ["norm"]
    assert '\n"cpu": ' in crossover["output"] or report["machine"]["backend"] != "cpu"
    assert "interleaved rounds" in decoders["output"]
    shown = (tmp_path / "device-report.md").read_text()
    assert len(shown) < 65_536
    assert all(f"<summary>{step['name']}: " in shown for step in report["steps"])
    proposed = subprocess.run(
        [sys.executable, "-m", "benchmarks.device.proposal", str(tmp_path / "device-report.json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (proposed.returncode, proposed.stdout) == (1, "")
    assert "--small" in proposed.stderr  # thresholds do not come from a part of the gate
