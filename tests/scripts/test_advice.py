"""What pip prints, and the one line that a reader gets instead."""

import errno

import pytest

from sitebuild.advice import Stop, advice, advice_on_error, told_in_one_line

OFFLINE = """\
Collecting setuptools==84.2.1
  WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after \
connection broken by 'NewConnectionError('<pip._vendor.urllib3.connection.HTTPSConnection object \
at 0x7f>: Failed to establish a new connection: [Errno -2] Name or service not known')': /simple/
ERROR: Could not find a version that satisfies the requirement setuptools==84.2.1 (from versions: )
ERROR: No matching distribution found for setuptools==84.2.1
"""
UNREACHABLE = """\
ERROR: Could not find a version that satisfies the requirement numpy==2.4.6 (from versions: none)
ERROR: No matching distribution found for numpy==2.4.6
"""
WRONG_HASH = """\
ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated ...
    setuptools==84.2.1:
        Expected sha256 00140b45
             Got        ca140b45
"""
NO_WHEEL = """\
ERROR: Could not find a version that satisfies the requirement numpy==9 (from versions: 1.0, 2.0)
ERROR: No matching distribution found for numpy==9
"""


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (OFFLINE, "no network to the package index"),
        (UNREACHABLE, "no network to the package index"),
        ("ReadTimeoutError: HTTPSConnectionPool(...): Read timed out.", "no network"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] ...", "no secure"),
        (WRONG_HASH, "wrong hash"),
        ("WARNING: Retrying (Retry(total=4\n" + WRONG_HASH, "wrong hash"),
        (NO_WHEEL, "the package index has no numpy==9 for this Python"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("ERROR: Could not install: [Errno 13] Permission denied: '/x'", "no permission to write"),
        ("The virtual environment was not created because ensurepip is not", "this Python cannot"),
        ("error: metadata-generation-failed\n\nnote: see above\n", "error: metadata-generation"),
        ("first\nlast words\n\n", "last words"),
        ("ERROR: Exception:\nTraceback (most ...\nValueError: bad\n", "ValueError: bad"),
        ("", "it failed and said nothing"),
    ],
)
def test_each_way_pip_fails_has_its_line(output, line):
    assert advice(output).startswith(line)
    assert "\n" not in advice(output)


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EACCES, "no permission to write /a/file"),
        (errno.EROFS, "no permission to write /a/file"),
        (errno.EIO, "[Errno 5] a reason: '/a/file'"),
    ],
)
def test_each_way_a_write_fails_has_its_line(number, line):
    assert advice_on_error(OSError(number, "a reason", "/a/file")).startswith(line)


def test_a_script_ends_with_its_reason_in_one_line_and_a_bug_of_ours_with_its_traceback(capsys):
    def stopping(error):
        def main():
            raise error

        return main

    assert told_in_one_line("model", lambda: None) == 0
    assert told_in_one_line("model", stopping(Stop("no model today"))) == 1
    assert told_in_one_line("model", stopping(OSError(errno.ENOSPC, "full"))) == 1
    assert told_in_one_line("model", stopping(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err.splitlines() == [
        "model: no model today",
        "model: the disk is full: free some space and run this again",
        "model: interrupted: run this again to go on",
    ]
    with pytest.raises(ZeroDivisionError):
        told_in_one_line("model", lambda: print(1 / 0))
