"""``segue demo``: starts a server, does the main job on real input by the commands a person would type, and stops it.

``chorale.mid`` is a chorale by Bach out of the test part of the JSB set, which no shipped model was trained on.
``rehearsal.mid`` is the same piece as four nervous singers might play it in: every note up to 40 % of a sixteenth early
or late, one in twenty a semitone off.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from segue.client import Client
from segue.client.cli._session import reported
from segue.client.demo._waiting import NotReady, wait_until_ready

app = typer.Typer(help="Start a server and show on real input what it does.", add_completion=False)
console = Console(highlight=False)

_SEGUE = (sys.executable, "-c", "from segue.command import main; main()")
_COMMANDS = (
    "segue algorithms",
    "segue recommend --listener 2 --count 5",
    "segue generate --bars 8 --key 'G major' --tempo 84 --seed 1 --out {out}/new-chorale.mid --png --wav",
    "segue analyze {out}/chorale.mid --out {out} --png",
    "segue transfer {out}/rehearsal.mid --polish --out {out}/polished.mid --png --wav",
    "segue transfer {out}/chorale.mid --style bossanova --seed 1 --out {out}/bossanova.mid --png --wav",
)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("demo-output"),
) -> None:
    """Start a server and its Triton, recommend, compose, analyse, polish and transfer, save the results, and stop it.

    Example: segue demo --out demo-output
    """
    with reported():
        out.mkdir(parents=True, exist_ok=True)
        for name in ("chorale.mid", "rehearsal.mid"):
            with as_file(files(__package__) / name) as path:
                shutil.copyfile(path, out / name)
    with _server() as address:
        for command in _COMMANDS:
            _run(command.format(out=shlex.quote(str(out))), address)
    console.rule()
    console.print(f"Saved in {out}/:", ", ".join(sorted(path.name for path in out.iterdir())))


def _run(command: str, address: str) -> None:
    """Show a command and what it prints, as on a terminal."""
    console.rule()
    console.print(f"[bold]$ {command}[/bold]", soft_wrap=True)
    words = [*_SEGUE, *shlex.split(command)[1:]]
    result = subprocess.run(words, env=os.environ | {"SEGUE_ADDRESS": address}, check=False)
    if result.returncode:
        console.print(f"[red]It failed with exit code {result.returncode}.[/red]")
        raise typer.Exit(result.returncode)


@contextmanager
def _server() -> Iterator[str]:
    """Run a server with a store and a database of its own; yield its address once every algorithm is settled."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with tempfile.TemporaryDirectory(prefix="segue-demo-") as folder:
        log = Path(folder) / "log"
        environment = os.environ | {"SEGUE_STORE": f"{folder}/store", "SEGUE_LOG_FORMAT": "json"}
        command = [*_SEGUE, "serve", "--address", address]
        with log.open("wb") as stream:
            process = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)
        try:
            with console.status("Starting Segue and its Triton ...") as status, Client(address) as client:
                failing = wait_until_ready(client, lambda: process.poll() is None, status.update)
            for name, cause in failing.items():
                console.print(f"{name} is failing: {cause}", style="yellow", markup=False)
            yield address
        except NotReady as error:
            console.print(f"[red]{error} Its log ends with:[/red]")
            lines = [line for line in log.read_text(errors="replace").splitlines() if '"segue.calls"' not in line]
            console.print("\n".join(lines[-10:]), markup=False)
            raise typer.Exit(1) from None
        finally:
            process.terminate()
            process.wait(60)
