"""The build of the site, which is the integration test of everything.

problems          what can be wrong: a place and one line
source            reads the pages: fences, cells, labels, both editions, literal numbers
run               runs the blocks of a page in a process of its own, and keeps what they said
source_problems   everything wrong before a page is rendered
javascript        the formulas of the calculator, in the reader's browser
render            puts results, values and checks into the pages (Python-Markdown, MkDocs)
publish           joins the editions into one site and inspects it
build, serve      the commands
set_up …          what the scripts do before them: dependencies and the model
"""
