# shellcheck shell=bash
# Shared by the steps: where things are, and how they speak. Sourced; works from the top of the tree.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export LC_ALL=C TZ=UTC
umask 022

# shellcheck source=image/meta
source image/meta
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# Every time stamp in the image is that of the commit it was built from.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 1767225600)}
# A debug image has another name from end to end, so that nothing that looks for a release finds it.
[ -z "${IMAGE_DEBUG:-}" ] || NAME=$NAME-debug
export SOURCE_DATE_EPOCH VERSION NAME
export TOP=$PWD
readonly WORK=$PWD/out/image
# Makes signed images; it runs here.
export SIGN_UPDATE=$PWD/out/sign-update

say() { printf '\033[1m>>\033[0m %s\n' "$*" >&2; }
die() {
    printf 'image: %s\n' "$*" >&2
    exit 1
}

# recipe NAME: its variables package, from and files.
recipe() {
    export package='' from='' files=''
    # shellcheck source=/dev/null
    source "image/recipes/$1.recipe"
}

recipes() { find image/recipes -name '*.recipe' -printf '%f\n' | sed 's/\.recipe$//' | sort; }

# locked NAME COLUMN: what the lock in force says of a recipe; columns: recipe package version sha256.
locked() { awk -v name="$1" -v column="$2" '$1 == name { print $column }' "$WORK/lock"; }

# unpacked NAME: the folder with a recipe's package, unpacked.
unpacked() { printf '%s/unpacked/%s' "$WORK" "$(locked "$1" 4)"; }

kernel_release() { locked kernel 2 | sed 's/^linux-binary-//'; }
