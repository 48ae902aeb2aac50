"""The SDK lines of README.md, run as they stand against the real server."""

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_the_sdk_lines_run(server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    exec(compile(code.replace("127.0.0.1:8700", server.address), "README.md", "exec"), {})
    assert all((tmp_path / name).read_bytes().startswith(b"MThd") for name in ("new.mid", "bossanova.mid"))
    assert "Because you play" in capsys.readouterr().out
