#!/usr/bin/env bash
# image/steps/slot.sh BOARD: what a slot holds, out/image/BOARD/slot/, and as a FAT file system, slot.vfat.
# shellcheck source=image/steps/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
readonly BOARD=$1
readonly OUT=$WORK/$BOARD
readonly SLOT=$OUT/slot

# One archive for one tree: names sorted, owners and inodes level, one thread.
initramfs() {
    (cd "$OUT/root" && find . -mindepth 1 -print0 | sort -z |
        cpio --null --create --format=newc --owner=+0:+0 --reproducible --quiet) | zstd -q -19 -T1 -f -o "$SLOT/initramfs.img"
}

kernel() {
    local from release
    release=$(kernel_release)
    from=$(unpacked kernel)/usr/lib/modules/$release/vmlinuz
    # The firmware unpacks gzip by itself; so does QEMU.
    gzip -9 -n -c "$from" >"$SLOT/kernel.img"
    cp "board/$BOARD"/{config.txt,cmdline.txt} "$SLOT/"
    if [ -e "board/$BOARD/device-trees" ]; then
        while read -r from; do
            cp "$(unpacked kernel-base)/usr/lib/modules/$release/dtb/$from" "$SLOT/"
        done <"board/$BOARD/device-trees"
    fi
}

# fat FOLDER IMAGE MIB LABEL: the same bytes for the same files.
fat() {
    local file files=()
    rm -f "$2"
    mkfs.vfat --invariant -F 32 -s 2 -i 4e475441 -n "$4" -C "$2" "$(($3 * 1024))" >/dev/null
    for file in "$1"/*; do files+=("$file"); done
    mcopy -m -i "$2" "${files[@]}" ::/
}

rm -rf "$SLOT"
mkdir -p "$SLOT"
kernel
initramfs
find "$SLOT" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
fat "$SLOT" "$OUT/slot.vfat" "$SLOT_MIB" SLOT
say "slot: kernel $(du -m "$SLOT/kernel.img" | cut -f1) MB, initramfs $(du -m "$SLOT/initramfs.img" | cut -f1) MB"
