"""Every setting is documented; server/README.md has the table that ``python -m tests.server.test_settings`` makes."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_core import PydanticUndefined
from segue.server.settings import Settings

README = Path(__file__).parents[2] / "server" / "README.md"
BETWEEN = re.compile(r"(?<=<!-- settings -->\n).*?(?=<!-- /settings -->)", re.DOTALL)


def table() -> str:
    rows = ["| setting | default | what |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is PydanticUndefined or field.default in (None, "") else f"`{field.default}`"
        rows.append(f"| `SEGUE_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows) + "\n"


def test_every_setting_is_documented():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_table_in_the_readme_is_that_of_the_code():
    assert BETWEEN.search(README.read_text())[0] == table(), "run: python -m tests.server.test_settings"


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("SEGUE_WORKERS", "3")
    monkeypatch.setenv("SEGUE_DEFAULT_ALGORITHMS", '{"generate": "drone"}')
    settings = Settings()
    assert settings.workers == 3
    assert settings.default_algorithms == {"generate": "drone"}
    with pytest.raises(ValidationError):
        settings.workers = 4


@pytest.mark.parametrize("address", ["nonsense", ":80", "a b:80", "host:", "host:99999", "host:123456", "h:80\n", ""])
def test_addresses_are_checked(address):
    with pytest.raises(ValidationError):
        Settings(address=address)


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:65535", "segue.music.svc:8700"])
def test_hosts_and_ports_are_addresses(address):
    settings = Settings(address=address, metrics_address=address)
    assert (settings.address, settings.metrics_address, settings.triton) == (address, address, "")


if __name__ == "__main__":
    README.write_text(BETWEEN.sub(lambda _: table(), README.read_text()))
