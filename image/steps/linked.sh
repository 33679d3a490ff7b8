#!/usr/bin/env bash
# image/steps/linked.sh [--update-lock] [--allow-drift]
# Holds what the cross compiler of this machine puts into our programs against image/linked: its C library's own objects and,
# in the rescue program, all of that library. The compiler itself is a tool, as Rust's is, and is not pinned.
# shellcheck source=image/steps/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
readonly LINKED=image/linked
readonly PARTS="crt1.o Scrt1.o rcrt1.o crti.o crtn.o crtbegin.o crtbeginS.o crtbeginT.o crtend.o crtendS.o
libc.a libc_nonshared.a libgcc.a libgcc_eh.a"

# What there is: file, sha256, package and version it is from.
present() {
    local part file package
    for part in $PARTS; do
        file=$(realpath "$(aarch64-linux-gnu-gcc "-print-file-name=$part")")
        package=$(dpkg-query -S "$file" | cut -d: -f1)
        printf '%s %s %s\n' "$part" "$(sha256sum <"$file" | cut -d' ' -f1)" \
            "$(dpkg-query -W -f '${Package} ${Version}' "$package")"
    done
}

main() {
    local here
    here=$(present)
    ! diff -q <(grep -v '^#' "$LINKED") <(printf '%s\n' "$here") >/dev/null || return 0
    if [[ " $* " == *" --update-lock "* ]]; then
        { grep '^#' "$LINKED" && printf '%s\n' "$here"; } >"$LINKED.new"
        mv "$LINKED.new" "$LINKED"
        say "$LINKED: $(wc -l <<<"$here") files; git diff $LINKED shows what has changed"
    elif [[ " $* " == *" --allow-drift "* ]]; then
        say "DRIFT: what this machine's cross compiler links in is not what $LINKED pins"
    else
        diff <(grep -v '^#' "$LINKED") <(printf '%s\n' "$here") >&2 ||
            die "what this machine's cross compiler links in is not what $LINKED pins: --update-lock pins it, --allow-drift takes it this once"
    fi
}

main "$@"
