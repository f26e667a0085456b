"""The deployment guide's commands as data: one sheet per tool, `docs/tools/<tool>.toml`.

age        the day on which what was copied from a source must be looked up again
sheet      a sheet read, and refused where something is missing
markdown   a sheet on the page, in the reader's language
"""
