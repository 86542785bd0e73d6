# Two Go modules, of which one holds Unicode's own tests: by go test -exec, and by the link that the go command finds.
packages golang-go
targets=(aarch64-unknown-linux-gnu s390x-unknown-linux-gnu)
"$TRIPLECHECK" setup --yes "${targets[@]}"

# Every test's end from go test -json, a line each.
results() { sed -nE 's/.*"Action":"(pass|fail|skip)","Package":"([^"]*)","Test":"([^"]*)".*/\2.\3 \1/p' "$1"; }

work=$PWD
for module in google-uuid rivo-uniseg; do
  source=$(debian_source "golang-github-$module")
  cd "$source"
  go test -json ./... >"$work/native.json"
  results "$work/native.json" >"$work/native.list"
  for target in "${targets[@]}"; do
    for way in -exec link; do
      options=()
      if [ "$way" = link ]; then options=(--link "$work/links"); fi
      # As it is printed, but that the ends of tests can be read.
      "$TRIPLECHECK" hook go "$target" "${options[@]}" | sed 's/^go test /go test -json /' >"$work/$target.sh"
      sh "$work/$target.sh" >"$work/$target.json" || true
      results "$work/$target.json" >"$work/$target.list"
      compare "$target" "$module, $way" "$work/native.list" "$work/$target.list"
    done
  done
  cd "$work"
done
