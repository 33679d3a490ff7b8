#!/usr/bin/env bash
# image/steps/update.sh BOARD: the signed update, out/nanogate-BOARD-VERSION.update: what a slot holds, for the rescue system
# (from a stick or a web server) and for whatever brings updates later. UPDATE_KEY names the private key.
# shellcheck source=image/steps/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
readonly BOARD=$1
readonly UPDATE=out/$NAME-$BOARD-$VERSION.update

[ -z "${IMAGE_DEBUG:-}" ] || die "a debug image is never signed"
"$SIGN_UPDATE" make "$UPDATE_KEY" "$BOARD" "$VERSION" "$SOURCE_DATE_EPOCH" "$WORK/$BOARD/slot.vfat" "$UPDATE"
say "$UPDATE: $(du -m --apparent-size "$UPDATE" | cut -f1) MB, signed"
