#!/usr/bin/env bash
# image/steps/pack.sh BOARD: compresses the card and says its hash.
# shellcheck source=image/steps/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
readonly IMAGE=$NAME-$1-$VERSION.img

cd "$TOP/out"
# Whatever becomes of it, no hash of an earlier one lies beside it.
rm -f "$IMAGE.xz" "$IMAGE.xz.sha256"
# One thread: with more, xz cuts the stream by the number of cores. A dictionary that reaches from one slot to the next, so
# that what both hold is stored once.
xz -T1 --lzma2=preset=6,dict=128MiB -k "$IMAGE"
size=$(du -m --apparent-size "$IMAGE.xz" | cut -f1)
[ "$size" -lt 64 ] || rm "$IMAGE.xz"
[ "$size" -lt 64 ] || die "$IMAGE.xz has $size MB; what is downloaded has to stay under 64"
sha256sum "$IMAGE.xz" >"$IMAGE.xz.sha256"
say "out/$IMAGE.xz: $size MB, sha256 $(cut -c1-16 "$IMAGE.xz.sha256")…"
