"""One OpenAI chat completion through the curl command, as a person would type it."""

import json
import subprocess

import outcome

# The exit codes that have a name worth reading in a test.
CODES = {
    6: "CouldNotResolve",
    7: "CouldNotConnect",
    28: "Timeout",
    35: "TlsHandshake",
    56: "ReceiveFailed",
    60: "Certificate",
}


class CurlError(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.status_code = None
        self.curl_code = code


def live(scenario, result):
    messages = scenario.get("messages") or [{"role": "user", "content": scenario.get("prompt", outcome.DEFAULT_PROMPT)}]
    if scenario.get("system"):
        messages = [{"role": "system", "content": scenario["system"]}, *messages]
    body = {"model": scenario.get("model", "gpt-5-mini"), "messages": messages, "stream": bool(scenario.get("stream"))}
    if scenario.get("tools"):
        body["tools"] = scenario["tools"]
    url = scenario.get("base_url", "https://api.openai.com/v1") + "/chat/completions"
    command = [
        "curl",
        "--silent",
        "--show-error",
        "--no-buffer",
        "--include",
        "--compressed",
        "--http2" if scenario.get("http2") else "--http1.1",
        "--max-time",
        str(scenario.get("timeout", 20)),
        "--header",
        "content-type: application/json",
        "--header",
        f"authorization: Bearer {scenario.get('api_key', 'sk-test')}",
        "--data-binary",
        "@-",
        url,
    ]
    for name, value in (scenario.get("headers") or {}).items():
        command += ["--header", f"{name}: {value}"]
    curl = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    curl.stdin.write(json.dumps(body).encode())
    curl.stdin.close()
    status = read_head(curl.stdout)
    read = read_stream if scenario.get("stream") and status == 200 else read_whole
    read(curl.stdout, status, result)
    if curl.wait() != 0:
        raise CurlError(curl.returncode, curl.stderr.read().decode().strip())


def read_head(pipe):
    status = None
    while line := pipe.readline().strip():
        if line.startswith(b"HTTP/"):
            status = int(line.split()[1])
    return status


def read_stream(pipe, _, result):
    for line in pipe:
        if not line.startswith(b"data: ") or line.strip() == b"data: [DONE]":
            continue
        result.event()
        for choice in json.loads(line[6:])["choices"]:
            result.say(choice["delta"].get("content"))


def read_whole(pipe, status, result):
    text = pipe.read()
    if status == 200 and text:
        answer = json.loads(text)
        result.say(answer["choices"][0]["message"]["content"])
        result.count(answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"])
    elif status is not None:
        error = json.loads(text)["error"] if text.startswith(b"{") else {}
        raised = {
            "class": "HttpError",
            "status": status,
            "code": error.get("code"),
            "message": error.get("message", ""),
        }
        result.result["error"] = raised


def named(error):
    return CODES.get(error.curl_code, f"Exit{error.curl_code}")


if __name__ == "__main__":

    def run(scenario, result):
        try:
            live(scenario, result)
        except CurlError as error:
            result.fail(error)
            result.result["error"]["class"] = named(error)

    outcome.main(run, CurlError)
