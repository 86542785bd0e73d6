# os_pipe, a crate whose tests pass pipes to other processes: by cargo test and by nextest, with the runner as cargo's
# configuration has it.
targets=(aarch64-unknown-linux-gnu riscv64gc-unknown-linux-gnu)
"$TRIPLECHECK" setup --yes "${targets[@]}"
if ! cargo nextest --version; then
  # Not among Debian's packages.
  CARGO_TARGET_DIR=nextest-target cargo install --locked --root tools cargo-nextest
  PATH=$PWD/tools/bin:$PATH
fi

# As published, its tests included.
mkdir -p fetch/src
: >fetch/src/lib.rs
printf '[package]\nname = "fetch"\n\n[dependencies]\nos_pipe = "=1.2.3"\n\n[workspace]\n' >fetch/Cargo.toml
cargo vendor --quiet --manifest-path fetch/Cargo.toml vendor
cd vendor/os_pipe
printf '\n[workspace]\n' >>Cargo.toml
# Its tests look for the programs that they start where cargo puts them by itself.
unset CARGO_TARGET_DIR

# libtest's words for how tests ended, without the lines that other programs print in between.
tests() { sed -nE 's/^test (.+) \.\.\. (ok|FAILED|ignored).*/\1 \2/p' "$1" | tr -s ' '; }
# nextest's, up to the summary, which repeats the failures.
nextest() { sed -nE '/Summary/q; s/^ *(PASS|FAIL|SIG[A-Z]+|LEAK|TIMEOUT) +\[[^]]*\] +(\([^)]*\) +)?(.*)/\3 \1/p' "$1"; }

cargo test >native.test || true
cargo nextest run --no-fail-fast --status-level all 2>native.nextest || true
tests native.test >native.test.list
nextest native.nextest >native.nextest.list
mkdir .cargo
for target in "${targets[@]}"; do
  "$TRIPLECHECK" hook cargo "$target" >>.cargo/config.toml
done
for target in "${targets[@]}"; do
  cargo test --target "$target" >"$target.test" || true
  cargo nextest run --no-fail-fast --status-level all --target "$target" 2>"$target.nextest" || true
  cat "$target.test" "$target.nextest"
  tests "$target.test" >"$target.test.list"
  nextest "$target.nextest" >"$target.nextest.list"
  compare "$target" 'os_pipe, cargo test' native.test.list "$target.test.list"
  compare "$target" 'os_pipe, cargo nextest' native.nextest.list "$target.nextest.list"
done
