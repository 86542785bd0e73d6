# cmocka, a test framework that tests itself: tests that must fail, crash handlers, regular expressions on output. Its
# CTest files put the hook in front of names without a directory, which are searched for on PATH; one test they start
# without it. Under `wrap` they all start by themselves.
packages cmake make gcc libc6-dev
targets=(aarch64-unknown-linux-gnu s390x-unknown-linux-gnu)
"$TRIPLECHECK" setup --yes "${targets[@]}"
source=$(debian_source cmocka)

# build DIRECTORY OPTION...
build() {
  local directory=$1
  shift
  cmake -S "$source" -B "$directory" -DCMAKE_BUILD_TYPE=Debug -DUNIT_TESTING=ON -DWITH_STATIC_LIB=ON "$@"
  cmake --build "$directory" -j "$(nproc)"
}

# ends LIST DIRECTORY [WORD...]: how the tests of the directory ended, with ctest behind the words.
ends() {
  local list=$1 directory=$2
  shift 2
  PATH=.:$PATH "$@" ctest --test-dir "$directory" >"$list.log" || true
  cat "$list.log"
  sed -nE 's/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: ([^ ]+) [. ]*\**([A-Za-z]+).*/\1 \2/p' "$list.log" >"$list"
}

build native
ends native.list native
for target in "${targets[@]}"; do
  "$TRIPLECHECK" hook cmake "$target" --link links >"$target.toolchain"
  build "$target" "-DCMAKE_TOOLCHAIN_FILE=$PWD/$target.toolchain" "-DTARGET_SYSTEM_EMULATOR=$PWD/links/$target-exec"
  ends "$target.list" "$target"
  compare "$target" cmocka native.list "$target.list" waiter_test_wrap
  build "$target.wrapped" "-DCMAKE_TOOLCHAIN_FILE=$PWD/$target.toolchain"
  ends "$target.wrapped.list" "$target.wrapped" "$TRIPLECHECK" wrap -t "$target" --
  compare "$target" 'cmocka, wrap' native.list "$target.wrapped.list"
done
