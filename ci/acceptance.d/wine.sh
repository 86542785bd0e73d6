# cmocka for Windows: its DLL needs one of the compiler's, which only its import table tells. Tests that must fail pass
# when nothing starts, so what they print counts too. Its CTest files look for a program called wine, and name programs
# without their suffix.
packages cmake make gcc libc6-dev
target=x86_64-pc-windows-gnu
"$TRIPLECHECK" setup --yes "$target"
source=$(debian_source cmocka)

# build DIRECTORY OPTION...
build() {
  local directory=$1
  shift
  cmake -S "$source" -B "$directory" -DCMAKE_BUILD_TYPE=Debug -DUNIT_TESTING=ON -DWITH_STATIC_LIB=ON "$@"
  cmake --build "$directory" -j "$(nproc)"
}

# ends LIST DIRECTORY [WORD...]: how the tests of the directory ended, with ctest behind the words, and how many tests of
# its own each says to have run.
ends() {
  local list=$1 directory=$2
  shift 2
  PATH=.:$PATH "$@" ctest --test-dir "$directory" -V >"$list.log" || true
  cat "$list.log"
  tr -d '\r' <"$list.log" | awk '
    /^[0-9]+: \[==========\] [0-9]+ test\(s\) run/ { number = $1; sub(":", "", number); ran[number] = ran[number] "," $3 }
    match($0, /^ *[0-9]+\/[0-9]+ Test +#[0-9]+: /) {
      line = substr($0, RSTART + RLENGTH)
      number = $0; sub(/^[^#]*#/, "", number); sub(/:.*/, "", number)
      name = line; sub(/ .*/, "", name)
      sub(/^[^ ]* [. ]*\**/, "", line); sub(/[^A-Za-z].*/, "", line)
      print name, line ran[number]
    }' >"$list"
}

build native
ends native.all native
"$TRIPLECHECK" hook cmake "$target" --link links >toolchain
build windows "-DCMAKE_TOOLCHAIN_FILE=$PWD/toolchain" "-DWINE_EXECUTABLE=$PWD/links/$target-exec"
ends windows.list windows "$TRIPLECHECK" wrap -t "$target" --
# Some tests it builds for Unix only.
cut -d ' ' -f 1 windows.list | sort >names
grep -Fwf names native.all >native.list
compare "$target" "cmocka, wrap" native.list windows.list
