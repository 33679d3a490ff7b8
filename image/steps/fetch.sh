#!/usr/bin/env bash
# image/steps/fetch.sh [--update-lock] [--allow-drift] [--link]
# Brings the packages of image/recipes/ into out/image, each checked against the sha256 in image/lock. apt fetches them
# in a root of its own, so that the archive's Release files are verified with Debian's keyring and nothing on this machine
# changes.
#
# A version that has left the archive is looked for in the distribution's snapshot archive; then --allow-drift takes the
# suite's present version instead, still under the signed Release file, and says so.
#
# --link brings only what our programs are linked against, and makes it ready for the linker in out/aarch64.
# shellcheck source=image/steps/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg LOCK=image/lock
readonly LINKED="libmnl libnftnl"
readonly DEFAULT_ARCHIVE=http://deb.debian.org/debian

# The Debian archive that this machine uses, if it is a Debian machine.
archive() {
    local found
    found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        grep -Eo '^(deb|URIs:).*' | grep -Eo 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ') || found=
    found=${found%/}
    printf '%s' "${found:-$DEFAULT_ARCHIVE}"
}

# apt_root NAME SOURCE…: an apt that knows only these sources, each "URI suite"; refreshed when the lists are missing.
apt_root() {
    local root=$WORK/apt/$1 source uri suite options=
    shift
    mkdir -p "$root/lists/partial" "$root/cache/archives/partial" "$root/sources"
    for source in "$@"; do
        read -r uri suite options <<<"$source"
        printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nArchitectures: arm64\nSigned-By: %s\n%s\n' \
            "$uri" "$suite" "$KEYRING" "$options" >"$root/sources/${suite//\//-}.sources"
    done
}

# in_root NAME COMMAND…: apt-get or apt-cache in that root.
in_root() {
    local root=$WORK/apt/$1 command=$2
    shift 2
    "$command" -q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$root/sources" -o "Dir::State::lists=$root/lists" \
        -o "Dir::Cache=$root/cache" -o Dir::State::status=/dev/null -o APT::Architecture=arm64 -o APT::Architectures::=arm64 \
        -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
        -o Acquire::Retries=3 -o Acquire::AllowInsecureRepositories=false -o Acquire::AllowWeakRepositories=false \
        -o Acquire::AllowDowngradeToInsecureRepositories=false -o APT::Get::AllowUnauthenticated=false "$@"
}

refreshed=''
refresh() {
    local base
    [ -z "$refreshed" ] || return 0
    refreshed=yes
    base=$(archive)
    apt_root stable "$base $STABLE" "$base-security $STABLE-security"
    apt_root unstable "$base $UNSTABLE"
    for root in stable unstable; do
        # A list that cannot be had is an error: what it would have named has not left the archive.
        in_root "$root" apt-get -o APT::Update::Error-Mode=any update >"$WORK/apt/$root.log" 2>&1 || {
            cat "$WORK/apt/$root.log" >&2
            die "the package lists of $root could not be fetched and verified"
        }
    done
}

# current NAME: "package version sha256" of what the suite of a recipe has today.
current() {
    local uri
    recipe "$1"
    if [[ $package == *'*'* ]]; then
        package=$(in_root "$from" apt-cache pkgnames "${package%%\**}" | grep -E "^${package//\*/[0-9.]+(\\+[a-z0-9]+)?}$" | sort -V | tail -n 1)
    fi
    uri=$(in_root "$from" apt-get --print-uris download "$package") || return 1
    printf '%s %s %s\n' "$package" "$(in_root "$from" apt-cache show --no-all-versions "$package" | sed -n 's/^Version: //p')" \
        "$(grep -Eo 'SHA256:[0-9a-f]{64}' <<<"$uri" | cut -d: -f2)"
}

# A lock that pins what the suites have already stays as it is, its date too.
update_lock() {
    local name line
    {
        echo "# What the image is made of: recipe, package, version, sha256. ./build.sh image --update-lock writes it."
        echo "# as of $(date -u +%Y%m%dT%H%M%SZ)"
        for name in $(recipes); do
            line=$(current "$name") || die "the suite has no package for image/recipes/$name.recipe"
            [[ $line =~ ^[^\ ]+\ [^\ ]+\ [0-9a-f]{64}$ ]] || die "apt says of $name nothing that could be pinned: $line"
            printf '%s %s\n' "$name" "$line"
        done
    } >"$LOCK.new"
    if diff -q <(grep -v '^#' "$LOCK") <(grep -v '^#' "$LOCK.new") >/dev/null; then
        rm "$LOCK.new"
        say "image/lock: $(grep -vc '^#' "$LOCK") packages, nothing has changed"
        return
    fi
    mv "$LOCK.new" "$LOCK"
    say "image/lock: $(grep -vc '^#' "$LOCK") packages; git diff image/lock shows what has changed"
}

