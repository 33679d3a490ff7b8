# shellcheck shell=bash
# What build.sh does to measure: the peers that each part is measured beside, and the measurements. Sourced by build.sh.

# The packages of the list that this distribution has.
packaged() {
    local package
    for package in "$@"; do
        if dpkg-query -W "$package" >/dev/null 2>&1 || apt-cache show "$package" 2>/dev/null | grep -q '^Version:'; then
            echo "$package"
        fi
    done
}

# The resolvers that ours is measured beside; those that a distribution lacks are named by the measurement.
need_resolvers() {
    local peers
    need_apt dnsperf unbound dnsmasq-base iproute2 util-linux
    mapfile -t peers < <(packaged knot-resolver pdns-recursor)
    need_apt "${peers[@]}"
}

# python_folder DIR FILE: what a list of a bench pins, in a folder of its own.
python_folder() {
    need_apt python3 python3-venv
    local folder=$1 list=$2 name=${1//\//-}
    cmp -s "$list" "$folder/.requirements" && return
    say "installing the Python packages of $list into $folder"
    rm -rf "$folder"
    mkdir -p out
    logged "venv-$name" python3 -m venv "$folder"
    logged "pip-$name" "$folder/bin/pip" install --quiet -r "$list"
    cp "$list" "$folder/.requirements"
}

# The scanners that ours is measured beside bring half of scientific Python.
need_peers() { python_folder out/peers tests/bench/peers.txt; }

# The proxies that ours is measured beside; those that a distribution lacks are named by the measurement.
need_proxies() {
    local peers
    mapfile -t peers < <(packaged haproxy nginx-light libnginx-mod-stream squid-openssl sniproxy)
    need_apt iproute2 openssl util-linux "${peers[@]}"
    (python_folder out/mitmproxy tests/bench/mitmproxy.txt) || say "going on without mitmproxy"
    say "building the proxy made of hudsucker"
    logged bench-hudsucker cargo build --release --locked --manifest-path tests/bench/hudsucker/Cargo.toml \
        --target-dir out/hudsucker
}

cmd_bench() {
    local area=${1:-proxy}
    [ $# -eq 0 ] || shift
    case $area in
        proxy)
            need_office
            need_rust
            need_web
            need_proxies
            say "building the release binaries"
            logged bench-build cargo build --release -p gate-daemon -p gate-test-bench
            logged bench-examples cargo build --release -p gate-scrub --example speed
            exec tests/support/enter "$VENV/bin/python" tests/bench/proxy.py "$@"
            ;;
        scan)
            need_rust
            need_peers
            say "building the release binaries"
            logged bench-examples cargo build --release -p gate-scrub --example speed --example rows
            case " $* " in
                *" --quality"*)
                    need_web
                    logged bench-build cargo build --release -p gate-daemon
                    ;;
                *) need_apt valgrind ;;
            esac
            exec out/peers/bin/python tests/bench/scan.py "$@"
            ;;
        dns)
            need_resolvers
            need_python
            need_rust
            need_web
            say "building the release binaries"
            logged bench-build cargo build --release -p gate-daemon -p gate-test-bench
            exec tests/support/enter "$VENV/bin/python" tests/bench/resolve.py "$@"
            ;;
        *) die "no bench area \`$area\`; there are: proxy scan dns" ;;
    esac
}
