"""What must be done in MkDocs: which page a text is of, and the switch between the editions."""

import html
import os
import pickle
from pathlib import Path
from typing import Any

import jinja2
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import BasePlugin
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page as MkDocsPage

from sitebuild.javascript.refused import OutsideSubsetError
from sitebuild.render.remembered import Remembered, digest
from sitebuild.render.rendering import Rendering, current, log
from sitebuild.render.scripts import ADDRESS, formulas_script
from sitebuild.run.execute import HANDED_OVER, Ran, run_everything
from sitebuild.source.pages import EDITIONS
from sitebuild.source_problems import build_values, source_problems

LANGUAGES = {"en": ("en", "English"), "zh": ("zh-Hans", "简体中文")}


class MemboundPlugin(BasePlugin):
    """Runs the blocks ahead of a build and tells the Markdown extensions which page they are on."""

    remembered: Remembered | None = None

    def on_startup(self, *, command: str, **_: Any) -> None:
        """Under `serve`, keep what stays the same from edit to edit."""
        if command == "serve":
            self.remembered = Remembered()

    def on_pre_build(self, *, config: MkDocsConfig) -> None:
        """Run what is stale, or take what `sitebuild build` has just run and reported on."""
        root = Path(config.config_file_path).parent
        handed_over = os.environ.get(HANDED_OVER)
        if handed_over:
            self.ran: Ran = pickle.loads(Path(handed_over).read_bytes())
        else:
            self.ran = run_everything(root, reuse=True, tell=log.info)
            for problem in source_problems(self.ran):
                log.warning("%s", problem)
        self.edition = Path(config.docs_dir).name
        self.values = build_values(self.ran)
        if self.remembered:
            settings = [file.read_bytes() for file in sorted(root.glob("mkdocs*.yml"))]
            self.shown_everywhere = digest([self.ran.results, self.values, settings])

    def on_files(self, files: Files, *, config: MkDocsConfig) -> None:
        """Add the script made from Python: made anew each time, so that `serve` shows an edit."""
        try:
            script = formulas_script(Path(config.config_file_path).parent)
        except OutsideSubsetError as refused:
            log.warning("%s", refused)
        else:
            files.append(File.generated(config, ADDRESS, content=script))

    def on_env(self, env: jinja2.Environment, *, config: MkDocsConfig, **_: Any) -> None:
        """Keep the theme's compiled templates: MkDocs compiles them anew for every rebuild."""
        folder = Path(config.config_file_path).parent / ".cache" / "templates"
        folder.mkdir(parents=True, exist_ok=True)
        env.bytecode_cache = jinja2.FileSystemBytecodeCache(str(folder))
        if self.remembered:
            self.remembered.index_once(config)

    def on_page_markdown(self, markdown: str, *, page: MkDocsPage, files: Files, **_: Any) -> None:
        """Say which page comes next."""
        ours = self.ran.pages[self.edition][Path(page.file.src_uri)]
        rendering = Rendering(ours, self.ran, self.ran.values(ours) | self.values)
        current.set(rendering)
        if self.remembered:
            neighbours = sorted(file.src_uri for file in files)
            key = digest([markdown, neighbours, self.shown_everywhere])
            if self.remembered.offer(page, key):
                rendering.shown.update(rendering.blocks)

    def on_page_content(self, content: str, *, page: MkDocsPage, **_: Any) -> None:
        """Refuse a page on which a block has silently not been shown, or has nothing to show."""
        rendering = current.get()
        text = html.unescape(content)
        for name, block in rendering.blocks.items():
            # A fence that is indented like code is run, and then stands on the page as text.
            if name not in rendering.shown or f'python id="{name}"' in text:
                rendering.report(
                    block.fence.line, f"{name} did not reach the page: is its fence indented right?"
                )
            if rendering.output(name) is None and not self.ran.problems:
                rendering.report(block.fence.line, f"{name} has no result, and nothing says why")
        if self.remembered:
            self.remembered.keep(page)

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
