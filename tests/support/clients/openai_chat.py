"""One chat completion through the `openai` Python package."""

import openai

import outcome


def live(scenario, result):
    options = {"http_client": openai.DefaultHttpxClient(http2=True)} if scenario.get("http2") else {}
    client = openai.OpenAI(
        api_key=scenario.get("api_key", "sk-test"),
        base_url=scenario.get("base_url"),
        timeout=scenario.get("timeout", 20),
        max_retries=0,
        **options,
    )
    messages = scenario.get("messages") or [{"role": "user", "content": scenario.get("prompt", outcome.DEFAULT_PROMPT)}]
    if scenario.get("system"):
        messages = [{"role": "system", "content": scenario["system"]}, *messages]
    request = {"model": scenario.get("model", "gpt-5-mini"), "messages": messages}
    if scenario.get("tools"):
        request["tools"] = scenario["tools"]
    create = client.chat.completions.create
    if scenario.get("stream"):
        stream(
            create(
                **request, stream=True, stream_options={"include_usage": True}, extra_headers=scenario.get("headers")
            ),
            result,
        )
    else:
        whole(create(**request, extra_headers=scenario.get("headers")), result)


def whole(completion, result):
    message = completion.choices[0].message
    result.say(message.content)
    for call in message.tool_calls or []:
        result.call(call.function.name, call.function.arguments)
    result.count(completion.usage.prompt_tokens, completion.usage.completion_tokens)


def stream(chunks, result):
    for chunk in chunks:
        result.event()
        if chunk.usage:
            result.count(chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        for choice in chunk.choices:
            result.say(choice.delta.content)
            for call in choice.delta.tool_calls or []:
                result.call(call.function.name, call.function.arguments)


if __name__ == "__main__":
    outcome.main(live, [openai.OpenAIError])
