# cmocka, a test framework that tests itself: tests that must fail, crash handlers, regular expressions on output. Its
# CTest files put the hook in front of names without a directory, which are searched for on PATH. One test they start
# without it.
packages cmake make gcc libc6-dev
targets=(aarch64-unknown-linux-gnu s390x-unknown-linux-gnu)
"$TRIPLECHECK" setup --yes "${targets[@]}"
source=$(debian_source cmocka)

# build DIRECTORY OPTION...: how its tests ended.
build() {
  local directory=$1
  shift
  cmake -S "$source" -B "$directory" -DCMAKE_BUILD_TYPE=Debug -DUNIT_TESTING=ON -DWITH_STATIC_LIB=ON "$@"
  cmake --build "$directory" -j "$(nproc)"
  PATH=.:$PATH ctest --test-dir "$directory" >"$directory.log" || true
  cat "$directory.log"
  sed -nE 's/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: ([^ ]+) [. ]*\**([A-Za-z]+).*/\1 \2/p' "$directory.log" >"$directory.list"
}

build native
for target in "${targets[@]}"; do
  "$TRIPLECHECK" hook cmake "$target" --link links >"$target.toolchain"
  build "$target" "-DCMAKE_TOOLCHAIN_FILE=$PWD/$target.toolchain" "-DTARGET_SYSTEM_EMULATOR=$PWD/links/$target-exec"
  compare "$target" cmocka native.list "$target.list" waiter_test_wrap
done
