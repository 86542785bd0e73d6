# Three tools as their publishers ship them, for all their Linux and Windows platforms: esbuild (Go) and lightningcss
# (Rust) from npm, ruff (Rust) from PyPI. Files that are there are compared by `run`, with prebuilt/triplecheck.toml.
packages unzip
# npm comes with some packages of node's, and is one of its own beside others.
command -v npm || packages npm
python3 -m pip --version || packages python3-pip
cp -a "$CI_DIR/acceptance.d/prebuilt/." .

# npm_package PACKAGE VERSION DIRECTORY
npm_package() {
  local archive
  archive=$(npm pack --silent "$1@$2")
  mkdir -p "tools/$3"
  tar -xzf "$archive" -C "tools/$3" --strip-components=1
  rm "$archive"
}
for platform in {linux-{arm,arm64,ia32,loong64,mips64el,ppc64,riscv64,s390x,x64},win32-{arm64,ia32,x64}}; do
  npm_package "@esbuild/$platform" 0.28.2 "esbuild-$platform"
done
for platform in linux-{x64,arm64}-{gnu,musl} linux-arm-gnueabihf win32-{x64,arm64}-msvc; do
  npm_package "lightningcss-cli-$platform" 1.33.0 "lightningcss-$platform"
done
for platform in manylinux_2_17_{x86_64,i686,aarch64,armv7l,ppc64le,s390x} manylinux_2_31_riscv64 \
  musllinux_1_2_{x86_64,aarch64,armv7l} win_amd64 win32 win_arm64; do
  python3 -m pip download --quiet --no-deps --only-binary=:all: --platform "$platform" --dest wheel ruff==0.14.0
  unzip -q -j wheel/*.whl '*/scripts/*' -d "tools/ruff-$platform"
  chmod +x "tools/ruff-$platform"/*
  rm -r wheel
done

# Everything but 32-bit Wine, for which the package system would have to take up a second architecture.
mkdir wanted
grep -v '^    "i686-pc-windows' triplecheck.toml >wanted/triplecheck.toml
# 69 says that not all can run.
"$TRIPLECHECK" setup -C wanted --yes || [ $? = 69 ]
# 1 says that there are findings, which are told below.
"$TRIPLECHECK" run --json >report.json || [ $? = 1 ]

# A row for each target and tool: what is as natively; what differs as the manifest says; what could not run, and why.
python3 - report.json >cells <<'END'
import collections, json, sys, tomllib
report = json.load(open(sys.argv[1]))
cells, reasons = collections.defaultdict(list), {}
for cell in report["cells"]:
    if cell["verdict"] != "not-run":
        cells[cell["target"], cell["suite"]].append(cell)
published = {
    (target, suite["name"]) for suite in tomllib.load(open("triplecheck.toml", "rb"))["suite"] for target in suite["path"]
}
for cell in report["not_run"]:
    reasons[cell["target"], cell["suite"]] = cell["reason"]
for target, suite in sorted((cells.keys() | reasons.keys()) & published):
    done = cells[target, suite]
    ends = [(cell["case"].split("::")[-1], cell["verdict"]) for cell in done]
    good = [name for name, verdict in ends if verdict in ("same", "equivalent")]
    expected = [name for name, verdict in ends if verdict == "expected"]
    bad = [name for name, _ in ends if name not in good + expected]
    remark = "not run: " + reasons[target, suite] if not done else ""
    if expected:
        remark = "must differ: " + " ".join(expected)
    print(target, suite, len(good), len(done) - len(expected), " ".join(bad), remark, sep="|")
END
while IFS='|' read -r target suite good all bad remark; do
  # What cannot run here is no failure of what can, but it is in the table.
  if [ "$all" = 0 ]; then not_run "$target" "$suite" "$remark"; else row "$target" "$suite" "$good" "$all" "${bad:+ $bad}" "$remark"; fi
done <cells
