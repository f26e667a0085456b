"""The checks at the foot of a page, and all of them on the page that lists them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sitebuild.render.rendering import Rendering

EVERY_CHECK = "<!-- every check -->"

WORDS = {
    "en": {
        "heading": "Checked in this build",
        "columns": ("what", "value", "expected", "evidence"),
        "against": "{ours}, against {oracle}",
        "which": "{kind}: {detail}",
        "passed": "passed",
        "failed": "failed",
        "counted": "counted",
        "measured": "timed",
        "allocated": "really allocated",
        "computed": "computed",
        "closed form": "closed form",
        "brute force": "the plain way",
        "reference": "another engine",
        "published": "published",
        "band": "a wide band",
    },
    "zh": {
        "heading": "本次构建核对过的数",
        "columns": ("内容", "数值", "应为", "依据"),
        "against": "{ours}，对照{oracle}",
        "which": "{kind}：{detail}",
        "passed": "通过",
        "failed": "未通过",
        "counted": "运行时计数",
        "measured": "计时",
        "allocated": "实际分配",
        "computed": "由库算出",
        "closed form": "公式",
        "brute force": "笨办法",
        "reference": "别的引擎",
        "published": "公开数字",
        "band": "宽松区间",
    },
}


def to_markdown(checks: Sequence[dict[str, Any]], edition: str) -> list[str]:
    """The lines of a Markdown table of checks."""
    words = WORDS[edition]
    lines = [
        "| " + " | ".join(["", *words["columns"]]) + " |",
        "|:-:|:---|---:|---:|:---|",
    ]
    for check in checks:
        mark = "passed" if check["passed"] else "failed"
        sign = "✓" if check["passed"] else "✗"
        cells = [
            f'<span class="{mark}" title="{words[mark]}">{sign}</span>',
            check["name"][edition],
            check["value"],
            check["expected"],
            words["against"].format(
                ours=_evidence(check["kind"], check["detail"], words),
                oracle=_evidence(check["oracle"], check["source"][edition], words),
            ),
        ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def _evidence(kind: str, detail: str, words: Mapping[str, Any]) -> str:
    if not detail:
        return words[kind]
    if kind in ("brute force", "published"):
        return words["which"].format(kind=words[kind], detail=detail)
    return f"{words[kind]} `{detail}`"


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
