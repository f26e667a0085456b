"""`python -m sitebuild build` and `python -m sitebuild serve en`: what the scripts call."""

import argparse
import sys
from pathlib import Path

from sitebuild.build import build
from sitebuild.serve import serve


def main() -> int:
    """Parse the command line and run the command."""
    parser = argparse.ArgumentParser(prog="sitebuild", description="Build or serve the site.")
    parser.add_argument("--root", type=Path, default=Path(), help="the folder of mkdocs.yml")
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build", help="run every block and make site/")
    building.add_argument(
        "--reuse", action="store_true", help="let blocks rest that nothing has changed for"
    )
    serving = commands.add_parser("serve", help="serve an edition to an author")
    serving.add_argument("edition", nargs="?", choices=("en", "zh"), default="en")
    serving.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    root = options.root.resolve()
    if options.command == "serve":
        return serve(root, options.edition, options.port)
    try:
        return build(root, reuse=options.reuse)
    except KeyboardInterrupt:
        print("\nbuild: interrupted; site/ is as it was", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
