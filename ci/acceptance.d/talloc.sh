# talloc: waf configures it by starting programs, some for their output, some with a library of the tree; its tests have
# threads, handlers of aborts, and a shell script that starts one program twice. Configured with the line that `hook waf`
# prints, tested with the one that it names.
targets=(aarch64-unknown-linux-gnu s390x-unknown-linux-gnu riscv64gc-unknown-linux-gnu)
"$TRIPLECHECK" setup --yes "${targets[@]}"
source "$CI_DIR/acceptance-samba.sh"

# check NAME WORD...: tests the tree in the current directory by make behind the words, and lists how the tests ended.
check() {
  local name=$1
  shift
  # make itself fails everywhere, for it misses the Python tests.
  LD_LIBRARY_PATH=$PWD/bin/shared "$@" make check >"$work/$name.check" 2>"$work/$name.errors" || true
  LD_LIBRARY_PATH=$PWD/bin/shared "$@" bin/replace_testsuite >"$work/$name.replace" ||
    echo 'failure: status' >>"$work/$name.replace"
  cat "$work/$name.check" "$work/$name.errors" "$work/$name.replace"
  sed -nE 's/^(success|failure|error|skip): (.*)/\2\t\1/p; s/^(.*) returned ([-0-9]+)$/\1\t\2/p' \
    "$work/$name.check" "$work/$name.replace" | tr ' \t' '_ ' >"$work/$name.list"
  # The suite's own text; its threads report in any order.
  sed -n '/^test: /,/returned/p' "$work/$name.check" | without_noise | grep -vE '^ *thread:' >"$work/$name.text"
  sed -n '/^test: /,/returned/p' "$work/$name.check" | without_noise | grep -E '^ *thread:' | sort >>"$work/$name.text"
  without_noise <"$work/$name.replace" >>"$work/$name.text"
}

# How fast the suite found its allocator to be.
speed() { sed -nE 's/^talloc: +([0-9]+) ops.sec.*/\1/p' "$work/$1.check" "$work/$1.errors"; }

# The macros of the configured tree in the current directory.
macros() { sed -nE 's/^#define //p' bin/default/config.h | grep -v '^SRCDIR ' | sort; }

# The macros that may differ, and must: what the target is; what a check that starts the host's getconf says, which the
# hook refuses; and libcrypt, which the cross C library comes without.
declare -A differing=(
  [all]='SYSTEM_UNAME_MACHINE WORKING_GETCONF_LFS_CFLAGS HAVE_CRYPT HAVE_CRYPT_R HAVE_CRYPT_RN HAVE_LIBCRYPT'
  [s390x-unknown-linux-gnu]='HAVE_BIG_ENDIAN HAVE_LITTLE_ENDIAN WORDS_BIGENDIAN'
)

# same_macros TARGET WHAT NAME: the configuration of the tree called NAME differs from the native one as it should.
same_macros() {
  diff "$work/native.macros" "$work/$3.macros" >"$work/$3.differing" || true
  sed -nE 's/^[<>] ([A-Z_a-z0-9]+).*/\1/p' "$work/$3.differing" | sort -u >"$work/$3.names"
  tr ' ' '\n' <<<"${differing[all]} ${differing[$1]-}" | grep . | sort >"$work/$3.expected"
  same_text "$1" "$2" "$work/$3.expected" "$work/$3.names" "of $(wc -l <"$work/native.macros"), as they must: $(wc -l <"$work/$3.names")"
}

# Why the hook did not start programs, of a ledger.
refusals() { sed -nE 's/.*"verdict":"infrastructure".*"reason":"([^"]*)".*/\1/p' "$1" | sort -u; }

cd "$(tree talloc native)"
./configure "${configure_options[@]}"
make
check native
macros >"$work/native.macros"
# The host's own answers, for comparison with a target's.
cd "$(tree talloc native-answers)"
configure "$(host)" --answers "$work/native.answers"

for target in "${targets[@]}"; do
  cd "$(tree talloc "$target")"
  TRIPLECHECK_LEDGER=$work/$target.ledger configure "$target"
  # The check that starts the host's getconf is the only one that the hook does not answer.
  if refusals "$work/$target.ledger" | grep -v '/getconf`: the file is '; then
    row "$target" 'talloc, the ledger' 0 1 ' refusals, see the log'
  fi
  make
  macros >"$work/$target.macros"
  check "$target" "$TRIPLECHECK" wrap -t "$target" --
  same_macros "$target" 'talloc, differing macros' "$target"
  compare "$target" 'talloc, wrap make check' "$work/native.list" "$work/$target.list"
  same_text "$target" 'talloc, what it prints' "$work/native.text" "$work/$target.text" \
    "$(speed "$target") ops/s, natively $(speed native)"
done

# With answers in a file: the same configuration while the file is written, and from the file alone, without an emulator.
target=s390x-unknown-linux-gnu
cd "$(tree talloc written)"
configure "$target" --answers "$work/$target.answers"
macros >"$work/written.macros"
cd "$(tree talloc read)"
edit="s/ --cross-execute='[^']*'//" configure "$target" --answers "$work/$target.answers"
macros >"$work/read.macros"
for step in written read; do
  same_text "$target" "talloc, answers $step" "$work/$target.macros" "$work/$step.macros"
done
# They differ from the host's in the name of the machine, and in the getconf that the hook refuses.
"$TRIPLECHECK" hook compare-answers "$work/native.answers" "$work/$target.answers" >"$work/disagreements" || true
cat "$work/$target.answers" "$work/disagreements"
grep -v '^ ' "$work/disagreements" >"$work/disagreeing"
printf 'Checking %s\n' 'uname machine type' 'getconf LFS_CFLAGS' 'getconf large file support flags work' >"$work/expected"
same_text "$target" 'talloc, answers and native' "$work/expected" "$work/disagreeing" \
  "of $(wc -l <"$work/native.answers"), as they must: $(wc -l <"$work/disagreeing")"

# outcome WHAT EXPECTED FOUND: of something that must go wrong in one way.
outcome() {
  printf '%s\n' "$2" >"$work/expected"
  printf '%s\n' "$3" >"$work/found"
  same_text "$target" "$1" "$work/expected" "$work/found" "$3"
}

outcome 'talloc, our words in answers' 0 "$(grep -c triplecheck "$work/$target.answers" || true)"

# A sysroot without a C library: configuring stops, and waf's log, the ledger and `wrap` have the reason in one line.
target=aarch64-unknown-linux-gnu
mkdir -p "$work/sysroot/lib"
cp /usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1 "$work/sysroot/lib"
cd "$(tree talloc broken)"
status=0
edit="s|exec -t|exec --sysroot $work/sysroot --ledger $work/broken.ledger -t|" configure "$target" || status=$?
reason="the library \`libc.so.6\` is not in the sysroot \`$work/sysroot\`"
outcome 'talloc, broken: status' 1 "$status"
outcome 'talloc, broken: log' "$reason" "$(grep -oF "$reason" bin/config.log | sort -u)"
outcome 'talloc, broken: ledger' "$reason" "$(refusals "$work/broken.ledger" | sed 's/^[^:]*: //' | sort -u)"

# A hook that says yes to everything: waf is content, `wrap` is not.
cd "$(tree talloc yes)"
edit="s|--cross-execute=.*|--cross-execute=true|" configure "$target"
status=0
"$TRIPLECHECK" wrap -t "$target" -- sh configure.sh || status=$?
outcome 'talloc, --cross-execute=true' 69 "$status"
