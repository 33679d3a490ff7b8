#!/usr/bin/env bash
# image/steps/slot.sh BOARD: what a slot holds, out/image/BOARD/slot/, and as a FAT file system, slot.vfat.
# shellcheck source=image/steps/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
readonly BOARD=$1
readonly OUT=$WORK/$BOARD
readonly SLOT=$OUT/common

# initramfs TREE FILE: one archive for one tree: names sorted, owners and inodes level, one thread.
initramfs() {
    (cd "$1" && find . -mindepth 1 -print0 | sort -z |
        cpio --null --create --format=newc --owner=+0:+0 --reproducible --quiet) | zstd -q -19 -T1 -f -o "$2"
}

kernel() {
    local from release
    release=$(kernel_release)
    from=$(unpacked kernel)/usr/lib/modules/$release/vmlinuz
    # The firmware unpacks gzip by itself; so does QEMU.
    gzip -9 -n -c "$from" >"$SLOT/kernel.img"
    cp "board/$BOARD"/{config.txt,cmdline.txt} "$SLOT/"
    [ ! -e "board/$BOARD/device-trees" ] || device_trees "$(unpacked kernel-base)/usr/lib/modules/$release/dtb"
}

# device_trees FOLDER: a line of the board's list is a tree, or a tree, an overlay for it and the tree that they make together: the
# kernel's own, which the boot loader does not look for. A newer kernel with another difference ends the build.
device_trees() {
    local tree overlay whole
    while read -r tree overlay whole; do
        cp "$1/$tree" "$SLOT/"
        [ -n "$overlay" ] || continue
        mkdir -p "$SLOT/overlays"
        dtc -q -I dts -O dtb -o "$SLOT/overlays/$overlay.dtbo" "board/$BOARD/overlays/$overlay.dts"
        fdtoverlay -i "$1/$tree" -o "$OUT/overlaid.dtb" "$SLOT/overlays/$overlay.dtbo"
        source_of "$OUT/overlaid.dtb" >"$OUT/overlaid.dts"
        source_of "$1/$whole" >"$OUT/whole.dts"
        cmp -s "$OUT/overlaid.dts" "$OUT/whole.dts" ||
            die "board/$BOARD/overlays/$overlay.dts does not make $whole of $tree"
    done <"board/$BOARD/device-trees"
}

# source_of TREE: its source, sorted.
source_of() { dtc -q -s -I dtb -O dts "$1"; }

# fat FOLDER IMAGE MIB LABEL: the same bytes for the same files.
fat() {
    local file files=()
    rm -f "$2"
    mkfs.vfat --invariant -F 32 -s 1 -i 4e475441 -n "$4" -C "$2" "$(($3 * 1024))" >/dev/null
    for file in "$1"/*; do files+=("$file"); done
    mcopy -s -m -i "$2" "${files[@]}" ::/
}

# slot NAME TREE MIB LABEL: a kernel with a tree, as a folder and as the partition's content.
slot() {
    mkdir -p "$OUT/$1"
    cp -r "$SLOT"/* "$OUT/$1/"
    initramfs "$2" "$OUT/$1/initramfs.img"
    find "$OUT/$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    fat "$OUT/$1" "$OUT/$1.vfat" "$3" "$4"
    say "$1: kernel $(du -m "$OUT/$1/kernel.img" | cut -f1) MB, initramfs $(du -m "$OUT/$1/initramfs.img" | cut -f1) MB"
}

# The rescue system is the same without the daemon and its rule set, but with a program and drivers for sticks.
rescue_tree() {
    rm -rf "$OUT/rescue-root"
    cp -a "$OUT/root" "$OUT/rescue-root"
    rm "$OUT/rescue-root/usr/bin/nanogate"
    cp -a "$OUT/rescue-only/." "$OUT/rescue-root/"
    install -m 755 out/rescue-aarch64 "$OUT/rescue-root/usr/sbin/rescue"
    find "$OUT/rescue-root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}

rm -rf "$SLOT" "$OUT/slot" "$OUT/rescue"
mkdir -p "$SLOT"
kernel
slot slot "$OUT/root" "$SLOT_MIB" SLOT
rescue_tree
slot rescue "$OUT/rescue-root" "$RESCUE_MIB" RESCUE
