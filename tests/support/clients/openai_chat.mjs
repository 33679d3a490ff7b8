// One chat completion through the `openai` npm package.
import { readFileSync } from "node:fs";
import OpenAI from "openai";

const scenario = JSON.parse(readFileSync(0, "utf8"));
const begun = performance.now();
const elapsed = () => Math.round((performance.now() - begun) * 1000) / 1000;
const result = { text: "", tool_calls: [], usage: null, events_ms: [], total_ms: null, error: null };

function request() {
  const prompt = scenario.prompt ?? "Summarise the quarterly review.";
  const messages = scenario.messages ?? [{ role: "user", content: prompt }];
  const system = scenario.system ? [{ role: "system", content: scenario.system }] : [];
  const body = { model: scenario.model ?? "gpt-5-mini", messages: [...system, ...messages] };
  return scenario.tools ? { ...body, tools: scenario.tools } : body;
}

function count(usage) {
  if (usage) result.usage = { input: usage.prompt_tokens, output: usage.completion_tokens };
}

function hear({ content, tool_calls }) {
  result.text += content ?? "";
  for (const { function: call } of tool_calls ?? []) {
    result.tool_calls.push({ name: call.name, arguments: call.arguments });
  }
}

async function live() {
  const client = new OpenAI({
    apiKey: scenario.api_key ?? "sk-test",
    baseURL: scenario.base_url,
    timeout: (scenario.timeout ?? 20) * 1000,
    maxRetries: 0,
  });
  // The SDK's own timeout ends with the answer's head; the signal covers a stream to its end.
  const options = { headers: scenario.headers ?? {}, signal: AbortSignal.timeout(client.timeout) };
  if (!scenario.stream) {
    const completion = await client.chat.completions.create(request(), options);
    hear(completion.choices[0].message);
    count(completion.usage);
    return;
  }
  const streamed = { ...request(), stream: true, stream_options: { include_usage: true } };
  for await (const chunk of await client.chat.completions.create(streamed, options)) {
    result.events_ms.push(elapsed());
    count(chunk.usage);
    for (const { delta } of chunk.choices) hear(delta);
  }
  // An aborted stream ends without an error in this SDK.
  options.signal.throwIfAborted();
}

try {
  await live();
} catch (error) {
  // A stream that breaks surfaces as an error of the runtime and not of the SDK.
  const known = error instanceof OpenAI.OpenAIError || error instanceof TypeError || error instanceof DOMException;
  if (!known) throw error;
  result.error = {
    class: error.constructor.name,
    status: error.status ?? null,
    code: error.code ?? null,
    message: String(error.message),
  };
}
result.total_ms = elapsed();
console.log(JSON.stringify(result));
