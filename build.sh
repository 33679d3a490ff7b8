#!/usr/bin/env bash
# Nano-Gate's front door.
#
#   ./build.sh demo [--once]      the virtual office: real prompts through the puck, what was typed beside what left
#   ./build.sh test [area]        every test, as CI runs it; areas: check web unit quality system browser fuzz firmware
#                                 image
#   ./build.sh check              formatting, clippy, shellcheck, web lint, cargo deny
#   ./build.sh firmware [target]  the release binary; targets: x86_64, aarch64 (default: this machine's); aarch64 takes
#                                 --allow-drift, as image does
#   ./build.sh image [board]      the image for a card; boards: raspberrypi5 (default), qemu-aarch64; --update-lock pins what
#                                 Debian has today, --allow-drift takes it this once where a pinned package is gone; --sign KEY
#                                 makes the image trust updates by this Ed25519 key (PEM), and makes one: out/….update;
#                                 --debug makes one with a shell on the console, out/nanogate-debug-…
#   ./build.sh flash [--debug] DEV [board]  writes the image to a card, after asking
#   ./build.sh boot               the image in QEMU, on this terminal
#   ./build.sh bench [area]       measurements beside their peers; areas: proxy scan dns; scan --quality DIR scores labelled rows,
#                                 proxy --quick is short, proxy PART… is a part (memory splice inspected handshakes decisions
#                                 stream added)
#   ./build.sh soak [area]        as long as one likes (SOAK_SECONDS each, default 600, dns 60); areas: fuzz dns; image: 100
#                                 power cuts, and two builds that must give one hash
#   ./build.sh help               this text
#
# Each verb installs what it needs on a bare Debian 12/13 or Ubuntu 24.04 machine (root or sudo only for apt), says so
# in one line a step, and does nothing the second time. Logs of the long steps lie in out/log/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly RUST_VERSION=1.95.0 NODE_MAJOR=22
WHOLE= # yes when the whole workspace's tests are built first
readonly LOGS=$PWD/out/log VENV=$PWD/tests/.venv
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto} PIP_DISABLE_PIP_VERSION_CHECK=1
export PATH="$HOME/.cargo/bin:$PATH"

say() { printf '\033[1m>>\033[0m %s\n' "$*" >&2; }
die() {
    printf 'build.sh: %s\n' "$*" >&2
    exit 1
}

# logged NAME COMMAND…: runs it quietly; on failure shows the end of its log.
logged() {
    local name=$1
    shift
    mkdir -p "$LOGS"
    if ! "$@" >"$LOGS/$name.log" 2>&1; then
        tail -n 60 "$LOGS/$name.log" >&2
        die "$name failed; the whole log is $LOGS/$name.log"
    fi
}

# shown NAME COMMAND…: runs it in the open and keeps the log for the summary.
shown() {
    local name=$1
    shift
    mkdir -p "$LOGS"
    say "$name: $*"
    "$@" 2>&1 | tee "$LOGS/$name.log"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# --- what must be there ---------------------------------------------------------------------------------------------

need_apt() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    say "installing with apt: ${missing[*]}"
    logged apt-update as_root apt-get update
    # The servers among them are for the tests to start; policy-rc.d keeps apt from starting them on the machine itself.
    local policy=/usr/sbin/policy-rc.d made=
    if [ ! -e "$policy" ]; then
        made=$policy
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    (logged apt-install as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}") ||
        { [ -z "$made" ] || as_root rm "$made"; exit 1; }
    [ -z "$made" ] || as_root rm "$made"
}

version_at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# rustup: from apt where it is packaged, else by its own installer.
need_rustup() {
    command -v rustup >/dev/null && return
    say "installing rustup"
    if apt-cache show rustup 2>/dev/null | grep -q '^Version:'; then
        need_apt rustup
    else
        need_apt curl ca-certificates
        mkdir -p out
        curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs -o out/rustup-init.sh
        logged rustup-init sh out/rustup-init.sh -y --no-modify-path --default-toolchain none
    fi
}

