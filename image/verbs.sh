# shellcheck shell=bash
# What build.sh does for the puck: its programs, its image, the card, and the tests that boot it. Sourced by build.sh.

# Where cargo leaves what it builds.
built() { printf '%s/%s' "${CARGO_TARGET_DIR:-target}" "$1"; }

# cmd_firmware [TARGET [--allow-drift]]
cmd_firmware() {
    local target=${1:-$(uname -m)}
    mkdir -p out
    case $target in
        "$(uname -m)")
            need_rust
            need_web
            say "building the release binary for $target"
            logged "firmware-$target" cargo build --release -p gate-daemon
            install -m 755 "$(built release/nanogate)" "out/nanogate-$target"
            ;;
        aarch64)
            need_aarch64 "${@:2}"
            need_web
            say "building the release binary for aarch64"
            logged firmware-aarch64 cross_cargo build --release -p gate-daemon
            install -m 755 "$(built aarch64-unknown-linux-gnu/release/nanogate)" out/nanogate-aarch64
            ;;
        *) die "no target \`$target\`; there are: x86_64 aarch64" ;;
    esac
    say "out/nanogate-$target: $(du -h "out/nanogate-$target" | cut -f1)"
}

# The device's own programs. The rescue program is linked with all it needs: it must run whatever the slots hold.
build_device() {
    say "building the device's own programs for aarch64"
    logged firmware-device cross_cargo build --release -p gate-device
    install -m 755 "$(built aarch64-unknown-linux-gnu/release/puck)" out/puck-aarch64
    logged firmware-rescue cross_cargo rustc --release -p gate-rescue --bin rescue -- -C target-feature=+crt-static
    install -m 755 "$(built aarch64-unknown-linux-gnu/release/rescue)" out/rescue-aarch64
    logged sign-update debug_build -p gate-rescue --bin sign-update
    install -m 755 "$(built debug/sign-update)" out/sign-update
}

need_image() {
    need_apt cpio debian-archive-keyring device-tree-compiler dosfstools genimage kmod mtools python3 xz-utils zstd
}

need_qemu() { need_apt qemu-system-arm device-tree-compiler dnsmasq-base e2fsprogs iproute2 mtools; }

# image_of BOARD [OPTION…]: every step up to the card, not compressed.
image_of() {
    local board=$1 drift=()
    shift
    [ -e "board/$board/config.txt" ] || die "no board \`$board\`; there are: $(cd board && echo *)"
    need_image
    # First, so that what is linked against is what the new lock pins.
    [[ " $* " != *" --update-lock "* ]] || image/steps/fetch.sh "$@"
    [[ " $* " != *" --allow-drift "* ]] || drift+=(--allow-drift)
    # Before the long builds: it may say no.
    need_apt gcc-aarch64-linux-gnu libc6-dev-arm64-cross
    image/steps/linked.sh "$@"
    cmd_firmware aarch64 "${drift[@]}"
    build_device
    image/steps/fetch.sh "$@"
    image/steps/root.sh "$board"
    image/steps/slot.sh "$board"
    image/steps/card.sh "$board"
    [ -z "${UPDATE_KEY:-}" ] || image/steps/update.sh "$board"
}

cmd_image() {
    local board=raspberrypi5 options=()
    while [ $# -gt 0 ]; do
        case $1 in
            --sign)
                [ -r "${2:-}" ] || die "--sign needs a private key, as openssl genpkey -algorithm ed25519 writes it"
                UPDATE_KEY=$(realpath "$2")
                export UPDATE_KEY
                shift
                ;;
            --debug) export IMAGE_DEBUG=yes ;;
            --*) options+=("$1") ;;
            *) board=$1 ;;
        esac
        shift
    done
    [ -z "${IMAGE_DEBUG:-}" ] || [ -z "${UPDATE_KEY:-}" ] || die "a debug image is never signed: leave --sign or --debug out"
    image_of "$board" "${options[@]}"
    image/steps/pack.sh "$board"
}

# cmd_flash [--debug] DEV [BOARD]: only onto a whole drive that can be taken out, and that nothing of is mounted.
cmd_flash() {
    local name=nanogate device board image answer needed there
    [ "${1:-}" != --debug ] || { name=nanogate-debug && shift; }
    device=${1:-} board=${2:-raspberrypi5}
    [ -b "$device" ] || die "flash needs the card's device, as /dev/sdX or /dev/mmcblkN; lsblk lists them"
    [ "$(lsblk -dnro TYPE "$device")" = disk ] || die "$device is a part of a drive, not a drive"
    [ "$(lsblk -dnro RM "$device")" = 1 ] || [[ $device == /dev/mmcblk* ]] || die "$device cannot be taken out; that is no card"
    [ -z "$(lsblk -no MOUNTPOINTS "$device" | tr -d ' \n')" ] || die "something on $device is mounted"
    image=out/$name-$board-$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1).img.xz
    [ -e "$image" ] || die "there is no $image yet: ./build.sh image $board, with --debug for a debug image"
    (cd out && sha256sum --quiet -c "$(basename "$image").sha256") || die "$image is not what was built"
    needed=$(xz --robot -l "$image" | awk '$1 == "totals" { print $5 }')
    there=$(lsblk -bdnro SIZE "$device")
    [ "$there" -ge "$needed" ] || die "$device has $((there / 1000000)) MB, and the image needs $((needed / 1000000))"
    lsblk -o NAME,SIZE,VENDOR,MODEL,LABEL "$device" >&2
    read -rp "everything on $device will be lost; type its name to go on: " answer || answer=
    [ "$answer" = "$device" ] || die "nothing was written"
    xz -dc "$image" | as_root dd of="$device" bs=4M iflag=fullblock oflag=direct status=progress
    as_root sync "$device"
    say "written; the claim code will be on the partition NANOGATE after the first start"
}

