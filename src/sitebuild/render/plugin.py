"""What must be done in MkDocs: which page a text is of, and the switch between the editions."""

import os
import pickle
from pathlib import Path
from typing import Any

import jinja2
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import BasePlugin
from mkdocs.structure.pages import Page as MkDocsPage

from sitebuild.render.rendering import Rendering, current, log
from sitebuild.run.execute import HANDED_OVER, Ran, run_everything
from sitebuild.source.pages import EDITIONS
from sitebuild.source_problems import build_values, source_problems

LANGUAGES = {"en": ("en", "English"), "zh": ("zh-Hans", "简体中文")}


class MemboundPlugin(BasePlugin):
    """Runs the blocks ahead of a build and tells the Markdown extensions which page they are on."""

    def on_pre_build(self, *, config: MkDocsConfig) -> None:
        """Run what is stale, or take what `sitebuild build` has just run and reported on."""
        handed_over = os.environ.get(HANDED_OVER)
        if handed_over:
            self.ran: Ran = pickle.loads(Path(handed_over).read_bytes())
        else:
            root = Path(config.config_file_path).parent
            self.ran = run_everything(root, reuse=True, tell=log.info)
            for problem in source_problems(self.ran):
                log.warning("%s", problem)
        self.edition = Path(config.docs_dir).name
        self.values = build_values(self.ran)

    def on_env(self, env: jinja2.Environment, *, config: MkDocsConfig, **_: Any) -> None:
        """Keep the theme's compiled templates: MkDocs compiles them anew for every rebuild."""
        folder = Path(config.config_file_path).parent / ".cache" / "templates"
        folder.mkdir(parents=True, exist_ok=True)
        env.bytecode_cache = jinja2.FileSystemBytecodeCache(str(folder))

    def on_page_markdown(self, _markdown: str, *, page: MkDocsPage, **_: Any) -> None:
        """Say which page comes next."""
        ours = self.ran.pages[self.edition][Path(page.file.src_uri)]
        current.set(Rendering(ours, self.ran, self.ran.values(ours) | self.values))

    def on_page_content(self, _html: str, **_: Any) -> None:
        """Refuse a page on which a block has silently not been shown, or has nothing to show."""
        rendering = current.get()
        for name, block in rendering.blocks.items():
            if name not in rendering.shown:
                rendering.report(
                    block.fence.line, f"{name} did not reach the page: is its fence indented right?"
                )
            if rendering.output(name) is None and not self.ran.problems:
                rendering.report(block.fence.line, f"{name} has no result, and nothing says why")

    def on_page_context(
        self, context: dict[str, Any], *, page: MkDocsPage, **_: Any
    ) -> dict[str, Any]:
        """Give the template the address of this page in every edition."""
        context["langs"] = list(_alternates(page.url, self.edition))
        return context


def _alternates(url: str, edition: str) -> list[dict[str, Any]]:
    depth = url.rstrip("./").count("/") + 1 if url.strip("./") else 0
    to_root = "../" * depth + ("" if edition == "en" else "../")
    folders = {"en": "", "zh": "zh/"}
    return [
        {
            "code": LANGUAGES[other][0],
            "name": LANGUAGES[other][1],
            "url": (to_root or "./") + folders[other] + (url if url.strip("./") else ""),
            "current": other == edition,
            "exists": True,
        }
        for other in EDITIONS
    ]
