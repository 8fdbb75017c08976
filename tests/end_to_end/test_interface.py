"""The commands that a user types, run as a user runs them."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from safetensors.numpy import load_file

import embeddings
from embedding_gate import own_files, register
from embeddings import backend
from embeddings.backend import mx
from tests.support import tiny
from tests.support.commands import pytest_run, run_with_plugin


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny.build(tmp_path / "my-model", max_tokens=140)


def test_a_model_of_ones_own(tmp_path: Path) -> None:
    """It is judged by all that needs no goldens; the rest says so and is not red. JUnit has the figures.

    Its weights are in bfloat16 in the file and widened in memory, and the gate sees that they are the file's.
    """
    model = tmp_path / "my-model"
    shutil.copytree(embeddings.load().path, model)
    weights = load_file(model / "model.safetensors")
    halves = {name: mx.array(weight).astype(mx.bfloat16) for name, weight in weights.items()}
    mx.save_safetensors(str(model / "model.safetensors"), halves)
    some = "topics_beside or cohesion or norm or parity or weights"
    done = pytest_run("tests/quality", "-k", some, f"--model={model}", f"--junitxml={tmp_path / 'junit.xml'}")
    assert done.returncode == 0, done.stdout
    assert re.search(r"my-model \(.*\): \d+ checks passed, \d+ not calibrated", done.stdout)
    assert re.search(r"parity +- +- +- +not calibrated\n +no goldens of this model", done.stdout)
    junit = ET.parse(tmp_path / "junit.xml")  # noqa: S314  (made by the run above)
    properties = junit.findall(".//testcase[@name='test_norm[" + str(model) + "]']/properties/property")
    assert {found.get("name") for found in properties} == {"measured", "required"}


def test_two_models_of_one_name(tmp_path: Path) -> None:
    """Each has a table of its own."""
    one, other = (tiny.build(tmp_path / side / "model", max_tokens=140) for side in "ab")
    done = pytest_run("tests/quality", "-k", "test_norm or test_finite", f"--model={one}", f"--model={other}")
    assert done.returncode == 0, done.stdout
    assert f"model ({one}): 2 checks passed" in done.stdout
    assert f"model ({other}): 2 checks passed" in done.stdout


def test_a_plugin_that_shuffles_changes_nothing(tmp_path: Path) -> None:
    """pytest-randomly is one. Here all tests are turned round: models and checks keep their own order."""
    models = [f"--model={tiny.build(tmp_path / name, max_tokens=140)}" for name in ("one", "two")]
    run = ("tests/quality", "-k", "finite or norm or files or repeated", "-v", *models)
    turned = "def pytest_collection_modifyitems(items):\n    items.reverse()\n"
    plain, shuffled = pytest_run(*run), run_with_plugin(tmp_path, turned, *run)
    done = [
        [line.split()[0] for line in of.stdout.splitlines() if "::test_" in line] for of in (plain, shuffled)
    ]
    assert len(done[0]) == 12
    assert done[1] == done[0]
    table = "= embedding gate ="
    assert (
        shuffled.stdout.partition(table)[2].partition("passed")[0]
        == (plain.stdout.partition(table)[2].partition("passed")[0])
    )


def test_a_part_of_the_gate_calibrates_nothing() -> None:
    done = pytest_run("embedding_gate/checks/test_vectors.py", "--calibrate")
    assert done.returncode == 1
    assert (
        "FAIL: --calibrate: all-MiniLM-L6-v2: was not shown to be right in this run: token ids" in done.stdout
    )


def test_a_synthetic_model() -> None:
    """Invariances are judged, meaning is refused; every line that names the model says what it is."""
    some = "test_equal_lengths or test_weights or test_cohesion or test_pairs_by_chance"
    done = pytest_run(
        "tests/quality", "-k", some, f"--model={own_files.FIXTURES / 'tiny-qwen3'}", "--recipe=reference-2025"
    )
    assert done.returncode == 1
    assert "2 of 4 checks red" in done.stdout
    refused = r"cohesion .*ERROR\n +InputError: tiny-qwen3: has random weights, so its vectors have no"
    assert re.search(refused, done.stdout)
    assert re.search(r"equal lengths .*pass", done.stdout)


def test_no_command_shows_the_help() -> None:
    command = [sys.executable, "-m", "embeddings"]
    done = subprocess.run(command, cwd=own_files.ROOT, capture_output=True, text=True, check=True)
    assert "doctor" in done.stdout
    assert "cache" in done.stdout


def test_doctor() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "embeddings", "doctor"],
        cwd=own_files.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for words in (
        "packages",
        "device",
        "CPU BLAS",
        "GFLOP/s",
        "TF32",
        "compiler",
        "model all-MiniLM-L6-v2",
        "hashes right",
    ):
        assert words in done.stdout


def test_doctor_to_a_reader_that_has_gone() -> None:
    """As in ``| head -1``."""
    command = [sys.executable, "-m", "embeddings", "doctor"]
    with subprocess.Popen(
        command, cwd=own_files.ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


DOCTOR_WITHOUT_A_MODEL = """
import sys
from embeddings import __main__, loading
from embeddings.errors import HashMismatch
def find_folder(name):
    raise HashMismatch("model.safetensors", "SHA-256 differs", hint="download it again")
