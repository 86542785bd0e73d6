# tdb, whose tests fork, lock and map files, and kill what they started. Under QEMU some of them pass without having
# tested anything, since it does not do robust mutexes; their status does not tell, what they print does.
targets=(aarch64-unknown-linux-gnu s390x-unknown-linux-gnu)
"$TRIPLECHECK" setup --yes "${targets[@]}"
source "$CI_DIR/acceptance-samba.sh"

# Tests that ask for robust mutexes, which they do not get under QEMU, and go without in whole or in part.
vacuous=(tdb1-run-allrecord-traverse-deadlock tdb1-run-marklock-deadlock tdb1-run-mutex-allrecord-bench
  tdb1-run-mutex-allrecord-block tdb1-run-mutex-allrecord-trylock tdb1-run-mutex-die tdb1-run-mutex-openflags2
  tdb1-run-mutex-transaction1 tdb1-run-mutex-trylock tdb1-run-mutex1)
# What is printed depends on the byte order: this one summarises how keys were spread by their hashes.
declare -A differing=([s390x-unknown-linux-gnu]=tdb1-run-summary)

# check NAME WORD...: tests the tree in the current directory behind the words: by make, for the results that it tells,
# and each unit test by itself, for its status and a sum of what it prints. Of that the order is left out, and the dots
# of progress: several processes print at once.
check() {
  local name=$1 test
  shift
  export LD_LIBRARY_PATH=$PWD/bin/shared
  # make itself fails everywhere, for it misses the Python tests.
  "$@" make check >"$work/$name.check" 2>&1 || true
  cat "$work/$name.check"
  sed -nE 's/^(success|failure): (.*)/\2\t\1/p; s/^(\.\.\..*)/\1\tstarted/p; s/^(.*) (returned|failed):? ?([-0-9]*)$/\1\t\2\3/p' \
    "$work/$name.check" | tr ' \t' '_ ' >"$work/$name.list"
  mkdir "$work/$name.tests" "$work/$name.ends"
  # One call of wrap for all, as make's is.
  "$@" sh -c '
    cd bin/st/tdb-tests
    for test in ../../tdb1-*; do
      status=0
      $test >"$1/${test##*/}" 2>&1 || status=$?
      echo $status >"$2/${test##*/}"
    done' - "$work/$name.tests" "$work/$name.ends"
  for test in "$work/$name.tests"/*; do
    test=${test##*/}
    printf '%s %s\n' "$test" "$(cat "$work/$name.ends/$test")"
  done >"$work/$name.statuses"
  for test in "$work/$name.tests"/*; do
    printf '%s %s\n' "${test##*/}" "$(without_noise <"$test" | tr -d . | sort | cksum | tr ' ' -)"
  done >"$work/$name.texts"
  unset LD_LIBRARY_PATH
}

cd "$(tree tdb native)"
./configure "${configure_options[@]}"
make
check native
for target in "${targets[@]}"; do
  cd "$(tree tdb "$target")"
  configure "$target"
  make
  check "$target" "$TRIPLECHECK" wrap -t "$target" --
  compare "$target" 'tdb, wrap make check' "$work/native.list" "$work/$target.list"
  compare "$target" 'tdb, unit tests' "$work/native.statuses" "$work/$target.statuses"
  diff -r "$work/native.tests" "$work/$target.tests" || true
  printf '%s\n' "${vacuous[@]}" | sort >"$work/expected"
  (cd "$work/$target.tests" && grep -l 'No robust mutex support' -- * | sort) >"$work/$target.vacuous"
  same_text "$target" 'tdb, passes without testing' "$work/expected" "$work/$target.vacuous" \
    "$(wc -l <"$work/$target.vacuous") of them, for want of robust mutexes"
  for name in native "$target"; do
    grep -vwFf "$work/$target.vacuous" "$work/$name.texts" >"$work/$name.printed"
  done
  compare "$target" 'tdb, what the others print' "$work/native.printed" "$work/$target.printed" ${differing[$target]-}
done
