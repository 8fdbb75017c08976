"""Describes the machine of a run, because speeds of different machines do not compare."""

import os
from collections.abc import Collection
from importlib import metadata

from embeddings import backend
from embeddings.backend import mx

__all__ = ["chip", "in_tf32", "machine"]


def machine(precisions: Collection[str]) -> dict[str, str | int]:
    """Return device, chip, cores, BLAS, MLX's version, precisions, and what TF32 is set to."""
    return {
        "device": "cpu" if on_cpu() else "gpu",
        "chip": chip(),
        "cores": backend.usable_cores() if on_cpu() else os.cpu_count() or 1,
        "blas": backend.in_use(),
        "mlx": metadata.version("mlx"),
        "precision": ", ".join(sorted(set(precisions))),
        "tf32": "not on a CPU" if on_cpu() else os.environ.get("MLX_ENABLE_TF32", "MLX's default"),
    }


def chip() -> str:
    """Return what the default device calls itself."""
    return str(mx.device_info(mx.default_device()).get("device_name", "unknown"))


def in_tf32() -> bool:
    """Whether MLX may multiply float32 at TF32: on a GPU, unless it was told not to."""
    return not on_cpu() and os.environ.get("MLX_ENABLE_TF32") != "0"


def on_cpu() -> bool:
    """Whether the default device is a CPU."""
    return bool(mx.default_device().type == mx.DeviceType.cpu)
