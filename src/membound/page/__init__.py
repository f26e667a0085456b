"""For the site's pages only: what a block uses to show what it found.

recorder    what a running block says, in every edition's language
text        sentences and labels that are translated
tables      rows as a Markdown table
values      numbers named for the prose
checks      a number held against an oracle of another kind
source      the real source of a function
tools       the deployment guide's commands as data
figures     Matplotlib axes in, captioned inline SVG out
palette     colours by role: DECODE, PREFILL, CACHE, WEIGHTS, ...
style       sizes and weights, for a desk and for a phone
drawing     one drawing of a figure, at one width and in one language
ticks       short numbers along an axis
fitting     texts that neither collide nor run out
svg         Matplotlib's renderer for a page
shapes      its paths and paints
show        a figure on the page
"""
