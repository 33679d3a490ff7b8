"""Calls through the `grpcio` Python package, without generated code: a message is one field of text."""

import queue
import ssl

import grpc

import outcome

METHODS = {"say": "/fake.Chat/Say", "hear": "/fake.Chat/Hear", "tell": "/fake.Chat/Tell", "talk": "/fake.Chat/Talk"}


def message(text):
    data, length = text.encode(), len(text.encode())
    head = bytearray([0x0A])
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes(head) + bytes([length]) + data


def text(message):
    # The provider's texts are short: their length is one byte.
    return message[2:].decode()


def live(scenario, result):
    roots = open(ssl.get_default_verify_paths().cafile, "rb").read()
    compression = grpc.Compression.Gzip if scenario.get("gzip") else None
    target = scenario.get("base_url", "api.openai.com:443")
    credentials = grpc.ssl_channel_credentials(roots)
    with grpc.secure_channel(target, credentials, compression=compression) as channel:
        prompts = scenario.get("prompts", [scenario.get("prompt", outcome.DEFAULT_PROMPT)])
        SHAPES[scenario.get("method", "say")](channel, prompts, result)


def say(channel, prompts, result):
    answer, call = channel.unary_unary(METHODS["say"]).with_call(message(prompts[0]), timeout=20)
    result.say(text(answer))
    result.call("trailers", dict(call.trailing_metadata()).get("x-fake-trailer"))


def hear(channel, prompts, result):
    result.say(text(channel.stream_unary(METHODS["hear"])(map(message, prompts), timeout=20)))


def tell(channel, prompts, result):
    for answer in channel.unary_stream(METHODS["tell"])(message(prompts[0]), timeout=20):
        result.event()
        result.say(text(answer))


def talk(channel, prompts, result):
    """Says the next thing only when the last one was answered: whoever waits for the end of the request waits for ever."""
    turns = queue.SimpleQueue()
    answers = channel.stream_stream(METHODS["talk"])(iter(turns.get, None), timeout=20)
    for prompt in prompts:
        turns.put(message(prompt))
        result.say(text(next(answers)) + "\n")
        result.event()
    turns.put(None)
    for _ in answers:
        raise AssertionError("nobody asked")


SHAPES = {"say": say, "hear": hear, "tell": tell, "talk": talk}


def fail(result, error):
    result.result["error"] = {
        "class": type(error).__name__,
        "status": error.code().name,
        "code": dict(error.trailing_metadata() or ()).get("nanogate-code"),
        "message": error.details(),
    }


def tolerant(scenario, result):
    try:
        live(scenario, result)
    except grpc.RpcError as error:
        fail(result, error)


if __name__ == "__main__":
    outcome.main(tolerant, [])