# Any Rust that is new enough will do; otherwise the pinned one beside it, without touching the default.
need_rust() {
    need_apt build-essential cmake pkg-config libnftnl-dev libmnl-dev
    local have
    have=$(rustc --version 2>/dev/null | cut -d' ' -f2 || true)
    if ! version_at_least "$RUST_VERSION" "${have:-0}" || ! command -v cargo >/dev/null; then
        need_rustup
        say "installing Rust $RUST_VERSION"
        logged rust rustup toolchain install "$RUST_VERSION" --profile minimal -c clippy -c rustfmt
        export RUSTUP_TOOLCHAIN=$RUST_VERSION
    fi
}

need_python() {
    need_apt python3 python3-venv
    local stamp=$VENV/.requirements
    if ! cmp -s tests/support/requirements.txt "$stamp"; then
        say "installing the Python packages of tests/support/requirements.txt into tests/.venv"
        rm -rf "$VENV"
        logged venv python3 -m venv "$VENV"
        logged pip "$VENV/bin/pip" install --quiet -r tests/support/requirements.txt
        cp tests/support/requirements.txt "$stamp"
    fi
}

# Node from the system when it is new enough, else from PyPI's wheel, which requirements.txt pins beside the rest.
need_node() {
    local have
    have=$(node --version 2>/dev/null | tr -d v) || have=0
    if ! version_at_least "$NODE_MAJOR" "$have" || ! command -v npm >/dev/null; then
        need_python
        export PATH="$VENV/bin:$PATH"
    fi
}

# npm_folder DIR: installs what its lock file says, once for each lock file.
npm_folder() {
    local stamp=$1/node_modules/.lock-stamp
    cmp -s "$1/package-lock.json" "$stamp" && return
    say "installing the npm packages of $1"
    logged "npm-${1//\//-}" npm --prefix "$1" ci --no-audit --no-fund
    cp "$1/package-lock.json" "$stamp"
}

need_web() {
    need_node
    npm_folder webui
    if [ ! -e webui/dist/index.html ] || [ -n "$(find webui -newer webui/dist/index.html -not -path '*/node_modules*' \
        -not -path '*/dist*' -type f -print -quit)" ]; then
        say "building the web page"
        logged webui npm --prefix webui run build
    fi
}

need_office() {
    need_apt iproute2 nftables dnsmasq-base bind9 bind9-utils bind9-dnsutils dnsperf curl openssl util-linux procps
    need_python
    need_node
    npm_folder tests/support/clients
}

# Chromium from apt; Ubuntu has it as a snap only, so there a build that comes inside an npm package stands in.
need_chromium() {
    need_node
    npm_folder tests/browser
    need_apt fonts-dejavu-core
    if ! command -v chromium >/dev/null && grep -q '^ID=ubuntu' /etc/os-release; then
        need_apt libnss3 libnspr4
        if [ ! -d out/chromium/node_modules ]; then
            say "installing Chromium from npm into out/chromium"
            mkdir -p out/chromium
            logged npm-chromium npm --prefix out/chromium install --no-audit --no-fund @sparticuz/chromium@153.0.0
        fi
        CHROMIUM=$(cd out/chromium && node --input-type=module -e \
            'import chromium from "@sparticuz/chromium"; console.log(await chromium.executablePath());')
        export CHROMIUM
    else
        need_apt chromium
    fi
}

# need_aarch64 [--allow-drift]: what the puck's programs are made with.
need_aarch64() {
    need_rustup
    need_rust
    need_apt gcc-aarch64-linux-gnu g++-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user debian-archive-keyring
    rustup target list --installed | grep -q '^aarch64-unknown-linux-gnu$' || {
        say "adding the aarch64 target to Rust"
        logged rustup-target rustup target add aarch64-unknown-linux-gnu
    }
    # The very libraries that the image has, as image/lock pins them.
    image/steps/fetch.sh --link "$@"
}

