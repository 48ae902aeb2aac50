"""Generates the Python stubs from the protos, or checks that those in the tree are what the protos give.

Run it as ``python -m tests.contract.stubs [--check]``.
"""

from __future__ import annotations

import filecmp
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parents[2]
PROTOS = ROOT / "protos"
WELL_KNOWN = Path(protoc.__file__).parent / "_proto"
STUBS = Path("segue") / "v1"


def generate(out: Path) -> None:
    """Write the stubs of all protos, and the service stubs of those with a service, below a folder."""
    sources = sorted((PROTOS / STUBS).glob("*.proto"))
    services = [source for source in sources if "\nservice " in source.read_text()]
    here = Path(sys.executable).parent
    messages = [f"--plugin={here / 'protoc-gen-mypy'}", f"--python_out={out}", f"--mypy_out=quiet:{out}"]
    stubs = [
        f"--plugin={here / 'protoc-gen-mypy_grpc'}",
        f"--grpc_python_out={out}",
        f"--mypy_grpc_out=quiet:{out}",
    ]
    for flags, files in ((messages, sources), (stubs, services)):
        if protoc.main(["protoc", f"-I{PROTOS}", f"-I{WELL_KNOWN}", *flags, *map(str, files)]):
            raise SystemExit("protoc failed")


def stale() -> list[str]:
    """Return the names of stubs that differ from what the protos give, are missing, or have no proto."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh, tree = Path(folder) / STUBS, ROOT / "clients" / STUBS
        names = {path.name for path in fresh.iterdir()} | {path.name for path in tree.glob("*_pb2*")}
        _, different, missing = filecmp.cmpfiles(fresh, tree, names, shallow=False)
        return sorted(different + missing)


def main() -> None:
    if "--check" in sys.argv:
        if names := stale():
            raise SystemExit(f"stubs that are not what the protos give (run 'make stubs'): {', '.join(names)}")
        return
    for old in (ROOT / "clients" / STUBS).glob("*_pb2*"):
        old.unlink()
    generate(ROOT / "clients")


if __name__ == "__main__":
    main()
