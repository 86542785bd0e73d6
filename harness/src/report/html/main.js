// What the page does: filters, tabs, keys, the theme, and an address that leads to what is shown.

const TABS = ["findings", "cells", "durations", "not-run"];
const builders = { findings: () => list.build(), cells: () => grid.build(), durations: buildDurations, "not-run": buildNotRun };
let tab = findings.length > 0 ? "findings" : "cells";

function show() {
  for (const name of TABS) {
    const selected = name === tab;
    byId(`tab-${name}`).setAttribute("aria-selected", selected);
    byId(`tab-${name}`).tabIndex = selected ? 0 : -1;
    byId(`panel-${name}`).hidden = !selected;
  }
  const shown = builders[tab]();
  const all = { findings: findings.length, cells: rows.length, durations: shown, "not-run": data.notRun.length }[tab];
  const what = { findings: "findings", cells: "cases", durations: "cells", "not-run": "reasons" }[tab];
  byId("shown").textContent = shown === all ? `${all} ${what}` : `${shown} of ${all} ${what}`;
  byId("clear").hidden = !isFiltering() && filter.text === "";
  for (const chip of document.querySelectorAll("button.chip")) {
    chip.setAttribute("aria-pressed", chip.dataset.verdict === filter.verdict);
  }
  for (const name of ["target", "verdict", "cause"]) byId(`filter-${name}`).value = filter[name];
  if (byId("search").value !== filter.text) byId("search").value = filter.text;
  remember();
}

function set(changes, where) {
  Object.assign(filter, changes);
  if (where) tab = where;
  show();
}

// The address holds what is shown, so that it can be sent to somebody.
function remember() {
  const parts = new URLSearchParams({ tab });
  for (const [name, value] of Object.entries(filter)) if (value !== "") parts.set(name, value);
  if (detail.cell) parts.set("cell", `${detail.cell.row.index}.${detail.cell.target}`);
  try {
    history.replaceState(null, "", `#${parts}`);
  } catch {
    // In a frame without an origin there is no history, and nothing is lost.
  }
}

function recall() {
  const parts = new URLSearchParams(location.hash.slice(1));
  if (TABS.includes(parts.get("tab"))) tab = parts.get("tab");
  for (const name of Object.keys(filter)) filter[name] = parts.get(name) ?? "";
  const known = (name, values) => (values.includes(filter[name]) ? "" : (filter[name] = ""));
  known("target", ["", ...targets.map((target) => target.name)]);
  known("verdict", ["", "findings", ...verdicts.map((verdict) => verdict.name)]);
  known("cause", ["", ...data.causes]);
  const [row, target] = (parts.get("cell") ?? "").split(".").map(Number);
  show();
  const cell = rows[row]?.cells[target];
  if (!cell) return;
  if (tab === "cells") grid.go(grid.lines.indexOf(cell.row), grid.columns.indexOf(cell.target));
  detail.open(cell);
}

function options(id, all, entries) {
  const option = (value, text) => make("option", { value }, text);
  byId(id).append(option("", all), ...entries.map(([value, text]) => option(value, text)));
  byId(id).addEventListener("change", (event) => set({ [id.slice("filter-".length)]: event.target.value }));
}

function prepare() {
  const count = (of) => rows.reduce((sum, row) => sum + row.cells.reduce((own, cell) => own + (cell && of(cell) ? 1 : 0), 0), 0);
  options("filter-target", "all targets", targets.map((target) => [target.name, target.name]));
  options("filter-verdict", "all verdicts", [
    ["findings", "findings only"],
    ...verdicts.map((verdict) => [verdict.name, `${verdict.name} (${count((cell) => cell.verdict === verdict)})`]),
  ]);
  const byCause = new Array(data.causes.length).fill(0);
  for (const row of rows) for (const cell of row.cells) if (cell?.cause !== undefined) byCause[cell.cause]++;
  options("filter-cause", "all causes", data.causes.map((cause, index) => [cause, `${cause.length > 90 ? `${cause.slice(0, 90)}…` : cause} (${byCause[index]})`]));
  byId("search").addEventListener("input", (event) => set({ text: event.target.value }));
  byId("clear").addEventListener("click", () => set({ text: "", target: "", verdict: "", cause: "" }));
  for (const name of TABS) byId(`tab-${name}`).addEventListener("click", () => { tab = name; show(); });
  for (const chip of document.querySelectorAll("button.chip")) {
    chip.disabled = false;
    chip.addEventListener("click", () => set({ verdict: filter.verdict === chip.dataset.verdict ? "" : chip.dataset.verdict }, "cells"));
  }
  for (const square of document.querySelectorAll("td[data-target]")) {
    const go = () => set({ text: `${square.dataset.suite}::`, target: square.dataset.target, verdict: "", cause: "" }, "cells");
    square.classList.add("go");
    square.tabIndex = 0;
    square.setAttribute("role", "link");
    square.addEventListener("click", go);
    square.addEventListener("keydown", (event) => event.key === "Enter" && go());
  }
  let drawing = false;
  grid.scroller.addEventListener("scroll", () => {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => { drawing = false; grid.draw(); });
  }, { passive: true });
  addEventListener("resize", () => tab === "cells" && grid.draw());
  new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && list.more(), { rootMargin: "800px" }).observe(byId("findings-more"));
  addEventListener("beforeprint", () => { list.build(); list.more(findings.length); buildNotRun(); });
  byId("theme").addEventListener("click", turnTheme);
  byId("keys").addEventListener("click", () => byId("help").showModal());
}

function turnTheme() {
  const dark = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  document.documentElement.dataset.theme = dark === "dark" ? "light" : "dark";
  try {
    localStorage.setItem("triplecheck-theme", document.documentElement.dataset.theme);
  } catch {
    // Where nothing may be stored, the theme lasts as long as the page.
  }
}

function onKey(event) {
  const typing = event.target.matches("input, select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  if (event.key === "Escape") {
    if (typing) event.target.blur();
    else if (detail.isOpen()) detail.close();
    else if (isFiltering() || filter.text !== "") set({ text: "", target: "", verdict: "", cause: "" });
    return;
  }
  if (typing) {
    if (event.key === "ArrowDown" && event.target.id === "search" && tab === "cells") grid.scroller.focus();
    return;
  }
  const onTab = event.target.closest("[role=tab]");
  if (onTab && ["ArrowLeft", "ArrowRight"].includes(event.key)) {
    tab = TABS[(TABS.indexOf(tab) + (event.key === "ArrowRight" ? 1 : -1) + TABS.length) % TABS.length];
    show();
    byId(`tab-${tab}`).focus();
    return event.preventDefault();
  }
  // A button, a link or a row that has the focus keeps its own Enter and blank.
  const own = ["Enter", " "].includes(event.key) && event.target.closest("button, a, td[role=link], tr.go, summary");
  if (own) return;
  if (event.key === "/") byId("search").focus();
  else if (event.key === "?") byId("help").showModal();
  else if (event.key === "t") turnTheme();
  else if ("1234".includes(event.key)) { tab = TABS[Number(event.key) - 1]; show(); }
  else if (tab === "cells" && grid.key(event)) grid.scroller.focus({ preventScroll: true });
  else if (!(tab === "findings" && list.key(event))) return;
  event.preventDefault();
}

try {
  const theme = localStorage.getItem("triplecheck-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // See above.
}
prepare();
byId("tools").hidden = false;
recall();
addEventListener("keydown", onKey);
addEventListener("hashchange", recall);
document.documentElement.dataset.ready = "true";
