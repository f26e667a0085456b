"""`serve`: the site beside the editor; an edit shows, and re-runs the blocks that it reaches."""

import os
import socket
import sys
from pathlib import Path

from sitebuild.build import CONFIGS

HOST = "127.0.0.1"


def serve(root: Path, edition: str, port: int) -> int:
    """Serve one edition until interrupted; returns the exit code."""
    if not _is_free(port):
        print(
            f"serve: port {port} is taken: stop what is using it, or choose one with --port",
            file=sys.stderr,
        )
        return 1
    home = f"http://{HOST}:{port}/"
    os.environ |= {"SITE_URL": home, "SITE_URL_ZH": f"{home}zh/", "NO_MKDOCS_2_WARNING": "1"}
    address = f"{home}zh/" if edition == "zh" else home
    print(f"serve: running what has changed, then serving at {address}", flush=True)
    os.chdir(root)
    command = [sys.executable, "-m", "mkdocs", "serve", "--no-strict"]
    command += ["-f", CONFIGS[edition], "--dev-addr", f"{HOST}:{port}"]
    os.execv(sys.executable, command)  # mkdocs takes over, signals and all
    return 0


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
