# serd, an RDF parser: nearly half of its Meson tests must fail, so that a hook that fails by itself would pass them;
# and test scripts that take the hook as a string.
packages meson ninja-build python3 pkg-config gcc libc6-dev
targets=(aarch64-unknown-linux-gnu s390x-unknown-linux-gnu)
"$TRIPLECHECK" setup --yes "${targets[@]}"
source=$(debian_source serd)

# Meson's own record of how the tests of build directory $1 ended.
results() {
  python3 -c '
import json, sys
for line in open(sys.argv[1] + "/meson-logs/testlog.json"):
    test = json.loads(line)
    print(test["name"].replace(" ", "_"), test["result"])
' "$1"
}

options=(--buildtype=debugoptimized -Ddocs=disabled)
meson setup native "$source" "${options[@]}"
meson test -C native || true
results native >native.list

"$TRIPLECHECK" hook link links "${targets[@]}"
for target in "${targets[@]}"; do
  "$TRIPLECHECK" hook meson "$target" >"$target.cross"
  # The word by which serd's test scripts start the parser.
  printf '[properties]\nexe_wrapper = %s\n' "'$PWD/links/$target-exec'" >"$target.scripts"
  meson setup "$target" "$source" "${options[@]}" --cross-file "$target.cross" --cross-file "$target.scripts"
  meson test -C "$target" || true
  results "$target" >"$target.list"
  compare "$target" serd native.list "$target.list"
done
