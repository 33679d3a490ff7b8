"""The virtual office: three networks in memory, real clients, and a puck that none of their code knows about.

    client-watched    192.0.2.10  ┐
    client-inspected  192.0.2.11  ├─ LAN ──── router .254 ──── pretend internet 203.0.113.0/24
    client-denied     192.0.2.12  │                             .10 openai  .11 anthropic  .12 azure …  .53 DNS
    puck              192.0.2.53  ┘

Runs inside `tests/support/enter`. A client's only knowledge is what an office gives a machine: an address, a way
out, a DNS server, a trust store.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import plan
import trust
from hosts import Host, cable
from internet import PROVIDER, Internet
from puck import Puck

HERE = Path(__file__).resolve().parent
VENV = HERE.parent / ".venv/bin"
CLIENTS = HERE / "clients"

# How each client program is started; all of them speak the same JSON (tests/support/clients/README.md).
PROGRAMS = {
    "openai-python": [VENV / "python", CLIENTS / "openai_chat.py"],
    "openai-realtime": [VENV / "python", CLIENTS / "openai_realtime.py"],
    "anthropic-python": [VENV / "python", CLIENTS / "anthropic_chat.py"],
    "grpc-python": [VENV / "python", CLIENTS / "grpc_chat.py"],
    "openai-node": ["node", CLIENTS / "openai_chat.mjs"],
    "curl": [VENV / "python", CLIENTS / "curl_chat.py"],
}

CLIENT_ENVIRONMENT = {
    "PATH": f"{VENV}:{Path(shutil.which('node') or '/usr/bin/node').parent}:/usr/local/bin:/usr/bin:/bin",
    # Node alone does not read the system's store.
    "NODE_EXTRA_CA_CERTS": f"{trust.SYSTEM}/{trust.BUNDLE}",
}


class Office:
    """All hosts, from `with Office(...) as office:` to the end of the block.

    `gateway=True` sends the clients' traffic through the puck; `provider` is a program that takes the fake provider's place.
    """

    def __init__(self, *, gateway=False, pace_ms=20, record=True, provider=PROVIDER):
        self.gateway = gateway
        self.folder = Path(os.environ["OFFICE_SCRATCH"]) / f"office-{os.getpid()}-{id(self):x}"
        self.folder.mkdir(parents=True)
        self.hosts = {}
        self.puck = None
        try:
            self._wire()
            self.internet = Internet(
                self.hosts["provider"],
                self._subfolder("internet"),
                pace_ms=pace_ms,
                record=record,
                program=provider,
            )
            self._equip_clients()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends every process, by the pids it started; the namespaces go with them."""
        if self.puck and self.puck.process and self.puck.process.poll() is None:
            self.puck.stop()
        for host in self.hosts.values():
            host.close()
        keep = os.environ.get("OFFICE_KEEP")
        if keep:
            shutil.copytree(self.folder, Path(keep) / self.folder.name, ignore=shutil.ignore_patterns("*.sock"))
        shutil.rmtree(self.folder, ignore_errors=True)

    def _subfolder(self, name):
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _wire(self):
        for name in ("router", "provider", "puck", *plan.CLIENTS):
            self.hosts[name] = Host(name)
        router, provider = self.hosts["router"], self.hosts["provider"]
        for host in self.hosts.values():
            host.sysctl(ipv6__conf__all__disable_ipv6=0, ipv6__conf__default__accept_dad=0)
        router.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
        router.ip(
            "link add name lan0 type bridge",
            "link set lan0 up",
            f"address add {plan.LAN}.{plan.ROUTER}/24 dev lan0",
            f"address add {plan.LAN6}:{plan.ROUTER}/64 dev lan0 nodad",
        )
        self._plug("puck", 53)
        for name, last in plan.CLIENTS.items():
            self._plug(name, last)
        cable(router, "wan0", provider, "eth0")
        router.ip(
            f"address add {plan.NET}.{plan.ROUTER}/24 dev wan0",
            f"address add {plan.NET6}:{plan.ROUTER}/64 dev wan0 nodad",
            f"route add {plan.RESOLVER4} via {plan.DNS}",
            f"route add {plan.RESOLVER6} via {plan.v6(10)}",
        )
        provider.ip(
            f"address add {plan.DNS}/24 dev eth0",
            f"address add {plan.RESOLVER4}/32 dev lo",
            f"address add {plan.RESOLVER6}/128 dev lo nodad",
            *(
                f"address add {a}/{64 if ':' in a else 24} dev eth0 {'nodad' if ':' in a else ''}"
                for a in plan.addresses()
            ),
            f"route add default via {plan.NET}.{plan.ROUTER}",
            f"route add default via {plan.NET6}:{plan.ROUTER}",
        )

    def add_host(self, name, last):
        """One more machine on the LAN, with the given last part of its addresses."""
        host = self.hosts[name] = Host(name)
        host.sysctl(ipv6__conf__all__disable_ipv6=0, ipv6__conf__default__accept_dad=0)
        self._plug(name, last)
        return host

    def _plug(self, name, last):
        host, router = self.hosts[name], self.hosts["router"]
        port = f"port{last}"
        cable(host, "eth0", router, port)
        router.ip(f"link set {port} master lan0")
        host.ip(
            f"address add {plan.LAN}.{last}/24 dev eth0",
            f"address add {plan.LAN6}:{last}/64 dev eth0 nodad",
        )
        way_out = 53 if self.gateway and name != "puck" else plan.ROUTER
        host.ip(f"route add default via {plan.LAN}.{way_out}", f"route add default via {plan.LAN6}:{way_out}")
        if self.gateway and name == "puck":
            # A gateway on the clients' own network would otherwise tell them of the shorter way past it.
            host.sysctl(
                ipv4__ip_forward=1,
                ipv6__conf__all__forwarding=1,
                ipv4__conf__all__send_redirects=0,
                ipv4__conf__eth0__send_redirects=0,
            )

    def _equip_clients(self):
        for name in plan.CLIENTS:
            client, etc = self.hosts[name], self._subfolder(f"etc/{name}")
            trust.write_store(etc / "certs", {"pretend-internet": self.internet.ca.read_text()})
            (etc / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
            (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
            client.bind(etc / "certs", trust.SYSTEM)
            for file in ("hosts", "nsswitch.conf"):
                client.bind(etc / file, f"/etc/{file}")
            self._point_dns(name, plan.DNS)
            self._bind_resolv_conf(name)

    def _bind_resolv_conf(self, name):
        target = Path(os.path.realpath("/etc/resolv.conf"))
        if not target.exists():
            # A link into a folder that nobody made (no resolver runs on this machine): make it, in this host only.
            self.hosts[name].run(["sh", "-ec", f"mount -t tmpfs none /run; mkdir -p {target.parent}; touch {target}"])
        self.hosts[name].bind(self.folder / f"etc/{name}/resolv.conf", target)

    def _point_dns(self, name, address):
        # Written in place: a bind mount follows the file and not its name.
        (self._subfolder(f"etc/{name}") / "resolv.conf").write_text(
            f"nameserver {address}\noptions timeout:2 attempts:1\n"
        )

    def install_puck(self, **options):
        """Plugs the puck in: starts it, hands it out as DNS server, installs its CA on the inspected client."""
        folder = self._subfolder("puck")
        self.puck = Puck(self.hosts["puck"], folder, self.internet.ca, **options).start()
        for name in plan.CLIENTS:
            self._point_dns(name, plan.PUCK)
        authorities = {"pretend-internet": self.internet.ca.read_text(), "nanogate": self.puck.ca_file.read_text()}
        trust.write_store(self.folder / "etc/client-inspected/certs", authorities)
        return self.puck

    def chat(self, client, program, scenario, timeout=60):
        """Lets a client's program live through a scenario; what happened to it."""
        return json.loads(self._program(client, PROGRAMS[program], json.dumps(scenario), timeout))

    def start_chat(self, client, program, scenario):
        """Starts a program on a scenario; its result is on its stdout when it ends."""
        child = self.hosts[client].popen(
            PROGRAMS[program], env=CLIENT_ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        child.stdin.write(json.dumps(scenario))
        child.stdin.close()
        # Nothing is left to write: communicate() must not try.
        child.stdin = None
        return child

    def python(self, client, script, *arguments, input="", timeout=60):
        """Runs a Python script on a client; what it printed."""
        return self._program(client, [VENV / "python", "-c", script, *arguments], input, timeout)

    def node(self, client, script, *, input="", timeout=60):
        """Runs a Node script on a client; what it printed."""
        return self._program(client, ["node", "--eval", script], input, timeout)

    def _program(self, client, command, input, timeout):
        done = self.hosts[client].run(command, input=input, timeout=timeout, env=CLIENT_ENVIRONMENT, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} on {client} broke:\n{done.stderr}")
        return done.stdout
