# %% calculator
# not shown
from membound.page.calculator import show_calculator

show_calculator()
