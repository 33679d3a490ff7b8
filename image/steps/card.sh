#!/usr/bin/env bash
# image/steps/card.sh BOARD: the card, out/nanogate-BOARD-VERSION.img.xz with its .sha256.
# shellcheck source=image/steps/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
readonly BOARD=$1
readonly OUT=$WORK/$BOARD
readonly IMAGE=out/$NAME-$BOARD-$VERSION.img

boot() {
    rm -rf "${OUT:?}/boot" "$OUT/boot.vfat"
    mkdir -p "$OUT/boot"
    # One sector, so that a commit replaces it in one write.
    { cat image/autoboot.txt && head -c 512 /dev/zero | tr '\0' '\n'; } | head -c 512 >"$OUT/boot/autoboot.txt"
    cp image/boot-README.txt "$OUT/boot/README.txt"
    find "$OUT/boot" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    mkfs.vfat --invariant -F 16 -i 4e47424f -n NANOGATE -C "$OUT/boot.vfat" "$((BOOT_MIB * 1024))" >/dev/null
    mcopy -m -i "$OUT/boot.vfat" "$OUT/boot"/* ::/
}

boot
rm -rf "$OUT/genimage"
mkdir -p "$OUT/genimage"
sed "s/@BOOT@/$BOOT_MIB/; s/@SLOT@/$SLOT_MIB/; s/@RESCUE@/$RESCUE_MIB/; s/@DATA@/$DATA_MIB/" image/card.cfg >"$OUT/genimage/card.cfg"
genimage --config "$OUT/genimage/card.cfg" --inputpath "$OUT" --outputpath "$OUT" --rootpath "$OUT/boot" \
    --tmppath "$OUT/genimage/tmp" >"$OUT/genimage/log" 2>&1 || {
    tail -n 20 "$OUT/genimage/log" >&2
    die "genimage failed"
}
image/steps/first_sector.py "$OUT/card.img"
mv "$OUT/card.img" "$IMAGE"
image/steps/sbom.py "$BOARD" "${IMAGE%.img}.cdx.json"
say "card: $IMAGE, bill of materials ${IMAGE%.img}.cdx.json"