# cross_cargo VERB OPTION…: cargo for the puck. The libraries are named for this one command only: the build scripts of
# the host would link them as well. Where the sources lie on this machine is not for the programs to say: they would differ
# from one builder to the next.
cross_cargo() {
    local libraries=$PWD/out/aarch64/usr/lib/aarch64-linux-gnu crates=${CARGO_HOME:-$HOME/.cargo} target=aarch64-unknown-linux-gnu
    env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS LIBNFTNL_LIB_DIR="$libraries" LIBMNL_LIB_DIR="$libraries" \
        CFLAGS_aarch64_unknown_linux_gnu="-ffile-prefix-map=$crates=/cargo -ffile-prefix-map=$PWD=/src" \
        cargo --config cross.toml \
        --config "target.$target.rustflags=['--remap-path-prefix=$crates=/cargo', '--remap-path-prefix=$PWD=/src']" \
        "$1" --target "$target" "${@:2}"
}

# --- verbs ----------------------------------------------------------------------------------------------------------

cmd_help() { sed -n '2,/^set -euo/p' "$0" | sed '$d; s/^# \{0,1\}//'; }

cmd_check() {
    need_rust
    need_web
    need_apt shellcheck
    check_sources
    say "cargo deny"
    if ! command -v cargo-deny >/dev/null; then
        say "installing cargo-deny (compiles for some minutes)"
        logged cargo-deny-install cargo install --locked cargo-deny@0.20.2
    fi
    # The advisory database is fetched from its repository; where that cannot be reached the other checks still run.
    if ! cargo deny --log-level error check advisories bans licenses sources 2>"$LOGS/deny.log"; then
        if grep -q 'failed to fetch advisory database' "$LOGS/deny.log"; then
            say "the advisory database cannot be reached from here; checking bans, licences and sources"
            cargo deny --log-level error check bans licenses sources
        else
            cat "$LOGS/deny.log" >&2
            die "cargo deny found something"
        fi
    fi
}

check_sources() {
    say "formatting"
    cargo fmt --check
    say "clippy"
    cargo clippy --quiet --workspace --all-targets -- -D warnings
    say "shellcheck"
    git ls-files -z '*.sh' .ci/run tests/support/enter | xargs -0 shellcheck
    say "web lint"
    logged web-lint npm --prefix webui run lint
}

# debug_build OPTION…: what tests and the demo start. Cargo chooses a library's features by all that is built at once: after the
# whole workspace's tests, only the whole finds its libraries built already, and has these programs among it.
debug_build() {
    [ -z "$WHOLE" ] || set -- --workspace --bins --examples --tests
    cargo build --quiet "$@"
}

build_daemon() {
    need_rust
    need_web
    say "building the daemon and the fake provider"
    debug_build -p gate-daemon -p gate-test-provider
}

cmd_demo() {
    need_office
    build_daemon
    exec "$VENV/bin/python" tests/support/demo.py "$@"
}

test_check() {
    need_rust
    need_web
    need_apt shellcheck
    check_sources
}

test_web() {
    need_web
    shown web npm --prefix webui test
}

test_unit() {
    need_rust
    need_web
    need_apt nftables unbound dnsdist bind9 bind9-utils openssl python3 iproute2 util-linux
    shown unit cargo test --workspace --quiet
}

# The scanner on the project's own quality data: rows go whole through the daemon's binary, in pieces through an example.
test_quality() {
    need_python
    build_daemon
    debug_build -p gate-scrub --example rows
    shown quality "$VENV/bin/python" -m pytest -q -p no:cacheprovider tests/bench
}

test_system() {
    need_office
    npm_folder tests/support/agents
    build_daemon
    shown system tests/support/enter "$VENV/bin/python" -m pytest -q -p no:cacheprovider tests/system tests/redteam
}

test_browser() {
    need_office
    need_chromium
    need_apt golang-go libnss3-tools
    build_daemon
    shown browser tests/support/enter "$VENV/bin/python" -m pytest -q -p no:cacheprovider tests/browser
}