loading.find_folder = find_folder
sys.argv = ["embeddings", "doctor", "--json"]
__main__.main()
"""


def test_doctor_fails_where_the_embedded_model_cannot_run() -> None:
    command = [sys.executable, "-c", DOCTOR_WITHOUT_A_MODEL]
    done = subprocess.run(command, cwd=own_files.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert found["model all-MiniLM-L6-v2"].startswith("NOT USABLE: model.safetensors")
    assert "GFLOP/s" in found["matmul"]


def test_a_skipped_check_is_red(model: Path, tmp_path: Path) -> None:
    """A check that does not run leaves its threshold unread. If a part was asked for, the table says so."""
    plugin = (
        "import pytest\n"
        "def pytest_collection_modifyitems(items):\n"
        "    for item in items:\n"
        "        if item.name.startswith('test_finite'):\n"
        "            item.add_marker(pytest.mark.skip)\n"
    )
    whole = run_with_plugin(tmp_path, plugin, "-m", "quality", f"--model={model}")
    assert whole.returncode == 1
    assert "FAIL: threshold 'finite' of my-model was never evaluated" in whole.stdout
    part = run_with_plugin(tmp_path, plugin, "tests/quality", "-k", "test_norm", f"--model={model}")
    assert part.returncode == 0
    assert f"A PART: 1 of {len(register.live_tests())} checks" in part.stdout


def test_without_openblas_the_gate_runs_and_warns(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plugin would come too late: pytest's own settings name a warning of the package, and so import it."""
    monkeypatch.setenv(backend.CHOICE_VARIABLE, "openblas")
    (tmp_path / "sitecustomize.py").write_text(
        "from importlib import metadata\n"
        "right = metadata.files\n"
        "def files(name):\n"
        "    if 'openblas' in name:\n"
        "        raise metadata.PackageNotFoundError(name)\n"
        "    return right(name)\n"
        "metadata.files = files\n"
    )
    done = pytest_run("tests/quality", "-k", "test_norm", f"--model={model}", path=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "BLAS: no OpenBLAS" in done.stdout


def test_figures_of_red_checks_are_in_junit(model: Path, tmp_path: Path) -> None:
    plugin = (
        "from embedding_gate.verdicts.gate import Gate\n"
        "right = Gate.require\n"
        "Gate.require = lambda self, measured, evidence='': right(self, measured + 1, evidence=evidence)\n"
    )
    junit = tmp_path / "junit.xml"
    done = run_with_plugin(
        tmp_path, plugin, "tests/quality", "-k", "test_norm", f"--model={model}", f"--junitxml={junit}"
    )
    assert done.returncode == 1
    found = ET.parse(junit).findall(".//testcase/properties/property[@name='measured']")  # noqa: S314
    assert len(found) == 1
    assert float(found[0].get("value", "0")) >= 1


def test_the_gate_alone_needs_none_of_the_other_tests_packages(tmp_path: Path) -> None:
    plugin = "import sys\nsys.modules |= dict.fromkeys(('sklearn', 'scipy', 'jsonschema', 'regex'))\n"
    done = run_with_plugin(tmp_path, plugin, "-m", "quality", "--collect-only", "-q")
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("tests/quality/") == len(register.live_tests())


def test_a_missing_package_is_one_line(tmp_path: Path) -> None:
    """Where only the gate's packages are there, the project's own tests name the command that adds theirs."""
    shadow = tmp_path / "scipy"
    shadow.mkdir()
    (shadow / "__init__.py").write_text("raise ModuleNotFoundError(name='scipy')", encoding="utf-8")
    done = pytest_run(
        "tests/embedding_gate/test_thresholds.py", "tests/embedding_gate/test_ranking.py", path=tmp_path
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert (
        "tests/embedding_gate/test_ranking.py: needs scipy, which is not installed; run make dev"
        in done.stdout
    )
    assert "Traceback" not in done.stdout + done.stderr
