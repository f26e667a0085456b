"""Putting results into pages.

rendering      the page being rendered
extension      outputs and values, through markdown-exec (Python-Markdown)
checks_table   the checks at the foot of a page
mathml         TeX to MathML (Python-Markdown)
scripts        the script that is made from Python
plugin         the little that must be done in MkDocs
"""
