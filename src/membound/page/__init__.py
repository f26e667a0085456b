"""For the site's pages only: what a block uses to show what it found.

recorder    what a running block says, in every edition's language
text        sentences and labels that are translated
tables      rows as a Markdown table
values      numbers named for the prose
checks      a number held against an oracle of another kind
source      the real source of a function
figures     Matplotlib axes in, captioned inline SVG out
show        a figure on the page
"""
