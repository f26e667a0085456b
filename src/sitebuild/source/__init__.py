"""The sources of the pages, read before anything runs.

fences     code fences and their options, read strictly
pages      a page, its blocks and the values it shows
labels     the catalogue of translations
editions   what must be the same in English and Chinese
prose      numbers typed by hand
commands   commands that no longer work
"""
