"""The proxies that ours is measured beside: how each is configured to do the same with one thread, and started."""

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from proxies import stage

OUT = stage.ROOT / "out"
PORT = 10443
MODULES = Path("/usr/lib/nginx/modules")
UPSTREAM = f"{stage.ORIGIN_ADDRESS}:443"


class NotStarted(Exception):
    """A peer that should run and does not, with what it said."""


@dataclass
class Peer:
    name: str
    command: list
    tunnel: bool = False
    port: int = PORT

    def start(self, host, folder):
        log = folder / "output.log"
        with open(log, "wb") as output:
            self.process = host.popen(
                [*stage.unprivileged(), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
            )
        deadline = time.monotonic() + 30
        while not host.run(["ss", "-Hltn", "sport", "=", f":{self.port}"]).stdout.strip():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise NotStarted(f"{self.name} does not listen: {log.read_text(errors='replace')[-600:]}")
            time.sleep(0.05)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def haproxy_tcp(there, folder):
    return haproxy(
        folder,
        f"""
frontend office
    mode tcp
    bind :{PORT}
    tcp-request inspect-delay 3s
    tcp-request content accept if {{ req.ssl_hello_type 1 }}
    use_backend provider if {{ req.ssl_sni -i {stage.HOST} }}
backend provider
    mode tcp
    server origin {UPSTREAM}
""",
    )


def haproxy_http(there, folder):
    """Ends TLS on both sides; upstream connections are kept and shared."""
    return haproxy(folder, re_encrypting(there, "http-reuse safe"))


def haproxy_fresh(there, folder):
    """The same with an upstream connection, and a whole handshake, for each of the client's."""
    return haproxy(folder, re_encrypting(there, "http-reuse never", "no-ssl-reuse"))


def re_encrypting(there, reuse, server=""):
    return f"""
frontend office
    mode http
    bind :{PORT} ssl crt {there.authority.leaf} alpn http/1.1
    use_backend provider if {{ ssl_fc_sni -i {stage.HOST} }}
backend provider
    mode http
    {reuse}
    server origin {UPSTREAM} ssl sni str({stage.HOST}) verify required ca-file {there.roots} alpn http/1.1 {server}
"""


def haproxy(folder, rest):
    config = folder / "haproxy.cfg"
    config.write_text(f"""global
    nbthread 1
    maxconn 2000
defaults
    timeout connect 5s
    timeout client 60s
    timeout server 60s
{rest}""")
    return found("haproxy", lambda program: Peer("haproxy", [program, "-db", "-f", config]))


def nginx(there, folder):
    module = MODULES / "ngx_stream_module.so"
    load = f"load_module {module};" if module.exists() else ""
    config = folder / "nginx.conf"
    config.write_text(f"""{load}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
stream {{
    map $ssl_preread_server_name $provider {{ {stage.HOST} {UPSTREAM}; }}
    server {{
        listen {PORT};
        ssl_preread on;
        proxy_pass $provider;
    }}
}}
""")
    return found("nginx", lambda program: Peer("nginx", [program, "-e", "stderr", "-p", folder, "-c", config]))


def sniproxy(there, folder):
    config = folder / "sniproxy.conf"
    config.write_text(f"""pidfile {folder}/sniproxy.pid
error_log {{
    filename {folder}/error.log
}}
listener 0.0.0.0:{PORT} {{
    proto tls
    table names
    access_log {{
        filename /dev/null
    }}
}}
table names {{
    {stage.HOST} {UPSTREAM}
}}
""")
    return found("sniproxy", lambda program: Peer("sniproxy", [program, "-f", "-c", config]))


def squid(there, folder):
    """Looks at the server before it answers the client, as ours; nothing is cached or logged."""
    minter = next((path for path in Path("/usr/lib").glob("squid*/security_file_certgen")), None)
    if not minter:
        return missing("squid with ssl_bump")
    config = folder / "squid.conf"
    config.write_text(f"""http_port {PORT} ssl-bump cert={there.authority.both} generate-host-certificates=on
sslcrtd_program {minter} -s {folder}/certificates -M 4MB
sslcrtd_children 1
tls_outgoing_options cafile={there.roots}
ssl_bump stare all
ssl_bump bump all
http_access allow all
cache deny all
access_log none
cache_log {folder}/cache.log
cache_store_log none
pid_filename {folder}/squid.pid
coredump_dir {folder}
visible_hostname peer
pinger_enable off
shutdown_lifetime 0 seconds
max_filedescriptors 4096
""")
    made = subprocess.run(
        [*stage.unprivileged(), minter, "-c", "-s", folder / "certificates", "-M", "4MB"], capture_output=True, text=True
    )
    if made.returncode:
        raise NotStarted(f"squid's certificate store: {made.stderr}")
    return found("squid", lambda program: Peer("squid", [program, "-N", "-f", config], tunnel=True))


def mitmproxy(there, folder):
    settings = {
        "confdir": folder,
        "ssl_verify_upstream_trusted_ca": there.roots,
        "http2": "false",
    }
    options = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    # It makes an authority at its first start, from the two files it finds.
    (folder / "mitmproxy-ca.pem").write_text(there.authority.both.read_text())
    (folder / "mitmproxy-ca.pem").chmod(0o644)
    program = OUT / "mitmproxy/bin/mitmdump"
    if not program.exists():
        return missing("mitmproxy")
    return Peer("mitmproxy", [program, "-q", "--mode", f"regular@{PORT}", *options], tunnel=True)


def hudsucker(there, folder):
    return of_crate(there, "hudsucker")


def hudsucker_scan(there, folder):
    return of_crate(there, "hudsucker+scan", "scan")


def of_crate(there, name, *options):
    program = OUT / "hudsucker/release/gate-bench-hudsucker"
    if not program.exists():
        return missing(name)
    own = there.authority
    return Peer(name, [program, f"0.0.0.0:{PORT}", own.certificate, own.key, there.roots, *options], tunnel=True)


def found(program, make):
    """Servers lie in sbin, which is not on everybody's path."""
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin")
    return make(path) if path else missing(program)


def missing(name):
    print(f"{name}: not installed here, left out")
