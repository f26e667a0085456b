import json
from urllib.request import Request, urlopen

body = {"prompt": "The sky is blue because", "n_predict": 32}
request = Request(
    "$base/completion",
    data=json.dumps(body).encode(),
    headers={"Content-Type": "application/json"},
)
with urlopen(request, timeout=300) as answer:
    print(json.load(answer)["content"])
