# %% five
from pathlib import Path

from membound.page.tools.markdown import show_comparison
from membound.page.tools.sheet import read_sheets

sheets = read_sheets(Path("docs/tools"))
five = {
    name: sheets[name]
    for name in ("transformers", "llama-cpp", "ollama", "vllm", "tensorrt-llm")
}
show_comparison(five, ["use", "hardware", "weights"])

# %% served
show_comparison(five, ["address", "routes"])