cmd_test() {
    local area since areas=(check web unit quality system browser fuzz firmware image)
    [ $# -gt 0 ] && areas=("$@")
    for area in "${areas[@]}"; do
        declare -F "test_$area" >/dev/null || die "no test area \`$area\`; there are: check web unit quality system browser fuzz firmware image"
    done
    [[ " ${areas[*]} " != *" unit "* ]] || WHOLE=yes
    for area in "${areas[@]}"; do
        since=$SECONDS
        case $area in
            quality | system | browser) build_ahead "${areas[@]}" ;;
            fuzz | firmware | image) built_ahead ;;
        esac
        "test_$area"
        say "$area took $((SECONDS - since)) s"
    done
    say "all passed; the runners' own words:"
    summary "${areas[@]}"
}

# build_ahead AREA…: compiles what the last areas need while the office's tests wait for clocks and timeouts, and leaves
# the processor to these.
build_ahead() {
    local wanted=" $* " fuzzed='' crossed=''
    [ -z "${AHEAD:-}" ] || return 0
    [[ $wanted != *" fuzz "* ]] || fuzzed=yes
    [[ $wanted != *" firmware "* && $wanted != *" image "* ]] || crossed=yes
    [ -n "$fuzzed$crossed" ] || return 0
    [ -z "$crossed" ] || need_aarch64 --allow-drift
    need_office
    mkdir -p "$LOGS"
    say "building ahead for the areas after the office's"
    # A process group of its own, so that it ends whole when we do.
    set -m
    (
        renice -n 19 -p "$BASHPID" >/dev/null
        if [ -n "$fuzzed" ]; then fuzz_build; fi
        if [ -n "$crossed" ]; then
            cmd_firmware aarch64 --allow-drift
            build_device
        fi
    ) >"$LOGS/ahead.log" 2>&1 &
    set +m
    AHEAD=$!
    trap 'kill -- "-$AHEAD" 2>/dev/null || true' EXIT
}

# Waits for it. What failed there says so again where it is needed.
built_ahead() {
    [ -n "${AHEAD:-}" ] || return 0
    wait "$AHEAD" || say "building ahead failed; $LOGS/ahead.log says where"
    AHEAD=
    trap - EXIT
}

# The closing lines of each runner, as it printed them.
summary() {
    local area
    for area in "$@"; do
        case $area in
            web) sed 's/\x1b\[[0-9;]*m//g' "$LOGS/web.log" | grep -E '^ *(Test Files|Tests) ' ;;
            check) ;;
            unit) grep -E '^test result:' "$LOGS/unit.log" ;;
            fuzz) cat "$LOGS/fuzz.log" ;;
            quality | system | browser | firmware | image) grep -E '^[0-9]+ passed' "$LOGS/$area.log" ;;
        esac
    done
}

cmd_soak() {
    local area=${1:-fuzz}
    case $area in
        fuzz) fuzz "${SOAK_SECONDS:-600}" ;;
        dns)
            need_office
            need_rust
            need_web
            say "building the release binaries"
            logged soak-build cargo build --release -p gate-daemon -p gate-test-provider
            export NANOGATE=$PWD/target/release/nanogate OFFICE_PROVIDER=$PWD/target/release/gate-test-provider
            need_apt unbound dnsdist bind9 bind9-utils
            export LOAD_SECONDS=${SOAK_SECONDS:-60} LOAD_RATE=20000 LOAD_NAMES=5000000
            say "10,000 random questions and 2,000 bent ones, put to unbound directly and through this resolver"
            DIFFERENTIAL_QUESTIONS=10000 cargo test --quiet -p gate-dns --test dns differential -- --nocapture
            exec tests/support/enter "$VENV/bin/python" -m pytest -q -s -p no:cacheprovider tests/system/test_load.py
            ;;
        image) soak_image ;;
        *) die "no soak area \`$area\`; there are: fuzz dns image" ;;
    esac
}

# shellcheck source=image/verbs.sh
. image/verbs.sh
# shellcheck source=tests/bench/verbs.sh
. tests/bench/verbs.sh
# shellcheck source=tests/fuzz/verbs.sh
. tests/fuzz/verbs.sh

main() {
    local verb=${1:-help}
    [ $# -eq 0 ] || shift
    declare -F "cmd_$verb" >/dev/null || die "no verb \`$verb\`; ./build.sh help lists them"
    "cmd_$verb" "$@"
}

main "$@"
