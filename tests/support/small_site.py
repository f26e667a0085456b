"""A small site to plant mistakes in: this project's own configuration, two pages, two editions."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

CELLS = """\
# %% first
numbers = [1, 2, 3]
print("sum", sum(numbers))

# %% second
from membound.page.checks import brute_force, check, computed
from membound.page.tables import table
from membound.page.values import value

table({"tokens": "d"}, [[number] for number in numbers])
value("total", sum(numbers))
check("the sum of the numbers", computed(sum(numbers)), brute_force(6))
"""

PAGE = """\
# {title}

The total is `#!val total`, and $a^2$ is a formula.

```python exec="on" cell="first" source="above"
```

```python exec="on" cell="second"
```

See [home](index.md).
"""

LABELS = """\
"tokens" = "词元"
"the sum of the numbers" = "数字之和"
"""


class SmallSite:
    """A project folder under a temporary path, and the build of it."""

    LABELS = LABELS

    def __init__(self, root: Path):
        self.root = root
        for name in ("mkdocs.yml", "mkdocs.zh.yml"):
            text = (ROOT / name).read_text(encoding="utf-8")
            config = re.sub(r"\nnav:\n.*", "\nnav:\n  - index.md\n  - page.md\n", text, flags=re.S)
            self.write(name, config)
        (root / "docs/tools").mkdir(parents=True)  # MkDocs watches it
        (root / "docs/theme").symlink_to(ROOT / "docs/theme")
        (root / "src").symlink_to(ROOT / "src")
        self.write("docs/labels.toml", self.LABELS)
        self.write("docs/blocks/page.py", CELLS)
        for edition, title in (("en", "A page"), ("zh", "一页")):
            self.write(f"docs/{edition}/index.md", f"# {title}\n\n[page](page.md)\n")
            self.write(f"docs/{edition}/page.md", PAGE.format(title=title))

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that stands in a file."""
        text = (self.root / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    def edit_both(self, name: str, old: str, new: str) -> None:
        """Make the same edit in both editions."""
        for edition in ("en", "zh"):
            self.edit(f"docs/{edition}/{name}", old, new)

    def build(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m sitebuild build` on the project to its end."""
        process = self.start_build(*options, **environment)
        stdout, stderr = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def start_build(self, *options: str, **environment: str) -> "subprocess.Popen[str]":
        """Start `python -m sitebuild build` on the project."""
        return subprocess.Popen(
            [sys.executable, "-m", "sitebuild", "--root", str(self.root), "build", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )

    def read(self, name: str) -> str:
        """A file of the built site."""
        return (self.root / "site" / name).read_text(encoding="utf-8")
