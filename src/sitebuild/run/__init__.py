"""Running what the pages ask for.

reach     what a block can reach, and so when its result is stale
child     the process in which the blocks of one page run
execute   page after page, with results kept on disk
"""
