#!/usr/bin/env bash
# image/steps/root.sh BOARD: the root file system as a tree, out/image/BOARD/root.
# shellcheck source=image/steps/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
readonly BOARD=$1
readonly TREE=$WORK/$BOARD/root
readonly DEBUG_APPLETS="sh cat df dmesg free grep ip kill ls mount nslookup ping ps top vi wget"

# Debian's merged layout: everything is under /usr, the old names lead there.
skeleton() {
    rm -rf "$TREE"
    mkdir -p "$TREE"/{data,dev,etc,proc,run,sys,tmp,var,usr/{bin,sbin,lib/modules}}
    ln -s usr/bin "$TREE/bin"
    ln -s usr/sbin "$TREE/sbin"
    ln -s usr/lib "$TREE/lib"
    ln -s ../run "$TREE/var/run"
}

packages() {
    local name pattern
    for name in $(recipes); do
        recipe "$name"
        for pattern in ${files:-}; do
            # shellcheck disable=SC2086 # patterns are meant to be expanded
            (cd "$(unpacked "$name")" && compgen -G "$pattern" >/dev/null && cp -a --parents $pattern "$TREE/") ||
                die "recipe $name: no $pattern in $(locked "$name" 2)"
        done
    done
}

overlays() {
    local layer
    for layer in overlay "board/$BOARD/overlay"; do
        [ ! -d "$layer" ] || cp -a "$layer/." "$TREE/"
    done
    printf '%s\n' "$SOURCE_DATE_EPOCH" >"$TREE/etc/build-time"
    printf '%s %s\n' "$VERSION" "$BOARD" >"$TREE/etc/nanogate-release"
}

# Without their symbols, which are a quarter of them; out/ keeps both as they were built, for whoever reads a backtrace.
programs() {
    aarch64-linux-gnu-strip --strip-all -o "$TREE/usr/bin/nanogate" out/nanogate-aarch64
    aarch64-linux-gnu-strip --strip-all -o "$TREE/usr/sbin/init" out/puck-aarch64
    ln -s init "$TREE/usr/sbin/lease"
    ln -s init "$TREE/usr/sbin/beacon"
    ln -s init "$TREE/usr/sbin/jail"
    ln -s sbin/init "$TREE/init"
}

# One file of all authorities, as update-ca-certificates(8) would make it.
authorities() {
    mkdir -p "$TREE/etc/ssl/certs"
    find "$(unpacked ca-certificates)/usr/share/ca-certificates" -name '*.crt' -print0 | sort -z | xargs -0 cat \
        >"$TREE/etc/ssl/certs/ca-certificates.crt"
}

declare -A taken=()
# modules TREE ORDER LIST…: the modules that the lists name, with what they need and was not taken before, in the order to
# load them.
modules() {
    local tree=$1/usr/lib/modules order=$1/usr/lib/modules/$2 release source name parameters kind path file
    shift 2
    # What feeds the loop below may fail without anybody noticing.
    for file in "$@"; do [ -r "$file" ] || die "there is no list of modules $file"; done
    mkdir -p "$tree"
    release=$(kernel_release)
    source=$(unpacked kernel-modules)
    [ -e "$source/usr/lib/modules/$release/modules.dep" ] || {
        cp -a "$(unpacked kernel-base)/usr/lib/modules/$release/." "$source/usr/lib/modules/$release/"
        ln -sfn usr/lib "$source/lib"
        depmod -b "$source" "$release"
    }
    while read -r name parameters; do
        modprobe -d "$source" -S "$release" --show-depends "$name" >"$WORK/modprobe.out" 2>/dev/null ||
            die "there is no module $name in $release"
        while read -r kind path _; do
            file=$(basename "$path" .xz)
            if [ "$kind" != insmod ] || [ -n "${taken[$file]:-}" ]; then continue; fi
            taken[$file]=yes
            xz -dc "$path" >"$tree/$file"
            # Parameters are for the module itself, not for what it needs.
            [ "${file//-/_}" = "${name//-/_}.ko" ] && file+=${parameters:+ $parameters}
            printf '/lib/modules/%s\n' "$file" >>"$order"
        done <"$WORK/modprobe.out"
    done < <(sed 's/#.*//; /^ *$/d' "$@")
}

# A shell of root's on the console, for whoever holds the board; PID 1 starts it where it finds it. The test bench would read
# the same line.
debug_shell() {
    local applet
    rm -f "$TREE/usr/lib/board/bench"
    mkdir -p "$TREE/usr/lib/debug"
    cp image/debug-shell "$TREE/usr/lib/debug/shell"
    for applet in $DEBUG_APPLETS; do ln -s busybox "$TREE/usr/bin/$applet"; done
    say "DEBUG: this image has a shell without a password"
}

# Whose updates are taken: the keys in image/keys, and the one that this build signs with.
update_keys() {
    local key keys=$TREE/etc/nanogate/update-keys
    : >"$keys"
    for key in image/keys/*.key; do
        # Without any the pattern stands for itself.
        [ ! -e "$key" ] || cat "$key" >>"$keys"
    done
    [ -z "${UPDATE_KEY:-}" ] || "$SIGN_UPDATE" public "$UPDATE_KEY" >>"$keys"
    [ -s "$keys" ] || say "no key in image/keys and none given with --sign: this image takes no updates"
}

skeleton
packages
authorities
overlays
programs
update_keys
[ -z "${IMAGE_DEBUG:-}" ] || debug_shell
modules "$TREE" order image/modules "board/$BOARD/modules"
modules "$TREE" order-rules image/modules-rules
# Sticks are the rescue system's alone: their drivers cost memory, and are a way in.
rm -rf "$WORK/$BOARD/rescue-only"
modules "$WORK/$BOARD/rescue-only" order-rescue image/modules-rescue "board/$BOARD/modules-rescue"
find "$TREE" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
say "root: $(du -sm --apparent-size "$TREE" | cut -f1) MB"
