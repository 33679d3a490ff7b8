"""A conversation over a WebSocket through the `openai` Python package."""

import openai
import outcome
from websockets.exceptions import WebSocketException


def live(scenario, result):
    client = openai.OpenAI(api_key=scenario.get("api_key", "sk-test"), max_retries=0)
    with client.realtime.connect(model=scenario.get("model", "gpt-realtime")) as connection:
        for prompt in scenario.get("prompts", [outcome.DEFAULT_PROMPT]):
            text = {"type": "input_text", "text": prompt}
            connection.conversation.item.create(item={"type": "message", "role": "user", "content": [text]})
            connection.response.create()
            listen(connection, result)


def listen(connection, result):
    for event in connection:
        result.event()
        if event.type == "response.output_text.delta":
            result.say(event.delta)
        if event.type == "response.done":
            result.count(event.response.usage.input_tokens, event.response.usage.output_tokens)
            return


if __name__ == "__main__":
    outcome.main(live, [openai.OpenAIError, WebSocketException])
