# %% floors
import re
import tomllib
from pathlib import Path

from membound.page.tables import table

contract = tomllib.loads(Path("pyproject.toml").read_text())["tool"][
    "importlinter"
]["contracts"][0]
floors = [re.split(" [|:] ", floor) for floor in contract["layers"]]
height = {
    room: len(floors) - i for i, floor in enumerate(floors) for room in floor
}
strangers = [
    set(re.split(" [|] ", floor)) for floor in contract["layers"]
]  # "a : b" may import

table(
    {"floor": "d", "rooms": ""},
    [
        (len(floors) - i, " ".join(f"`{room}`" for room in floor))
        for i, floor in enumerate(floors)
    ],
)

# %% imports
import grimp

modules = list(Path("src/membound").rglob("*.py"))
lines = sum(len(module.read_text().splitlines()) for module in modules)

graph = grimp.build_graph("membound", cache_dir=None)
imports = [
    (module.split(".")[1], imported.split(".")[1])
    for module in graph.modules
    for imported in graph.find_modules_directly_imported_by(module)
    if module.count(".") and imported.count(".")
]
between = [(room, other) for room, other in imports if room != other]
upward = [
    (room, other)
    for room, other in between
    if height[other] > height[room]
    or any({room, other} <= floor for floor in strangers)
]

# %% figure
import numpy as np

from membound.page.checks import check, closed_form, counted
from membound.page.figures import heat_map, new_figure
from membound.page.show import show
from membound.page.text import fill
from membound.page.values import value

rooms = sorted(
    {room for pair in between for room in pair},
    key=lambda room: (height[room], room),
)
counts = np.zeros((len(rooms), len(rooms)))
for room, other in between:
    counts[rooms.index(room), rooms.index(other)] += 1

figure = new_figure(height=380)
axes = figure.axes[0]
heat_map(axes, counts)
names = [fill("{room}", room=room) for room in rooms]
axes.set_xticks(np.arange(len(rooms)) + 0.5, names, rotation=90)
axes.set_yticks(np.arange(len(rooms)) + 0.5, names)
show(
    figure,
    name="imports",
    title="No import points up",
    caption="Modules of the room on the left that import from the room below, counted in the "
    "source. Rooms are in the order of their floors, so everything lies under the diagonal.",
    alt="A square of rooms by rooms; all counts lie below the diagonal.",
)
check(
    "imports between rooms that point up or sideways",
    counted(len(upward)),
    closed_form(0, "0"),
)
value("num_imports", len(between))
value("num_modules", len(modules))
value("num_lines", lines, ",")
