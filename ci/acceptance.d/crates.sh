# Published crates, as crates.io has them, each tested by one command: old versions with a fault on big-endian or 32-bit
# machines, of which the test that shows it must be named, and today's versions of sound ones, in which nothing may be
# found. Their own dependencies are today's.
big=s390x-unknown-linux-gnu narrow=i686-unknown-linux-gnu
all=(aarch64-unknown-linux-gnu armv7-unknown-linux-gnueabihf "$narrow" "$big" riscv64gc-unknown-linux-gnu
  x86_64-pc-windows-gnu)
"$TRIPLECHECK" setup --yes "${all[@]}"

# published NAME VERSION: unpacks a crate into NAME-VERSION, a workspace of its own.
published() {
  mkdir -p "fetch-$1/src"
  : >"fetch-$1/src/lib.rs"
  printf '[package]\nname = "fetch"\n\n[dependencies]\n%s = "=%s"\n\n[workspace]\n' "$1" "$2" >"fetch-$1/Cargo.toml"
  cargo vendor --quiet --versioned-dirs --manifest-path "fetch-$1/Cargo.toml" "fetch-$1/vendor"
  mv "fetch-$1/vendor/$1-$2" .
  rm -rf "fetch-$1" "$1-$2/Cargo.lock" "$1-$2/.cargo-checksum.json"
  printf '\n[workspace]\n' >>"$1-$2/Cargo.toml"
}

# found DIR: the tests in which the only run of a crate finds something, one a line, with the verdict before it.
found() {
  sed -nE 's/^\{"event":"cell",.*"case":"([^"]+)",.*"verdict":"(differs|cross-fail|fails-natively|timeout|emulator-fault|inconclusive|flaky)",.*/\2 \1/p' \
    "$1"/target/triplecheck/runs/*/events.jsonl | sort -u
}

# faulty NAME VERSION TARGET TEST...: exactly these tests fail on the target alone.
faulty() {
  local name=$1 version=$2 target=$3 status=0 missed wrong
  shift 3
  published "$name" "$version"
  (cd "$name-$version" && "$TRIPLECHECK" run -t "$target") >"$name.report" || status=$?
  cat "$name.report"
  missed=$(comm -13 <(found "$name-$version") <(printf 'cross-fail %s\n' "$@" | sort) | cut -d ' ' -f 2 | paste -sd ' ')
  wrong=$(comm -23 <(found "$name-$version") <(printf 'cross-fail %s\n' "$@" | sort) | paste -sd ' ')
  [ $status = 1 ] || wrong="$wrong status $status"
  row "$target" "$name $version" $(($# - $(wc -w <<<"$missed"))) $# "${missed:+ missed $missed}${wrong:+ also $wrong}" 'fault found'
  rm -rf "$name-$version/target"
}

# sound NAME VERSION [WORD...]: nothing is found on any target.
sound() {
  local name=$1 version=$2 status=0 counts cells good short=''
  shift 2
  published "$name" "$version"
  (cd "$name-$version" && "$TRIPLECHECK" run "${all[@]/#/--target=}" "$@") >"$name.report" || status=$?
  cat "$name.report"
  counts=$(grep 'cells\? compared with native' "$name.report" || true)
  cells=$(sed -nE 's/.* · ([0-9]+) cells? compared .*/\1/p' <<<"$counts")
  good=$(grep -oE '[0-9]+ (same|equivalent)' <<<"$counts" | awk '{ sum += $1 } END { print sum + 0 }')
  [ $status = 0 ] || short=" status $status: $(found "$name-$version" | paste -sd ' ' | cut -c 1-80)"
  row 'all six' "$name $version" "$good" "${cells:-0}" "$short" "${*:+with $*}"
  rm -rf "$name-$version/target"
}

faulty crc32fast 1.1.0 "$big" baseline::test::fast_16_is_the_same_as_slow test::combine
faulty integer-encoding 3.0.3 "$big" fixed_tests::tests::test_{i16_enc,i32_enc,i32_enc_light,u16_enc,u32_enc}
faulty arbitrary 0.2.0 "$narrow" test::ring_buffer_container_size
faulty yasna 0.5.2 "$narrow" reader::tests::test_ber_read_overflow
faulty arrayvec 0.7.7 "$narrow" tests::deny_max_capacity_arrayvec_value{,_const}

sound byteorder 1.5.0
sound bytes 1.12.2
sound itoa 1.0.19
sound ryu 1.0.23
sound smallvec 1.16.6
sound indexmap 2.14.2
sound libm 0.2.16
sound num-bigint 0.5.1
sound siphasher 1.0.4
sound sha2 0.11.1
