"""What a device report says, and what is proposed from it."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.device import __main__ as device
from benchmarks.device import proposal, steps
from benchmarks.harness import plan
from embedding_gate.errors import InputError
from embedding_gate.own_files import ROOT, THRESHOLDS
from embeddings.errors import ModelNotFound


def report(figure: float, crossover: str = '"metal": 64') -> dict[str, Any]:
    """Return a report in which the gate measured a figure of parity, and a count."""
    verdicts = [
        {"check": "parity", "measured": figure},
        {"check": "token ids", "measured": 3.0},
        {"check": "cohesion", "measured": 0.9},
        {"check": "norm", "measured": None},
    ]
    gate = {"models": [{"name": "all-MiniLM-L6-v2", "precision": "float32", "verdicts": verdicts}]}
    given = [("gate on the gpu", "a table", gate), ("crossover", f"layer 1 2\n{crossover}\n", None)]
    return {
        "version": 1,
        "small": False,
        "machine": {"chip": "Chip X"},
        "steps": [
            {"name": name, "command": "c", "code": 0, "seconds": 1.0, "output": output, "record": record}
            for name, output, record in given
        ],
    }


def proposed(tmp_path: Path, capsys: pytest.CaptureFixture[str], given: dict[str, Any]) -> str:
    file = tmp_path / "device-report.json"
    file.write_text(json.dumps(given))
    proposal.main([str(file)])
    return capsys.readouterr().out


def test_a_larger_figure_moves_its_threshold_and_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = proposed(tmp_path, capsys, report(7.2e-7))
    changed = [line for line in shown.splitlines() if re.match(r"[+-](?![+-])", line)]
    assert [line[:12] for line in changed if line.startswith("+")] == [
        "+CROSSOVER: ",
        "+at_most = 3",
        "+measured = ",
        '+source = "l',
    ]
    assert '"metal": 64}' in shown
    assert "+at_most = 3.0e-06\n+measured = 7.20e-07\n" in shown
    assert "; 7.2e-07 on Chip X" in shown


def test_the_diff_applies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = proposed(tmp_path, capsys, report(7.2e-7))
    check = ["git", "apply", "--check"]
    subprocess.run(check, input=shown, text=True, cwd=ROOT, check=True)


def test_a_smaller_figure_and_no_table_move_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert proposed(tmp_path, capsys, report(1e-8, "stopped")) == ""


def test_a_figure_below_the_threshold_moves_the_measurement_alone() -> None:
    text = THRESHOLDS.read_text(encoding="utf-8")
    moved = proposal.with_thresholds(
        text,
        {
            **report(0),
            "steps": [
                {
                    "record": {
                        "models": [
                            {
                                "name": "none",
                                "precision": "float32",
                                "verdicts": [{"check": "norm", "measured": 5.7e-7}],
                            }
                        ]
                    }
                }
            ],
        },
    )
    assert "at_most = 3.0e-06\nmeasured = 5.70e-07" in moved


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"version": 2}',
        json.dumps({**report(0), "machine": {"chip": ""}}),
        json.dumps({**report(0), "small": True}),
    ],
)
def test_what_is_no_report_is_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "device-report.json"
    file.write_text(content)
    with pytest.raises(InputError, match=r"device-report\.json: is "):
        proposal.read(file)


WAITING = """
import time
try:
    print("begun", flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    print("measured so far")
"""


def test_a_step_that_takes_too_long_is_stopped_and_says_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time is over here as soon as it has begun."""
    wait = subprocess.Popen.wait

    def over(process: Any, timeout: float | None = None) -> int:
        if timeout == 60 - device.PATIENCE:
            while "begun" not in (tmp_path / "output.txt").read_text():
                time.sleep(0.01)
            raise subprocess.TimeoutExpired(process.args, timeout)
        return wait(process, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", over)
    ran = device.run(steps.Step("waits", ["timeit", "-n1", "-r1", WAITING], "", 1), tmp_path)
    assert ran["code"] is None
    shown = device.markdown({"machine": {"chip": "Chip X"}, "steps": [ran]})
    assert "waits: stopped at its limit" in shown
    assert "measured so far" in shown


def test_what_fails_is_said(tmp_path: Path) -> None:
    ran = device.run(steps.Step("fails", ["no_such_module"], "", 1), tmp_path)
    assert ran["code"] == 1
    assert "No module named no_such_module" in ran["output"]


def test_a_stopped_step_has_no_record_of_an_earlier_report(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text('{"earlier": 1}')
    ran = device.run(steps.Step("waits", ["asyncio"], "record.json", 0.001), tmp_path)
    assert (ran["code"], ran["record"]) == (None, None)


def test_the_markdown_fits_into_an_issue() -> None:
    output = "\n".join(f"line {number} " + "x" * 150 for number in range(500))
    step = {"name": "one", "command": "c", "code": 0, "seconds": 1.0, "output": output}
    shown = device.markdown({"machine": {"chip": "Chip X"}, "steps": [step] * 9})
    assert len(shown) <= 65_536
    assert shown.count("line 499 ") == 9
    assert "line 499 " in device.markdown({"machine": {"chip": "Chip X"}, "steps": [step]})


def test_no_folder_of_the_computer_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    ran = device.run(steps.Step("fails", ["json.tool", f"{tmp_path}/no such file"], "", 1), tmp_path)
    assert ran["command"] == "python -m json.tool '~/no such file'"
    assert "~/no such file" in ran["output"]
    assert device.plain(f"{ROOT / 'tests'} {tmp_path / 'a'}") == "./tests ~/a"


def test_the_limits_can_be_longer_for_a_slow_machine(tmp_path: Path) -> None:
    usual = device.parse([f"--folder={tmp_path}"]).steps
    longer = device.parse([f"--folder={tmp_path}", "--longer=4", "--skip=crossover"]).steps
    assert {step.name: 4 * step.minutes for step in usual if step.name != "crossover"} == {
        step.name: step.minutes for step in longer
    }


def test_machine_and_revision_are_said() -> None:
    found = device.facts()
    assert {"chip", "memory", "system", "mlx", "python"} <= found.keys()
    assert "" not in found.values()
    assert None not in found.values()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--skip=gate"], "no step 'gate' here"),
        (["--longer=0"], "must be above 0"),
        (["--folder=/dev/null/x"], "cannot be made"),
    ],
)
def test_a_wrong_option_is_one_line(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        device.main(options)
    assert told in capsys.readouterr().err.splitlines()[-1]


MODELS = {"cpu": ["all-MiniLM-L6-v2", "0.6b"], "metal": ["0.6b", "4b", "8b"], "cuda": ["0.6b", "4b", "8b"]}


@pytest.mark.parametrize(("name", "count"), [("cpu", 5), ("metal", 9), ("cuda", 9)])
def test_the_steps_take_a_quarter_of_an_hour_at_most(
    name: str, count: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(steps, "backend", lambda: name)
    monkeypatch.setattr(steps, "default_models", lambda: MODELS[name])
    found = steps.steps(tmp_path, small=False)
    assert sum(step.minutes for step in found) <= 15
    assert len({step.name for step in found}) == len(found) == count
    assert sum("claims" in " ".join(step.arguments) for step in found) == 1
    assert steps.command(found[0])[:2] == [sys.executable, "-m"]


@pytest.mark.parametrize(("name", "tokens"), [("cuda", 128 * 512), ("metal", 8 * 128)])
def test_a_mac_gets_smaller_batches(name: str, tokens: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "on_cpu", lambda: False)
    monkeypatch.setattr(plan, "backend", lambda: name)
    found = plan.plan_of("synthetic:qwen3-embedding-8b-4bit")
    assert max(batch * length for batch, length in found.grid) == tokens
    assert {found.headline, (1, plan.SHORT)} <= set(found.grid)


def test_the_trained_model_is_measured_where_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "synthetic:qwen3-embedding-0.6b-4bit"
    monkeypatch.setattr(steps, "find_folder", lambda _: None)
    assert steps.there(name) == "Qwen3-Embedding-0.6B-4bit-DWQ"

    def missing(_: str) -> None:
        raise ModelNotFound(name, "is not here", hint="fetch it")

    monkeypatch.setattr(steps, "find_folder", missing)
    assert steps.there(name) == name
    assert steps.there("all-MiniLM-L6-v2") == "all-MiniLM-L6-v2"
