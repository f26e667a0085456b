"""The text of a transcription; that it computes the same is shown in a browser."""

from sitebuild.javascript.module import transcribe


def test_the_same_source_gives_the_same_bytes():
    source = {"a.py": "def f(x, y):\n  if x > y:\n    z = x\n  else:\n    z = y\n  return z\n"}
    assert transcribe(source) == transcribe(source)


def test_a_comment_cannot_end_before_its_docstring_does():
    assert "/** a * / b */" in transcribe({"a.py": 'def f(x):\n  "a */ b"\n  return x\n'})


def test_the_first_line_says_what_to_edit():
    text = transcribe({"src/a.py": "A = 1.0", "src/b.py": "from a import A\nB = A\n"})
    assert text.startswith("// Made from src/a.py and src/b.py while the site was built")


def test_private_names_are_not_exported():
    text = transcribe({"a.py": "_A = 1.0\ndef _f(x):\n  return x\ndef g(x):\n  return _f(x)\n"})
    assert "export { g, $parameters as PARAMETERS };" in text
    assert '{"g": ["x"]}' in text
