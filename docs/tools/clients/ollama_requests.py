import requests  # pip install requests

answer = requests.post(
    "$base/api/generate",
    json={
        "model": "$model",
        "prompt": "Why is the sky blue?",
        "stream": False,  # without this: one JSON object per line
    },
    timeout=300,
)
answer.raise_for_status()
print(answer.json()["response"])
