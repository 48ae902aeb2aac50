"""The plugin in plugins/README.md is the one that the tests install: ``python -m tests.plugins.test_readme``."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "plugins" / "README.md"
DRONE = ROOT / "tests" / "e2e" / "plugins" / "segue-plugin-drone" / "segue_plugin_drone"


def written() -> str:
    text = README.read_text()
    for name in ("plugin.py", "model.py"):
        code = f"```python\n{(DRONE / name).read_text()}```\n"
        between = re.compile(rf"(?<=<!-- drone/{name} -->\n).*?(?=<!-- /drone/{name} -->)", re.DOTALL)
        text = between.sub(lambda _, code=code: code, text)
    return text


def test_the_smallest_plugin_is_the_one_that_is_tested():
    assert README.read_text() == written(), "run: python -m tests.plugins.test_readme"


if __name__ == "__main__":
    README.write_text(written())
