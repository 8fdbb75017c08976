"""``python -m embeddings doctor``."""

import argparse

from embeddings.doctor import examine


def main() -> None:
    """Print the findings, one a line."""
    parser = argparse.ArgumentParser(
        prog="python -m embeddings", description="Helpers beside the pytest commands."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("doctor", help="versions, device, BLAS and its measured speed, models found")
    parser.parse_args()
    for name, finding in examine():
        print(f"{name:<24} {finding}", flush=True)


if __name__ == "__main__":
    main()
