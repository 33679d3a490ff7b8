# shellcheck shell=bash
# How build.sh fuzzes. Sourced by build.sh.

fuzz_targets() { sed -n 's/^name = "\(fuzz_.*\)"/\1/p' tests/fuzz/Cargo.toml; }

# libFuzzer's own coverage flags, as cargo-fuzz passes them without a sanitizer; they work on the stable compiler.
fuzz_build() {
    need_rust
    say "building the fuzz targets"
    RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions" \
        logged fuzz-build cargo build --release --manifest-path tests/fuzz/Cargo.toml --target "$(rustc -vV | sed -n 's/^host: //p')"
}

# fuzz SECONDS: every target for that long, one on each core at a time; a crash keeps its input in tests/fuzz/artifacts/.
fuzz() {
    local seconds=$1 target host running=() passed=0 failed=0
    fuzz_build
    host=$(rustc -vV | sed -n 's/^host: //p')
    mkdir -p tests/fuzz/artifacts "$LOGS"
    # Ctrl-C ends them with us.
    trap 'kill "${running[@]%%:*}" 2>/dev/null' INT TERM
    for target in $(fuzz_targets); do
        mkdir -p "tests/fuzz/corpus/$target"
        say "fuzzing $target for $seconds s"
        "tests/fuzz/target/$host/release/$target" "tests/fuzz/corpus/$target" "tests/fuzz/seeds/$target" -max_total_time="$seconds" \
            -artifact_prefix="tests/fuzz/artifacts/$target-" -timeout=20 -rss_limit_mb=1024 -max_len=65536 >"$LOGS/$target.log" 2>&1 &
        running+=("$!:$target")
        [ "${#running[@]}" -lt "$(nproc)" ] || fuzz_reap
    done
    fuzz_reap
    printf 'fuzz: %d passed, %d failed\n' "$passed" "$failed" | tee "$LOGS/fuzz.log"
    [ "$failed" = 0 ]
}

# Waits for the targets that `fuzz` has running and counts how they ended.
fuzz_reap() {
    local target
    for target in "${running[@]}"; do
        if wait "${target%%:*}"; then
            grep '^Done ' "$LOGS/${target#*:}.log" | sed "s/^/${target#*:}: /"
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            tail -n 30 "$LOGS/${target#*:}.log" >&2
        fi
    done
    running=()
}

test_fuzz() { fuzz 10; }
