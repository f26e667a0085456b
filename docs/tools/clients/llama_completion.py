import json
from urllib.request import Request, urlopen

request = Request(
    "$base/completion",
    data=json.dumps({"prompt": "The sky is blue because", "n_predict": 32}).encode(),
    headers={"Content-Type": "application/json"},
)
with urlopen(request, timeout=300) as answer:
    print(json.load(answer)["content"])
