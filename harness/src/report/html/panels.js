// The other panels: findings with both values, durations, what did not run; and one cell in detail.

const FINDINGS_AT_ONCE = 40;
const SLOWEST_SHOWN = 100;

const list = {
  shown: [],
  here: -1,

  build() {
    this.shown = wantedFindings();
    this.here = -1;
    byId("findings").replaceChildren();
    byId("findings-empty").hidden = this.shown.length > 0;
    byId("findings-empty").textContent = findings.length > 0 ? "No finding matches the filters." : "No findings.";
    this.more();
    return this.shown.length;
  },

  // Further findings are made when the end of those before comes into view.
  more(count = FINDINGS_AT_ONCE) {
    const made = byId("findings").childElementCount;
    byId("findings").append(...this.shown.slice(made, made + count).map((finding) => this.item(finding)));
    byId("findings-more").hidden = byId("findings").childElementCount >= this.shown.length;
  },

  item(finding) {
    const on = finding.cells.map((cell) => {
      const other = finding.case !== caseName(cell) ? `${caseName(cell)} on ` : "";
      return make("button", { type: "button", onclick: () => detail.open(cell) }, other + targets[cell.target].name);
    });
    return make(
      "article",
      { class: "card item", tabindex: "0", "aria-label": `${finding.verdict.name}: ${finding.case}`, "data-finding": finding.index },
      make("h3", {}, badge(finding.verdict), finding.case),
      finding.cause && make("p", { class: "cause" }, finding.cause),
      finding.where && make("p", { class: "where" }, finding.where),
      ...(finding.remarks ?? []).map(([name, remark]) => make("p", { class: "where" }, `${name}: ${remark}`)),
      make("div", { class: "on" }, ...on),
      finding.difference && difference(finding.difference),
      repeat(finding.repeat),
    );
  },

  go(index) {
    if (index < 0 || index >= this.shown.length) return;
    while (byId("findings").childElementCount <= index) this.more();
    this.here = index;
    const item = byId("findings").children[index];
    item.focus({ preventScroll: true });
    item.scrollIntoView({ block: "nearest" });
  },

  key(event) {
    const focused = [...byId("findings").children].indexOf(document.activeElement?.closest?.(".item"));
    const here = focused >= 0 ? focused : this.here;
    if (["j", "n", "ArrowDown"].includes(event.key)) this.go(here + 1);
    else if (["k", "p", "ArrowUp"].includes(event.key)) this.go(Math.max(0, here - 1));
    else if (event.key === "Enter" && document.activeElement?.matches?.(".item")) detail.open(this.shown[here].cells[0]);
    else return false;
    return true;
  },
};

function buildDurations() {
  const cells = wantedCells().filter((cell) => cell.ms > 0 || cell.nativeMs > 0);
  const sums = targets.map((target, index) => {
    const own = cells.filter((cell) => cell.target === index);
    const sum = (of) => own.reduce((all, cell) => all + of(cell), 0);
    return { target, count: own.length, native: sum((cell) => cell.nativeMs), ms: sum((cell) => cell.ms) };
  });
  const most = Math.max(1, ...sums.flatMap((sum) => [sum.native, sum.ms]));
  const cell = (text, kind) => make("td", { class: kind }, text);
  byId("by-target").replaceChildren(
    ...sums.filter((sum) => sum.count > 0).map((sum) =>
      make(
        "tr", {}, cell(sum.target.name), cell(sum.target.how), cell(String(sum.count), "number"), cell(duration(sum.native), "number"),
        cell(duration(sum.ms), "number"), cell(times(sum.native, sum.ms), "number"), cell(pair(sum.native, sum.ms, most)),
      ),
    ),
  );
  const slowest = [...cells].sort((a, b) => b.ms - a.ms).slice(0, SLOWEST_SHOWN);
  const longest = Math.max(1, ...slowest.flatMap((cell) => [cell.ms, cell.nativeMs]));
  byId("slowest").replaceChildren(
    ...slowest.map((one) =>
      make(
        "tr", { class: "go", tabindex: "0", onclick: () => detail.open(one), onkeydown: (event) => event.key === "Enter" && detail.open(one) },
        cell(caseName(one)), cell(targets[one.target].name), cell(duration(one.nativeMs), "number"), cell(duration(one.ms), "number"),
        cell(times(one.nativeMs, one.ms), "number"), cell(pair(one.nativeMs, one.ms, longest)),
      ),
    ),
  );
  return cells.length;
}

function buildNotRun() {
  const wanted = data.notRun.filter(
    (entry) =>
      words().every((word) => `${entry.what}\n${entry.reason}`.toLowerCase().includes(word)) &&
      (filter.target === "" || entry.targets.includes(filter.target)),
  );
  byId("not-run").replaceChildren(
    ...wanted.map((entry) =>
      make(
        "article", { class: "card item" }, make("h3", {}, badge(verdicts[entry.verdict]), entry.what), make("p", { class: "cause" }, entry.reason),
        make("p", { class: "where" }, `on ${entry.targets.join(", ")}`), entry.fix && repeat(entry.fix),
      ),
    ),
  );
  byId("not-run-empty").hidden = wanted.length > 0;
  return wanted.length;
}

const detail = {
  panel: byId("detail"),
  cell: undefined,
  opener: undefined,

  isOpen() {
    return !this.panel.hidden;
  },

  open(cell) {
    if (!this.isOpen()) this.opener = document.activeElement;
    this.cell = cell;
    const { more, verdict } = cell;
    const target = targets[cell.target];
    const close = make("button", { type: "button", class: "icon", "aria-label": "Close", onclick: () => this.close() }, "✕");
    const facts = [
      ["cause", cell.cause === undefined ? undefined : data.causes[cell.cause]], ["reason", more.reason], ["expected", more.expected],
      ["issue", more.issue], ["known", more.known?.join("\n")],
      ["by itself", more.observed === undefined ? undefined : verdicts[more.observed].name],
      ["equal after", more.rules?.map(([rule, count]) => `${rule} (${count})`).join(", ")],
      ["tries before", more.tries?.map(([tried, text]) => `${verdicts[tried].name}: ${text}`).join("\n")], ["repeated", more.repeated],
      ["left behind", more.leaked?.join(", ")], ["outputs", more.kept], ["unchanged", more.unchanged ? "since an earlier run" : undefined],
    ];
    const took = [make("dt", {}, "took"), make("dd", {}, `${duration(cell.ms)} here, ${duration(cell.nativeMs)} natively ${times(cell.nativeMs, cell.ms)}`, pair(cell.nativeMs, cell.ms, Math.max(cell.ms, cell.nativeMs)))];
    const ran = more.reason === undefined;
    this.panel.replaceChildren(
      make("header", {}, badge(verdict), close),
      make("h2", {}, caseName(cell)),
      make("p", {}, `on ${target.name}${target.how ? `, ${target.how}` : ""}`),
      ...(more.differences ?? []).map(difference),
      make("dl", {}, ...facts.filter(([, value]) => value).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]), ...(ran ? took : [])),
      ran ? repeat(repeatOf(cell)) : more.fix ? repeat(more.fix) : "",
    );
    this.panel.scrollTop = 0;
    this.panel.hidden = false;
    document.body.classList.add("with-detail");
    remember();
  },

  close() {
    this.panel.hidden = true;
    this.cell = undefined;
    document.body.classList.remove("with-detail");
    this.opener?.focus?.({ preventScroll: true });
    remember();
  },
};
