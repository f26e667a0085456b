"""The checks at the foot of a page, and all of them on the page that lists them."""

from collections.abc import Sequence
from typing import Any

from sitebuild.render.rendering import Rendering

EVERY_CHECK = "<!-- every check -->"

WORDS = {
    "en": {
        "heading": "Checked in this build",
        "columns": ("what", "value", "how we got it", "expected", "held against"),
        "passed": "passed",
        "failed": "failed",
        "counted": "counted as the code ran",
        "measured": "timed in this build",
        "allocated": "bytes really allocated",
        "computed": "computed by the library",
        "closed form": "closed form",
        "brute force": "recomputed the plain way",
        "reference": "reference",
        "published": "published",
        "band": "a wide band",
    },
    "zh": {
        "heading": "本次构建核对过的数",
        "columns": ("内容", "数值", "怎么来的", "应为", "拿什么核对"),
        "passed": "通过",
        "failed": "未通过",
        "counted": "代码运行时计数",
        "measured": "本次构建计时",
        "allocated": "实际分配的字节",
        "computed": "由库算出",
        "closed form": "闭式公式",
        "brute force": "用笨办法重算",
        "reference": "外部参照",
        "published": "公开发表的数字",
        "band": "宽松区间",
    },
}


def to_markdown(checks: Sequence[dict[str, Any]], edition: str) -> list[str]:
    """The lines of a Markdown table of checks."""
    words = WORDS[edition]
    lines = [
        "| " + " | ".join(["", *words["columns"]]) + " |",
        "|:-:|:---|---:|:---|---:|:---|",
    ]
    for check in checks:
        mark = "passed" if check["passed"] else "failed"
        sign = "✓" if check["passed"] else "✗"
        cells = [
            f'<span class="{mark}" title="{words[mark]}">{sign}</span>',
            check["name"][edition],
            check["value"],
            _evidence(words[check["kind"]], check["detail"]),
            check["expected"],
            _evidence(words[check["oracle"]], check["source"]),
        ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def _evidence(kind: str, detail: str) -> str:
    if not detail:
        return kind
    return f"{kind}: {detail}" if "](" in detail else f"{kind}: `{detail}`"


def add_to_page(lines: list[str], rendering: Rendering) -> list[str]:
    """The page with its checks at the foot, and with all checks where it asks for them."""
    edition = rendering.page.edition
    if EVERY_CHECK in lines:
        at = lines.index(EVERY_CHECK)
        lines = [*lines[:at], *_every_check(rendering), *lines[at + 1 :]]
    checks = rendering.ran.checks(rendering.page)
    if not checks:
        return lines
    table = to_markdown(checks, edition)
    box = ['<div class="checks" markdown>', "", *table, "", "</div>"]
    return [*lines, "", f"## {WORDS[edition]['heading']} {{ #checks }}", "", *box]


def _every_check(rendering: Rendering) -> list[str]:
    lines: list[str] = []
    for page in rendering.ran.pages[rendering.page.edition].values():
        checks = rendering.ran.checks(page)
        if checks:
            title = next(line[2:] for line in page.lines if line.startswith("# "))
            lines += [
                f"## [{title}]({page.path.as_posix()}) {{ #{page.name.replace('/', '-')} }}",
                "",
            ]
            lines += [
                '<div class="checks" markdown>',
                "",
                *to_markdown(checks, rendering.page.edition),
            ]
            lines += ["", "</div>", ""]
    return lines
