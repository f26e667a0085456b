"""Messages as the prompt that a chat model was trained on: ChatML, SmolLM2's template.

A GGUF file carries its template in `tokenizer.chat_template` as a Jinja program. This is that
program's result for SmolLM2, written out, for running a stranger's program is another matter.
"""

from collections.abc import Iterable, Mapping

SMOLLM2_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


def chat_prompt(messages: Iterable[Mapping[str, str]], *, system: str | None = None) -> str:
    """The prompt that ends where the assistant's answer begins.

    A message has a `role` ("system", "user" or "assistant") and a `content`. Where the first is not
    a system message, `system` comes before it as one: `SMOLLM2_SYSTEM` is what SmolLM2's own
    template puts there, None puts nothing.
    """
    messages = list(messages)
    if not messages:
        raise ValueError("a prompt needs at least one message")
    if system is not None and messages[0]["role"] != "system":
        messages.insert(0, {"role": "system", "content": system})
    turns = [turn(message["role"], message["content"]) for message in messages]
    return "".join(turns) + "<|im_start|>assistant\n"


def turn(role: str, content: str) -> str:
    """One message between its two special tokens."""
    return f"<|im_start|>{role}\n{content}<|im_end|>\n"
