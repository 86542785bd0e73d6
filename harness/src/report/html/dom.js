// Making elements. Text of guests goes in as text and by no other way: nothing here takes markup.

function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null && child !== ""));
  return element;
}

const byId = (id) => document.getElementById(id);

function dot(verdict) {
  return make("span", { class: `dot v v-${verdict.name}${verdict.finding ? " finding" : ""}`, "aria-hidden": "true" }, verdict.symbol);
}

const badge = (verdict) => make("span", { class: `badge v v-${verdict.name}` }, verdict.name);

// Texts alternate: what both sides have, what differs, what both have …
function marked(parts) {
  return parts.map((part, index) => (index % 2 === 1 ? make("mark", {}, part) : part));
}

function difference({ place, native, target, notes }) {
  const side = (title, kind, parts) =>
    make("div", { class: kind }, make("h4", {}, title), make("pre", {}, ...marked(parts)));
  return make(
    "div",
    { class: "diff" },
    make("div", { class: "place" }, [place, ...(notes ?? [])].join(", ")),
    make("div", { class: "sides" }, side("native", "native", native), side("target", "target-side", target)),
  );
}

function repeat(command) {
  const code = make("code", { tabindex: "0", "aria-label": "command that repeats it" }, command);
  const copy = make("button", { type: "button" }, "Copy");
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(command);
      copy.textContent = "Copied";
    } catch {
      // Pages from files may not write to the clipboard; what is selected can be copied by hand.
      getSelection().selectAllChildren(code);
      copy.textContent = "Selected";
    }
    setTimeout(() => (copy.textContent = "Copy"), 1500);
  });
  return make("div", { class: "repeat" }, code, copy);
}

// Two bars on one scale, whose widths only a style can say.
function pair(nativeMs, ms, most) {
  const bars = [nativeMs, ms].map((value) => {
    const bar = make("i");
    bar.style.width = `${most > 0 ? (100 * value) / most : 0}%`;
    return bar;
  });
  return make("div", { class: "pair", "aria-hidden": "true" }, ...bars);
}
