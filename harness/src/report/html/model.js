// What the page knows, unpacked once, and what is shown of it. `report/html/data.rs` writes it.

const data = JSON.parse(document.getElementById("data").textContent);
const verdicts = data.verdicts.map(([name, symbol, finding]) => ({ name, symbol, finding }));
const targets = data.targets;

// A row is a case; its cells stand by target.
const rows = data.rows.map(([suite, name, squares], index) => {
  const row = { index, suite: data.suites[suite], name, cells: new Array(targets.length) };
  for (const [target, verdict, ms, nativeMs, detail] of squares) {
    const more = detail === undefined ? {} : data.details[detail];
    row.cells[target] = { row, target, verdict: verdicts[verdict], ms, nativeMs, cause: more.cause, more };
  }
  return row;
});
for (const row of rows) row.text = `${row.suite}::${row.name}`.toLowerCase();

const findings = data.findings.map((finding, index) => {
  const cells = finding.cells.map(([row, target]) => rows[row].cells[target]);
  const text = [finding.case, finding.cause, ...cells.map((cell) => cell.row.text)].join("\n").toLowerCase();
  return { ...finding, index, cells, text, verdict: verdicts[finding.verdict] };
});

// An empty filter lets everything through; `findings` stands for all verdicts that count as one.
const filter = { text: "", target: "", verdict: "", cause: "" };

function wantsCell(cell) {
  return (
    (filter.target === "" || targets[cell.target].name === filter.target) &&
    (filter.verdict === "" ||
      (filter.verdict === "findings" ? cell.verdict.finding : cell.verdict.name === filter.verdict)) &&
    (filter.cause === "" || (cell.cause !== undefined && data.causes[cell.cause] === filter.cause))
  );
}

const isFiltering = () => filter.target !== "" || filter.verdict !== "" || filter.cause !== "";
const words = () => filter.text.toLowerCase().split(/\s+/).filter((word) => word !== "");

function wantedRows() {
  const wanted = words();
  return rows.filter(
    (row) => wanted.every((word) => row.text.includes(word)) && (!isFiltering() || row.cells.some(wantsCell)),
  );
}

function wantedFindings() {
  const wanted = words();
  return findings.filter(
    (finding) => wanted.every((word) => finding.text.includes(word)) && finding.cells.some(wantsCell),
  );
}

function wantedCells() {
  return wantedRows().flatMap((row) => row.cells.filter((cell) => cell && wantsCell(cell)));
}

const caseName = (cell) => `${cell.row.suite}::${cell.row.name}`;

function repeatOf(cell) {
  return cell.more.repeat ?? `${data.command} ${caseName(cell)} -t ${targets[cell.target].name}`;
}

function duration(ms) {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60000)} min ${Math.round((ms % 60000) / 1000)} s`;
}

const times = (nativeMs, ms) => (nativeMs > 0 ? `${(ms / nativeMs).toFixed(1)} ×` : "");
