from ollama import Client  # pip install ollama

answer = Client(host="$base").chat(
    model="$model",
    messages=[{"role": "user", "content": "Why is the sky blue?"}],
)
print(answer.message.content)
