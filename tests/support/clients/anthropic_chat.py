"""One message through the `anthropic` Python package."""

import json

import anthropic

import outcome


def live(scenario, result):
    options = {"http_client": anthropic.DefaultHttpxClient(http2=True)} if scenario.get("http2") else {}
    client = anthropic.Anthropic(
        api_key=scenario.get("api_key", "sk-test"),
        base_url=scenario.get("base_url"),
        timeout=scenario.get("timeout", 20),
        max_retries=0,
        **options,
    )
    request = {
        "model": scenario.get("model", "claude-sonnet-5-5"),
        "max_tokens": 512,
        "messages": scenario.get("messages")
        or [{"role": "user", "content": scenario.get("prompt", outcome.DEFAULT_PROMPT)}],
        "extra_headers": scenario.get("headers"),
    }
    for key in ("system", "tools"):
        if scenario.get(key):
            request[key] = scenario[key]
    if scenario.get("stream"):
        stream(client, request, result)
    else:
        whole(client.messages.create(**request), result)


def whole(message, result):
    for block in message.content:
        if block.type == "text":
            result.say(block.text)
        elif block.type == "tool_use":
            result.call(block.name, json.dumps(block.input))
    result.count(message.usage.input_tokens, message.usage.output_tokens)


def stream(client, request, result):
    with client.messages.stream(**request) as events:
        for event in events:
            # The SDK adds events of its own between those that came over the wire.
            if event.type in ("message_start", "content_block_start", "content_block_delta", "message_delta"):
                result.event()
        whole(events.get_final_message(), result)


if __name__ == "__main__":
    outcome.main(live, [anthropic.AnthropicError])
