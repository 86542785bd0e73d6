// The grid of cases and targets. Only rows in view have elements, so that ten thousand cells cost as little as a hundred.

const ROW_HEIGHT = 28;
const ROWS_BEYOND = 12;

const grid = {
  scroller: byId("grid"),
  body: byId("rows"),
  lines: [], // a suite's name, or a row
  columns: [],
  line: 0,
  column: 0,

  build() {
    const head = byId("grid-head");
    // Names of targets stand upright; the longest one says how high.
    const longest = Math.max(...targets.map((target) => target.name.length), 8);
    this.scroller.style.setProperty("--head", `${Math.min(300, 26 + 7.1 * longest)}px`);
    this.columns = targets.map((_, index) => index).filter((index) => filter.target === "" || targets[index].name === filter.target);
    this.scroller.style.setProperty("--targets", this.columns.length);
    head.replaceChildren(
      make("div", { role: "columnheader" }, "case"),
      ...this.columns.map((index) =>
        make("div", { class: "target", role: "columnheader", title: `${targets[index].name}, ${targets[index].how}` }, targets[index].name),
      ),
    );
    const wanted = wantedRows();
    this.lines = [];
    let suite;
    for (const row of wanted) {
      if (row.suite !== suite) this.lines.push({ suite: (suite = row.suite) });
      this.lines.push(row);
    }
    this.line = Math.min(this.line, Math.max(0, this.lines.length - 1));
    if (this.lines[this.line]?.cells === undefined) this.line = Math.min(1, this.lines.length - 1);
    this.column = Math.min(this.column, Math.max(0, this.columns.length - 1));
    this.body.style.height = `${this.lines.length * ROW_HEIGHT}px`;
    this.scroller.setAttribute("aria-rowcount", this.lines.length + 1);
    this.scroller.setAttribute("aria-colcount", this.columns.length + 1);
    byId("grid-empty").hidden = wanted.length > 0;
    this.draw();
    return wanted.length;
  },

  draw() {
    const top = Math.max(0, this.scroller.scrollTop - byId("grid-head").offsetHeight);
    const first = Math.max(0, Math.floor(top / ROW_HEIGHT) - ROWS_BEYOND);
    const count = Math.ceil(this.scroller.clientHeight / ROW_HEIGHT) + 2 * ROWS_BEYOND;
    const shown = this.lines.slice(first, first + count).map((line, index) => this.row(line, first + index));
    this.body.replaceChildren(...shown);
    for (const [index, title] of byId("grid-head").querySelectorAll(".target").entries()) {
      title.classList.toggle("here", index === this.column);
    }
  },

  row(line, index) {
    const isRow = line.cells !== undefined;
    const name = make("div", { class: "name", role: "rowheader", title: isRow ? line.name : line.suite }, isRow ? line.name : line.suite);
    const cells = isRow ? this.columns.map((target, column) => this.cell(line, target, index, column)) : [];
    const row = make("div", { class: isRow ? "row" : "row suite", role: "row", "aria-rowindex": index + 2 }, name, ...cells);
    row.style.top = `${index * ROW_HEIGHT}px`;
    return row;
  },

  cell(row, target, line, column) {
    const cell = row.cells[target];
    const here = line === this.line && column === this.column;
    if (here) this.scroller.setAttribute("aria-activedescendant", "here");
    if (!cell) return make("div", { role: "gridcell", class: here ? "cell here" : "", id: here ? "here" : undefined, "aria-colindex": column + 2, "aria-label": "not there" });
    const { verdict } = cell;
    const classes = `cell v v-${verdict.name}${verdict.finding ? " finding" : ""}${here ? " here" : ""}${wantsCell(cell) ? "" : " dim"}`;
    return make(
      "div",
      {
        class: classes, role: "gridcell", id: here ? "here" : undefined, "aria-colindex": column + 2,
        "aria-label": `${caseName(cell)} on ${targets[target].name}: ${verdict.name}`, title: `${verdict.name}\n${targets[target].name}`,
        onclick: () => { this.go(line, column); detail.open(cell); },
      },
      verdict.symbol,
    );
  },

  here() {
    return this.lines[this.line]?.cells?.[this.columns[this.column]];
  },

  go(line, column) {
    this.line = Math.max(0, Math.min(line, this.lines.length - 1));
    this.column = Math.max(0, Math.min(column, this.columns.length - 1));
    const top = this.line * ROW_HEIGHT;
    const room = this.scroller.clientHeight - byId("grid-head").offsetHeight - ROW_HEIGHT;
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    else if (top > this.scroller.scrollTop + room) this.scroller.scrollTop = top - room;
    this.draw();
    byId("here")?.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (detail.isOpen()) {
      const cell = this.here();
      if (cell) detail.open(cell);
    }
  },

  // Up and down pass over the names of suites.
  move(down, right) {
    let line = this.line + down;
    if (down !== 0 && this.lines[line]?.cells === undefined) line += Math.sign(down);
    if (this.lines[line]?.cells === undefined) line = this.line;
    this.go(line, this.column + right);
  },

  key(event) {
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / ROW_HEIGHT) - 8);
    const moves = {
      ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1], j: [1, 0], k: [-1, 0], l: [0, 1], h: [0, -1],
      PageDown: [page, 0], PageUp: [-page, 0],
    };
    const move = moves[event.key];
    if (move) this.move(...move);
    else if (event.key === "Home") this.go(1, event.ctrlKey ? 0 : this.column);
    else if (event.key === "End") this.go(this.lines.length - 1, this.column);
    else if (event.key === "n" || event.key === "p") this.finding(event.key === "n" ? 1 : -1);
    else if (event.key === "Enter" || event.key === " ") this.here() && detail.open(this.here());
    else return false;
    return true;
  },

  // The next cell with a finding, row by row.
  finding(step) {
    const width = this.columns.length;
    const all = this.lines.length * width;
    let place = this.line * width + this.column;
    for (let tried = 0; tried < all; tried++) {
      place = (place + step + all) % all;
      const cell = this.lines[Math.floor(place / width)].cells?.[this.columns[place % width]];
      if (cell?.verdict.finding && wantsCell(cell)) return this.go(Math.floor(place / width), place % width);
    }
  },
};
