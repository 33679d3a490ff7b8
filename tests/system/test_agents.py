"""The coding agents that developers use, unattended: they work through the puck as without it, and what they read of the
office's data stays here."""

import planted
import pytest
from office import CLIENT_ENVIRONMENT, HERE

AGENTS = HERE / "agents/node_modules/.bin"
PROMPT = f"Write to {planted.EMAIL.value} about the review."
# Command line and key of each, as their manuals give them for scripts.
PROGRAMS = {
    "codex": (["codex", "exec", "--skip-git-repo-check", "-m", "gpt-5"], {"CODEX_API_KEY": "sk-test"}),
    "claude": (["claude", "-p"], {"ANTHROPIC_API_KEY": "sk-ant-test"}),
    "gemini": (["gemini", "--skip-trust", "-m", "gemini-2.5-flash", "-p"], {"GEMINI_API_KEY": "test"}),
}
CLIENTS = {"watched": "client-watched", "inspected": "client-inspected"}


@pytest.fixture(params=PROGRAMS)
def agent(request, office, tmp_path):
    """Lets an agent live through one task on a client, with a home of its own; all that it printed."""
    command, key = PROGRAMS[request.param]

    def work(client, prompt):
        home = tmp_path / client
        home.mkdir(exist_ok=True)
        quiet = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "TERM": "xterm-256color", "NO_COLOR": "1"}
        environment = CLIENT_ENVIRONMENT | key | quiet | {"HOME": str(home)}
        run = ["env", "-C", home, AGENTS / command[0], *command[1:], prompt]
        done = office.hosts[client].run(run, env=environment, timeout=120, check=False)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{office.puck.tail_log()}"
        return done.stdout + done.stderr

    return work


def bodies(arrived):
    """What models were told, over HTTP and over WebSockets."""
    return [request["bytes"].decode() for request in arrived.requests if request["method"] in ("POST", "MESSAGE")]


@pytest.mark.parametrize("mode", CLIENTS)
def test_an_agent_gets_its_answer(office, arrived, agent, mode):
    said = agent(CLIENTS[mode], PROMPT)
    assert "Certainly. Here is a short summary" in said
    told = [body for body in bodies(arrived) if "about the review." in body]
    assert told, [request["target"] for request in arrived.requests]
    wanted = planted.EMAIL.value if mode == "watched" else planted.EMAIL.placeholder
    assert all(f"Write to {wanted} about the review." in body for body in told)
    if mode == "inspected":
        assert planted.EMAIL.value.encode() not in arrived.wire


def test_an_agent_uses_its_tools(arrived, agent):
    """The model calls the first tool there is; the agent answers with what came of it, and gets its text."""
    said = agent("client-inspected", f"CALL_TOOL and tell {planted.EMAIL.value}.")
    assert "Certainly. Here is a short summary" in said
    told = bodies(arrived)
    results = ('"type":"function_call_output"', '"type":"tool_result"', '"functionResponse":')
    assert any(result in body for body in told for result in results), told[-1][-2000:]
    assert any(f"CALL_TOOL and tell {planted.EMAIL.placeholder}." in body for body in told)
    assert planted.EMAIL.value.encode() not in arrived.wire


@pytest.mark.parametrize("agent", ["codex"], indirect=True)
def test_codex_talks_over_its_socket(arrived, agent):
    """And does not fall back to HTTP after five tries, which would cost ten seconds."""
    agent("client-inspected", PROMPT)
    methods = {request["method"] for request in arrived.requests if request["target"] == "/v1/responses"}
    assert "MESSAGE" in methods and "POST" not in methods
