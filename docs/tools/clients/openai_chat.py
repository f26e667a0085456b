from openai import OpenAI  # pip install openai

client = OpenAI(base_url="$base/v1", api_key="$api_key")
answer = client.chat.completions.create(
    model="$model",
    messages=[{"role": "user", "content": "Why is the sky blue?"}],
    max_tokens=64,
)
print(answer.choices[0].message.content)
