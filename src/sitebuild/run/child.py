"""Runs the blocks of one page in a process of its own, so that nothing leaks to another page.

Reads a job from standard input and appends one line of JSON to the file named on the command line
for each block it has finished. A block that hangs, exits or crashes takes down this process only.
"""

import contextlib
import json
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

from membound.page.recorder import Recorder


def run_block(block: dict[str, Any], namespace: dict[str, Any], recorder: Recorder) -> None:
    """Execute the code at its own place in its file, so that tracebacks point there."""
    code = "\n" * (block["first_line"] - 1) + block["code"]
    with contextlib.redirect_stdout(recorder), warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(compile(code, block["file"], "exec"), namespace)  # the author's code is what we run


def describe(error: BaseException, file: str) -> dict[str, Any]:
    """What went wrong in one line, and the line of the block where it did."""
    frames = traceback.extract_tb(error.__traceback__)
    line = next((f.lineno for f in reversed(frames) if f.filename == file), None)
    if isinstance(error, SyntaxError) and error.filename == file:
        line = error.lineno
    message = (str(error).strip().splitlines() or [""])[0]
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    if isinstance(error, SystemExit):
        text = f"the block calls sys.exit({error.code!r}): a block may not end the build"
    deepest = frames[-1] if frames else None
    inside = ""
    if deepest and deepest.filename != file and "sitebuild" not in deepest.filename:
        inside = f"{'/'.join(Path(deepest.filename).parts[-3:])}:{deepest.lineno}"
    return {"type": type(error).__name__, "text": text, "line": line, "inside": inside}


def run_one(block: dict[str, Any], namespace: dict[str, Any], catalogues: Any) -> dict[str, Any]:
    """Run a block and return its result: what it said, or how it failed."""
    recorder = Recorder(catalogues)
    error = None
    start = time.perf_counter()
    try:
        run_block(block, namespace, recorder)
    except KeyboardInterrupt:
        raise
    except BaseException as raised:  # noqa: BLE001  SystemExit must not end the build
        error = describe(raised, block["file"])
    seconds = time.perf_counter() - start
    if block["raises"]:
        if error is None:
            missing = f"this block is there to raise {block['raises']}, and nothing was raised"
            error = {"type": "", "text": missing, "line": None, "inside": ""}
        elif error["type"] == block["raises"]:
            recorder.write(f"\n```text\n{error['text']}\n```\n\n")
            error = None
    return {
        "name": block["name"],
        "seconds": seconds,
        "error": error,
        "parts": recorder.parts,
        "values": recorder.values,
        "checks": recorder.checks,
        "labels": recorder.labels,
    }


def main() -> None:
    """Run the job's blocks in order, but for those that need one that failed."""
    job = json.load(sys.stdin)
    namespace: dict[str, Any] = {"__name__": "__page__"}
    failed: set[str] = set()
    with Path(sys.argv[1]).open("a", encoding="utf-8") as out:
        for block in job["blocks"]:
            if failed.intersection(block["needs"]):
                continue
            result = run_one(block, namespace, job["catalogues"])
            if result["error"]:
                failed.add(block["name"])
            out.write(json.dumps(result, ensure_ascii=False) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
