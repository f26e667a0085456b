"""A Python for the scripts to find, that makes and fills environments without doing so.

Called by a shell wrapper as `fake_python.py WRAPPER ARGUMENTS`. It writes what it was asked to do
into the file that FAKE_LOG names. Plants: FAKE_VERSION=3.9, FAKE_SYS_VERSION=text,
FAKE_MISSING=ensurepip, and for pip FAKE_PIP_SAYS=text (pip prints it and fails),
FAKE_PIP_SLEEPS=seconds, and FAKE_PIP=real, which runs the real pip without installing anything.
"""

import os
import sys
import time

wrapper, *arguments = sys.argv[1:]


def log(line: str) -> None:
    with open(os.environ["FAKE_LOG"], "a") as file:  # noqa: PTH123 - pathlib starts slowly
        file.write(line + "\n")


match arguments:
    case ["-c", code]:
        if version := os.environ.get("FAKE_VERSION"):
            sys.version_info = tuple(map(int, version.split(".")))
        if missing := os.environ.get("FAKE_MISSING"):
            sys.modules[missing] = None
        exec(code)
    case ["-S", "-m", module, *rest]:
        import runpy

        sys.argv = [module, *rest]
        sys._base_executable = wrapper
        # Inside an environment these two differ, and the environment's own cannot make it anew.
        sys.executable = "/nowhere/python" if module == "sitebuild.set_up" else wrapper
        sys.version = os.environ.get("FAKE_SYS_VERSION", sys.version)
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    case ["-I", "-m", "venv", "--clear", folder]:
        import shutil
        from pathlib import Path

        log("venv")
        shutil.rmtree(folder, ignore_errors=True)
        Path(folder, "bin").mkdir(parents=True)
        shutil.copy(wrapper, Path(folder, "bin", "python"))
    case ["-I", "-m", "pip", "--disable-pip-version-check", "install", *rest]:
        log(f"pip install {rest[-1]}")
        time.sleep(float(os.environ.get("FAKE_PIP_SLEEPS", "0")))
        if os.environ.get("FAKE_PIP") == "real":
            os.execv(
                sys.executable,
                [sys.executable, *arguments[:5], "--dry-run", "--ignore-installed", *rest],
            )
        if says := os.environ.get("FAKE_PIP_SAYS"):
            sys.exit(says)
    case ["-I", "-m", "pip", *rest]:
        os.execv(sys.executable, [sys.executable, *arguments])
    case ["-m", "sitebuild", *rest]:
        log(f"sitebuild {' '.join(rest)}")
    case _:
        sys.exit(f"an unexpected call: {arguments}")
