# A project of automake and libtool with a test for every result that automake knows: its programs are libtool's scripts
# around the real ones, one starts itself, and one test is a shell script.
packages make gcc libc6-dev autoconf automake libtool
targets=(aarch64-unknown-linux-gnu s390x-unknown-linux-gnu)
"$TRIPLECHECK" setup --yes "${targets[@]}"

cp -a "$CI_DIR/acceptance.d/automake" source
(cd source && autoreconf -fi)

# results LOG: automake's words for how tests ended, with the status that a program ended with.
results() { sed -nE 's/^(PASS|FAIL|XFAIL|XPASS|SKIP|ERROR): (.+)$/\2 \1/p' "$1"; }

# check DIRECTORY MACHINE [WORD...]: tests the build, by make behind the words; each must have run for the machine.
check() {
  local directory=$1 machine=$2 name
  shift 2
  EXPECTED_MACHINE=$machine "$@" make -C "$directory" -k check >"$directory.log" 2>&1 || true
  cat "$directory.log"
  results "$directory.log" | while read -r name result; do
    # The exit status as the test's own log has it.
    status=$(sed -nE 's/.*\((exit status: .*)\)$/\1/p' "$directory/${name%.test}.log" | tr ' ' '_')
    printf '%s %s%s\n' "$name" "$result" "$status"
    [ "$name" = script.test ] || grep -qx "$machine" "$directory/$name.log" || echo "$name did-not-run"
  done >"$directory.list"
}

mkdir native
(cd native && ../source/configure && make)
check native "$(uname -m)"
for target in "${targets[@]}"; do
  mkdir "$target"
  "$TRIPLECHECK" hook autotools "$target" | sed -n 's|^\./configure |../source/configure |p' >"$target.configure"
  (cd "$target" && sh "../$target.configure" && make)
  check "$target" "${target%%-*}" "$TRIPLECHECK" wrap -t "$target" --
  compare "$target" 'automake and libtool' native.list "$target.list"
done
