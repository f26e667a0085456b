from openai import OpenAI  # pip install openai

client = OpenAI(base_url="$base/v1", api_key="$api_key")
stream = client.chat.completions.create(
    model="$model",
    messages=[{"role": "user", "content": "Why is the sky blue?"}],
    max_tokens=64,
    stream=True,
)
for chunk in stream:
    print(chunk.choices[0].delta.content or "", end="", flush=True)
