"""``python -m embeddings doctor``: what this machine computes with. Its speed is measured."""

import os
import platform
import shutil
import time
from collections.abc import Iterator
from importlib import metadata

from embeddings import backend
from embeddings.backend import mx
from embeddings.catalog import CATALOG, DEFAULT_MODEL
from embeddings.errors import EmbeddingsError
from embeddings.folder import find_folder
from embeddings.hub import missing, snapshot
from embeddings.loading import load

__all__ = ["UNUSABLE", "examine", "matmul_rate"]

UNUSABLE = "NOT USABLE"  # begins what is said of a model that is damaged or incomplete

_PACKAGES = (
    "mlx",
    "mlx-cpu",
    "mlx-metal",
    "mlx-cuda-12",
    "mlx-cuda-13",
    "numpy",
    "tokenizers",
    "safetensors",
    "huggingface_hub",
    "ngsolve-openblas",
)


def examine() -> Iterator[tuple[str, str]]:
    """Yield a name and a finding for each fact that belongs in a problem report."""
    yield "python", f"{platform.python_version()} on {platform.platform()}"
    yield "packages", ", ".join(f"{name} {version}" for name in _PACKAGES if (version := _version(name)))
    yield "device", str(mx.default_device())
    yield "cores", f"{backend.usable_cores()} used side by side"
    yield "CPU BLAS", backend.in_use()
    yield "matmul", f"{matmul_rate():.0f} GFLOP/s on {mx.default_device()} (fp32, 1024 x 1024, best of 5)"
    yield "TF32", _tf32()
    yield "compiler", _compiler()
    findings = {name: _model(name) for name in CATALOG}
    for name, finding in findings.items():
        if finding:
            yield f"model {name}", finding
    if absent := [name for name, finding in findings.items() if not finding]:
        yield (
            "models not here",
            f"{', '.join(absent)}: fetched from the Hugging Face hub when they are asked for",
        )


def matmul_rate(size: int = 1024, rounds: int = 5) -> float:
    """Measure fp32 matrix products on the default device, in GFLOP/s. Return the best of some rounds."""
    left, right = mx.random.normal((size, size)), mx.random.normal((size, size))
    mx.eval(left @ right)
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        mx.eval(left @ right)
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e9


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _tf32() -> str:
    if mx.default_device().type == mx.DeviceType.cpu:
        return "not on a CPU: fp32 is multiplied in fp32"
    if os.environ.get("MLX_ENABLE_TF32") == "0":
        return "off (MLX_ENABLE_TF32=0)"
    return "on where the device has it, with 10-bit mantissas: set MLX_ENABLE_TF32=0 for parity"


def _compiler() -> str:
    if mx.default_device().type != mx.DeviceType.cpu:
        return "not needed on a GPU"
    found = shutil.which("g++")
    return (
        f"{found} (mx.compile fuses)"
        if found
        else "none: mx.compile runs unfused on the CPU; nothing here needs it"
    )


def _model(name: str) -> str:
    """Say what is here of a model of the catalog; nothing if the cache of the hub does not hold it at all.

    The embedded model encodes a text: files without a known hash may be damaged, too.
    """
    entry = CATALOG[name]
    origin = f"({entry.licence}, {entry.source})"
    try:
        if entry.repository and (lacking := missing(entry.repository, entry.revision)):
            if not (snapshot(entry.repository, entry.revision) / "config.json").is_file():
                return ""
            return f"not in the Hugging Face cache: no {', '.join(lacking)} of {entry.revision} {origin}"
        hashes = f"hashes right: {', '.join(entry.sha256)}" if entry.sha256 else "no hashes known"
        if name != DEFAULT_MODEL:
            return f"{find_folder(name).path}, {hashes} {origin}"
        model = load(name)  # it checks the hashes too
        model.encode(["a text"])
        return f"{model.path}, {hashes}; encodes a text {origin}"
    except EmbeddingsError as error:
        return f"{UNUSABLE}: {error}"
