"""Models of the Hugging Face hub at a pinned commit, read from its cache or downloaded into it.

Only data is downloaded: JSON files, and the safetensors files that will be read. The weights come last, so
an interrupted download never looks like a complete model. The functions that need huggingface_hub import it
themselves, so a model in a folder does not wait for that import.

Files are downloaded one by one, without snapshot_download. The threads of snapshot_download delay Ctrl-C
until a file is complete. If the hub refuses access, it returns an incomplete snapshot as if it were complete.
Both are tested in tests/embeddings/hub.
"""

import json
import re
import shutil
import warnings
from collections.abc import Callable, Collection, Mapping
from errno import ENOSPC
from functools import partial
from pathlib import Path
from typing import Any

from embeddings.errors import DamagedModel, ModelNotFound

__all__ = ["fetch", "missing", "parse", "snapshot"]

_REQUIRED = ("config.json", "tokenizer.json")
_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_PART = r"[A-Za-z0-9][\w.-]*"
_NAME = re.compile(rf"({_PART}/{_PART})(?:@(.*))?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


def parse(name: str) -> tuple[str, str] | None:
    """Split "owner/name" or "owner/name@COMMIT". Return None if it is not a hub name.

    Without @COMMIT the commit is "". The caller must check first whether "owner/name" is a local folder.
    """
    match = _NAME.fullmatch(name)
    return (match[1], match[2] or "") if match else None


def snapshot(repository: str, revision: str) -> Path:
    """Return the cache folder of a repository at a commit. The folder may not exist.

    The cache is huggingface_hub's: HF_HUB_CACHE, else HF_HOME/hub, else ~/.cache/huggingface/hub.

    Raises:
        ModelNotFound: the revision is not a full commit.

    """
    from huggingface_hub import constants  # noqa: PLC0415  (see above)

    if not _COMMIT.fullmatch(revision):
        raise ModelNotFound(
            repository,
            "no such folder here; and of the hub only a pinned commit is taken, because any other name can "
            f"change under the gate: got {revision or 'none'}",
            hint=f"add @COMMIT (40 hex digits), as shown on https://huggingface.co/{repository} under "
            '"Files and versions"',
        )
    return Path(constants.HF_HUB_CACHE, "models--" + repository.replace("/", "--"), "snapshots", revision)


def missing(repository: str, revision: str) -> list[str]:
    """Return the names of the model's files that the cache lacks. An empty list means it is complete.

    The network is never used. The needed files are config.json, tokenizer.json and the weights, also those of
    Dense modules. If the cache knows the repository's list of files, every JSON file in it is needed too. A
    snapshot that other software made may lack the JSON files that define the pooling.

    Raises:
        ModelNotFound: the revision is not a full commit.
        DamagedModel: the index of the weights is malformed.

    """
    from huggingface_hub import get_cached_repo_tree  # noqa: PLC0415  (see above)
    from huggingface_hub.errors import CachedRepoTreeNotFoundError  # noqa: PLC0415

    folder = snapshot(repository, revision)
    try:
        listed = [file.path for file in get_cached_repo_tree(repository, revision=revision)]
    except CachedRepoTreeNotFoundError:
        listed = []
    one_file = (folder / _WEIGHTS).is_file() or not (folder / _INDEX).is_file()
    weights = [*([_WEIGHTS] if one_file else _shards(folder)), *_dense_weights(folder)]
    needed = [*_REQUIRED, *weights, *filter(_is_json, listed)]
    return [name for name in dict.fromkeys(needed) if not (folder / name).is_file()]


def fetch(repository: str, revision: str) -> Path:
    """Return a model's folder in the cache. Missing files are downloaded first, with progress bars.

    For a complete model the network is not used. HF_HUB_OFFLINE and a token stored with ``hf auth login`` are
    respected. The terminal is never asked for input. If the connection breaks, the download continues where
    it stopped. After an interrupt (Ctrl-C), complete files are kept.

    Raises:
        ModelNotFound: the revision is not a full commit, or the model cannot be downloaded. It says why.
        DamagedModel: the index of the weights is malformed.

    """
    lacking = missing(repository, revision)
    if lacking:
        _download(repository, revision, lacking)
    return snapshot(repository, revision)


def _download(repository: str, revision: str, lacking: Collection[str]) -> None:
    import httpx2  # noqa: PLC0415  (see above)
    from huggingface_hub import HfApi, constants  # noqa: PLC0415
    from huggingface_hub.hf_api import RepoFile  # noqa: PLC0415

    constants.HF_HUB_DISABLE_TELEMETRY = True  # else each request reports the software of this machine
    constants.HF_HUB_DISABLE_XET = True  # Xet does not resume a broken file and does not report the cause
    hub = HfApi(library_name="embedding-gate")
    get = partial(hub.hf_hub_download, repository, revision=revision)
    try:
        tree = hub.list_repo_tree(repository, recursive=True, revision=revision)
        listed = {file.path: file.size for file in tree if isinstance(file, RepoFile)}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Not enough free disk space")  # our own error says so
            _get_files(repository, snapshot(repository, revision), listed, get)
    except (httpx2.HTTPError, OSError) as error:
        what, hint = _explained(error, repository, revision)
        raise ModelNotFound(
            repository, f"{what}, and the cache lacks {', '.join(lacking)} of {revision}", hint=hint
        ) from error


def _get_files(
    repository: str, folder: Path, listed: Mapping[str, int], get: Callable[[str], object]
) -> None:
    """Download the JSON files, then the weights that they name."""
    for name in filter(_is_json, listed):
        get(name)
    one_file = _WEIGHTS in listed or _INDEX not in listed
    weights = [*([_WEIGHTS] if one_file else _shards(folder)), *_dense_weights(folder)]
    if absent := [name for name in (*_REQUIRED, *weights) if name not in listed]:
        raise ModelNotFound(
            repository,
            f"the repository has no {', '.join(absent)}",
            hint="use a conversion of the model that has safetensors and tokenizer.json",
        )
    wanted = [name for name in weights if not (folder / name).is_file()]
    size, free = sum(listed[name] for name in wanted), shutil.disk_usage(folder).free
    if size > free:
        raise OSError(ENOSPC, f"{size / 1e9:.2f} GB are to be had and {free / 1e9:.2f} GB free")
    for name in wanted:
        get(name)


def _explained(error: Exception, repository: str, revision: str) -> tuple[str, str]:
    """Return the cause of a failed download and how to fix it."""
    from huggingface_hub import constants, errors  # noqa: PLC0415  (see above)

    while isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # this error only says that the file is not in the cache
    page = f"https://huggingface.co/{repository}"
    carry = (
        f"run `hf download {repository} --revision {revision}` on a machine with network and copy its cache, "
        "or put the model's folder anywhere and name it with --model=FOLDER"
    )
    access = f"ask for access on {page}, then `hf auth login` or set HF_TOKEN"
    status = error.response.status_code if isinstance(error, errors.HfHubHTTPError) else 0
    gated = isinstance(error, errors.GatedRepoError) or status == 403
    unknown = isinstance(error, errors.RepositoryNotFoundError) or status == 401
    full = isinstance(error, OSError) and error.errno == ENOSPC
    table = (  # the first true row counts; for huggingface_hub a gated repository is also unknown
        (isinstance(error, errors.OfflineModeIsEnabled), "HF_HUB_OFFLINE is set", f"unset it, or {carry}"),
        (
            isinstance(error, errors.RevisionNotFoundError),
            f"the hub knows no commit {revision} of it",
            f'take one that {page} shows under "Files and versions"',
        ),
        (gated, f"the hub gives it only to those who have access ({status})", access),
        (
            unknown,
            f"the hub knows no such repository, or it is private ({status})",
            f"correct the name, or {access}",
        ),
        (
            full,
            f"the disk of {constants.HF_HUB_CACHE} is full ({error})",
            "make room there, or set HF_HUB_CACHE to a folder on another disk",
        ),
        (bool(status), f"{constants.ENDPOINT} answered {status}", f"try again later, or {carry}"),
        (
            True,
            f"the download from {constants.ENDPOINT} failed ({type(error).__name__}: {error})",
            f"run it again, or {carry}",
        ),
    )
    return next((what, hint) for holds, what, hint in table if holds)


def _is_json(name: str) -> bool:
    return name.endswith(".json")


def _dense_weights(folder: Path) -> list[str]:
    """Return the names of the weight files of the Dense modules that a snapshot's modules.json lists.

    A malformed list gives none: whoever loads the folder reads the list again and says what is wrong.
    """
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        paths = [str(one["path"]) for one in modules if str(one["type"]).endswith(".Dense")]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    return [f"{path}/{_WEIGHTS}" for path in paths]


def _shards(folder: Path) -> list[str]:
    """Return the names of the weight files that the index of a snapshot lists."""
    where = folder / _INDEX
    try:
        index: Any = json.loads(where.read_text(encoding="utf-8"))
        names = set(index["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedModel(where, f"malformed ({error!r})", hint="delete the snapshot's folder") from error
    if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise DamagedModel(
            where, "weight_map must name files of this folder", hint="delete the snapshot's folder"
        )
    return sorted(names)