# fetch_one ROOT PACKAGE VERSION SHA256: into out/image/debs/SHA256.deb.
fetch_one() {
    local into=$WORK/debs/$4.deb scratch=$WORK/debs/scratch
    rm -rf "$scratch"
    mkdir -p "$scratch"
    (cd "$scratch" && in_root "$1" apt-get download "$2=$3") >"$WORK/apt/download.log" 2>&1 || return 1
    printf '%s  %s\n' "$4" "$(echo "$scratch"/*.deb)" | sha256sum --quiet -c - >&2 || die "$2 $3 is not what image/lock pins"
    mv "$scratch"/*.deb "$into"
}

# The archive as it was when the lock was written.
fetch_snapshot() {
    local day
    day=$(sed -n 's/^# as of //p' "$LOCK")
    if [ ! -e "$WORK/apt/snapshot.log" ]; then
        local base=http://snapshot.debian.org/archive old=$'Check-Valid-Until: no'
        apt_root snapshot "$base/debian/$day $STABLE $old" "$base/debian-security/$day $STABLE-security $old" "$base/debian/$day $UNSTABLE $old"
        in_root snapshot timeout 60 apt-get -o Acquire::http::Timeout=10 -o Acquire::Retries=0 update >"$WORK/apt/snapshot.log" 2>&1 ||
            say "the snapshot archive of $day cannot be read; apt's words are in $WORK/apt/snapshot.log"
    fi
    fetch_one snapshot "$@"
}

main() {
    local update='' drift='' link='' wanted name package version sum missing=()
    for option in "$@"; do
        case $option in
            --update-lock) update=yes ;;
            --allow-drift) drift=yes ;;
            --link) link=yes ;;
            *) die "fetch: no option \`$option\`" ;;
        esac
    done
    mkdir -p "$WORK/debs" "$WORK/unpacked" "$WORK/apt"
    rm -f "$WORK/apt/snapshot.log"
    [ -z "$update" ] || { refresh && update_lock; }
    cp "$LOCK" "$WORK/lock"
    wanted=" $(recipes | tr '\n' ' ') "
    [ -z "$link" ] || wanted=" $LINKED "
    while read -r name package version sum; do
        [[ $wanted == *" $name "* ]] || continue
        # What lies here from before is trusted no more than what comes from the archive.
        printf '%s  %s\n' "$sum" "$WORK/debs/$sum.deb" | sha256sum --quiet -c - >/dev/null 2>&1 || missing+=("$name")
    done < <(grep -v '^#' "$LOCK")
    [ ${#missing[@]} -eq 0 ] || { say "fetching ${#missing[@]} packages" && refresh; }
    for name in "${missing[@]}"; do
        read -r _ package version sum < <(grep "^$name " "$LOCK")
        recipe_from=$(recipe "$name" && printf '%s' "$from")
        fetch_one "$recipe_from" "$package" "$version" "$sum" && continue
        say "$package $version has left the archive; asking the snapshot archive"
        fetch_snapshot "$package" "$version" "$sum" && continue
        [ -n "$drift" ] || die "$package $version is nowhere to be had: ./build.sh image --update-lock pins what the suite has now, --allow-drift takes it this once"
        read -r package version sum < <(current "$name") || die "the suite has no $name either"
        say "DRIFT: $name is $package $version, not what image/lock pins"
        fetch_one "$recipe_from" "$package" "$version" "$sum" || die "$package $version could not be fetched"
        sed -i "s|^$name .*|$name $package $version $sum|" "$WORK/lock"
    done
    # shellcheck disable=SC2086 # names, one word each
    unpack $wanted
    [ -z "$link" ] || link
}

# What the linker looks for has no number in its name.
link() {
    local name library into=out/aarch64/usr/lib/aarch64-linux-gnu
    rm -rf out/aarch64
    mkdir -p "$into"
    for name in $LINKED; do
        for library in "$(unpacked "$name")"/usr/lib/aarch64-linux-gnu/"$name".so.*; do
            cp -a "$library" "$into/"
            ln -sfn "$(basename "$library")" "$into/$name.so"
        done
    done
}

# unpack NAME…: anew each time; what was done to a tree since is nobody's.
unpack() {
    local name into
    for name in "$@"; do
        into=$(unpacked "$name")
        rm -rf "$into" "$into.new"
        dpkg-deb -x "$WORK/debs/$(locked "$name" 4).deb" "$into.new"
        mv "$into.new" "$into"
    done
}

main "$@"