cmd_boot() {
    need_qemu
    image_of qemu-aarch64 --allow-drift
    mkdir -p out/image/boot
    cp --sparse=always out/nanogate-qemu-aarch64-*.img out/image/boot/card.img
    say "DNS on 127.0.0.1:5300, the page on https://127.0.0.1:9443/; Ctrl-A X ends it"
    exec board/qemu-aarch64/chooser.py out/image/boot/card.img
}

# The key that the tests sign with; it trusts nobody beyond this machine.
test_key() {
    export UPDATE_KEY=$PWD/out/image/test.key.pem
    need_apt openssl
    mkdir -p out/image
    [ -e "$UPDATE_KEY" ] || openssl genpkey -algorithm ed25519 -out "$UPDATE_KEY"
}

test_firmware() {
    cmd_firmware aarch64 --allow-drift
    # The scanner's own instructions for this processor do what plain code does.
    shown lanes-aarch64 cross_cargo test -q --release -p gate-scrub --lib lanes
    need_python
    shown firmware "$VENV/bin/python" -m pytest -q -p no:cacheprovider tests/image/test_{firmware_aarch64,fetch}.py
}

test_image() {
    need_office
    need_qemu
    test_key
    image_of qemu-aarch64 --allow-drift
    build_daemon
    local boot=(tests/support/enter "$VENV/bin/python" -m pytest -q -p no:cacheprovider) failed=
    # What is timed comes first and alone. The others mostly wait, for watchdogs above all: half of them at a time.
    shown image-timed "${boot[@]}" tests/image/boot/test_boot.py
    say "image: the others, in two halves"
    "${boot[@]}" tests/image/boot/test_{life,rescue,slots}.py >"$LOGS/image-life.log" 2>&1 &
    "${boot[@]}" tests/image/boot --ignore=tests/image/boot/test_{boot,life,rescue,slots}.py >"$LOGS/image-card.log" 2>&1 ||
        failed=yes
    wait $! || failed=yes
    cat "$LOGS"/image-{life,card}.log
    [ -z "$failed" ] || die "image failed"
    cat "$LOGS"/image-{timed,life,card}.log >"$LOGS/image.log"
}

# sums: the hash of the image and of every program in it, as the build left them.
sums() { sha256sum out/nanogate-qemu-aarch64-*.img out/{nanogate,puck,rescue}-aarch64 out/image/qemu-aarch64/*.vfat; }

# The same tree built a second time, with nothing of the first: a folder of cargo's own, the page, the root and the slots anew;
# only what the lock and Cargo.lock pin by hash is taken again. The time in it is the commit's, whatever the clock says.
second_image() {
    local second=$PWD/out/second
    rm -rf "$second" webui/dist out/image/qemu-aarch64 out/image/unpacked
    rm -f out/{nanogate,puck,rescue}-aarch64 out/sign-update out/nanogate-qemu-aarch64-*
    (export CARGO_TARGET_DIR=$second && image_of qemu-aarch64 --allow-drift)
    rm -rf "$second"
}

# Two builds of one tree must give one image, a debug image its shell, and a hundred power cuts (POWER_CUTS) no broken card.
soak_image() {
    local first second
    need_office
    need_qemu
    test_key
    SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 1767225600)}
    export SOURCE_DATE_EPOCH
    image_of qemu-aarch64 --allow-drift
    first=$(sums)
    say "building all of it a second time"
    second_image
    second=$(sums)
    [ "$first" = "$second" ] || die "two builds differ: $(diff <(printf '%s\n' "$first") <(printf '%s\n' "$second"))"
    say "two builds gave one image: ${first%% *}"
    build_daemon
    local boot=(tests/support/enter "$VENV/bin/python" -m pytest -q -p no:cacheprovider)
    (
        unset UPDATE_KEY
        export IMAGE_DEBUG=yes
        image_of qemu-aarch64 --allow-drift
        shown soak-debug "${boot[@]}" tests/image/boot/soak_debug.py
    )
    POWER_CUTS=${POWER_CUTS:-100} shown soak-image "${boot[@]}" tests/image/boot/test_card.py -k power_cut
}
