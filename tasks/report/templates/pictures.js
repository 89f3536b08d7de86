"use strict";
// Makes pictures over dates, or over the steps of a training, answer: values under the pointer, shorter spans, lines left
// out. They are complete without.
const SVG = "http://www.w3.org/2000/svg";
const DAY_MS = 864e5;
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const SPANS = [["1m", 31], ["3m", 92], ["6m", 183], ["1y", 366], ["3y", 1097], ["5y", 1827], ["10y", 3653], ["All", Infinity]];

function made(parent, name, style, text = "") {
  const svg = parent instanceof SVGElement;
  const element = svg ? document.createElementNS(SVG, name) : document.createElement(name);
  element.setAttribute("class", style);
  element.textContent = text;
  return parent.appendChild(element);
}

function set(element, values) {
  for (const [name, value] of Object.entries(values)) element.setAttribute(name, value);
  return element;
}

function amount(value, digits) {
  const rounded = { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: "negative" };
  return value.toLocaleString("en-US", rounded).replace("-", "−");
}

const decimals = step => [0, 1, 2, 3, 4, 5].find(digits => Math.abs(step - +step.toFixed(digits)) < step * 1e-6) ?? 6;

// Round values within an axis, with their labels.
function valueMarks({ low, high, log }, count) {
  if (log) {
    for (const factors of [[1, 2, 5], [1]]) {
      const found = [];
      for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
        for (const factor of factors) found.push(factor * 10 ** power);
      const inside = found.filter(value => low <= value && value <= high);
      if (inside.length > 2 && inside.length <= 2 * count)
        return inside.map(value => [value, amount(value, decimals(value))]);
    }
  }
  // Where round values are far apart hardly one of them may lie within: then the next finer ones are marked.
  let found = [];
  for (let parts = count; parts <= 2 * count + 1 && found.length < Math.min(count, 3); parts++) {
    const power = 10 ** Math.floor(Math.log10((high - low) / parts));
    const step = [1, 2, 2.5, 5, 10].map(nice => nice * power).find(nice => nice >= (high - low) / parts * (1 - 1e-9));
    found = [];
    for (let place = Math.ceil(low / step - 1e-9); place * step <= high + step * 1e-9; place++)
      found.push([place * step, amount(place * step, decimals(step))]);
  }
  return found;
}

// Days to mark between two days, with their labels: days, months or years.
function dateMarks(first, last, count) {
  const found = [];
  if (last - first <= 45) {
    const step = [1, 2, 7, 14].find(days => (last - first) / days <= count) ?? 14;
    for (let day = first; day <= last; day += step) {
      const date = new Date(day * DAY_MS);
      found.push([day, `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`]);
    }
    return found;
  }
  const dates = [first, last].map(day => new Date(day * DAY_MS));
  const [start, stop] = dates.map(date => date.getUTCFullYear() * 12 + date.getUTCMonth());
  const step = [1, 3, 6, 12, 24, 60, 120, 240, 600, 1200].find(months => (stop - start) / months <= count) ?? 1200;
  for (let month = Math.ceil(start / step) * step; month <= stop; month += step) {
    const day = Date.UTC(Math.floor(month / 12), month % 12, 1) / DAY_MS;
    const label = step >= 12 ? `${Math.floor(month / 12)}` : `${MONTHS[month % 12]} ${Math.floor(month / 12)}`;
    if (first <= day && day <= last) found.push([day, label]);
  }
  return found;
}

// The horizontal axis of a drawing over the rows shown: pixels of days, and the row nearest to a pixel.
function across(svg, data, state) {
  const left = +svg.dataset.left, right = +svg.dataset.right;
  const first = data.days[state.first], last = data.days[state.last], room = Math.max(0.5, (last - first) * 0.01);
  const of = day => left + (day - first + room) / (last - first + 2 * room) * (right - left);
  const row = px => {
    const wanted = first - room + (px - left) / (right - left) * (last - first + 2 * room);
    let best = state.first;
    for (let at = state.first; at <= state.last; at++)
      if (Math.abs(data.days[at] - wanted) < Math.abs(data.days[best] - wanted)) best = at;
    return best;
  };
  return { of, row, left, right, first, last };
}

// The vertical axis of a plot that holds the lines shown, over the rows shown.
function upward(plot, drawn, state) {
  const top = +plot.dataset.top, bottom = +plot.dataset.bottom, water = drawn.kind === "water";
  const values = [];
  if (drawn.kind === "stack") values.push(...stacked(drawn, state).flatMap(({ sums }) => sums));
  else drawn.lines.forEach((line, index) => {
    if (!state.off.has(index)) values.push(...line.values.slice(state.first, state.last + 1));
  });
  for (const edge of drawn.band ?? []) values.push(...edge.slice(state.first, state.last + 1));
  if (drawn.level !== undefined) values.push(drawn.level);
  const known = values.filter(value => value !== null);
  let low = known.reduce((a, b) => Math.min(a, b), Infinity), high = known.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!known.length) [low, high] = [0, 1];
  const log = drawn.kind === "money" && low > 0;
  const bend = log ? Math.log10 : value => value, unbend = log ? value => 10 ** value : value => value;
  if (water) [low, high] = [0, 1.08 * Math.max(0.02, high)];
  else {
    const room = (bend(high) - bend(low)) * 0.06 || (log ? 0.001 : Math.abs(low) / 100 || 1);
    [low, high] = [unbend(bend(low) - room), unbend(bend(high) + room)];
  }
  const [from, to] = water ? [top, bottom] : [bottom, top];
  return { of: value => from + (bend(value) - bend(low)) / (bend(high) - bend(low)) * (to - from), low, high, log };
}

// The edges of stacked areas over the rows shown: what is above 0 lies on what is, what is below 0 under it. Of many
// rows those are kept that reach farthest.
function stacked(drawn, state) {
  const lines = drawn.lines.map((line, index) => (state.off.has(index) ? null : line.values)), found = [];
  const width = Math.ceil((state.last - state.first + 1) / 800);
  for (let row = state.first; row <= state.last; row++) {
    const sums = [0, 0], edges = lines.map(values => {
      const value = values?.[row] ?? 0, below = [...sums];
      sums[value < 0 ? 1 : 0] += value;
      return [below, [...sums]];
    });
    const at = Math.floor((row - state.first) / width), reach = sums[0] - sums[1];
    if (!found[at] || reach > found[at].reach) found[at] = { row, sums, edges, reach };
  }
  return found;
}

// The area of a stacked line, above 0 and below it.
function area(index, rows, x, y, data) {
  const edge = (side, outer) => rows.map(({ row, edges }) =>
    `${x.of(data.days[row]).toFixed(1)} ${y.of(edges[index][outer][side]).toFixed(1)}`);
  return [0, 1].filter(side => rows.some(({ edges }) => edges[index][0][side] !== edges[index][1][side]))
    .map(side => `M${[...edge(side, 1), ...edge(side, 0).reverse()].join("L")}Z`).join("");
}

function trace(values, state, x, y, data) {
  const points = [];
  for (let row = state.first; row <= state.last; row++)
    if (values[row] !== null) points.push(`${x.of(data.days[row]).toFixed(1)} ${y.of(values[row]).toFixed(1)}`);
  return points;
}

// Draw all plots again for the rows and lines shown.
function draw(svg, data, state) {
  const x = across(svg, data, state), ends = [x.of(x.first).toFixed(1), x.of(x.last).toFixed(1)];
  for (const axis of svg.querySelectorAll(".td-dates")) {
    axis.replaceChildren();
    const most = Math.max(2, Math.floor(svg.viewBox.baseVal.width / 110));
    const marks = data.axis ? valueMarks({ low: x.first, high: x.last }, most) : dateMarks(x.first, x.last, most);
    for (const [day, text] of marks) {
      const half = text.length * 3.6, at = x.of(day);
      set(made(axis, "line", "td-grid"), { x1: at, x2: at, y1: axis.dataset.top, y2: axis.dataset.bottom });
      const label = Math.min(Math.max(at, x.left + half - 20), x.right - half);
      set(made(axis, "text", "td-text", text), { x: label, y: +axis.dataset.bottom + 18, "text-anchor": "middle" });
    }
  }
  svg.querySelectorAll(".td-plot").forEach((plot, number) => {
    const drawn = data.plots[number], y = upward(plot, drawn, state), ticks = plot.querySelector(".td-ticks");
    const water = drawn.kind === "water", marked = water ? { low: 0, high: y.high * 100 } : y;
    ticks.replaceChildren();
    for (const [value, text] of valueMarks(marked, drawn.kind === "money" ? 5 : 3)) {
      const at = y.of(water ? value / 100 : value);
      set(made(ticks, "line", "td-grid"), { x1: x.left, x2: x.right, y1: at, y2: at });
      const label = (water && value ? "−" : "") + text + drawn.unit;
      set(made(ticks, "text", "td-text", label), { x: x.left - 8, y: at + 4, "text-anchor": "end" });
    }
    const level = plot.querySelector(".td-level");
    if (level) set(level, { y1: y.of(drawn.level), y2: y.of(drawn.level) });
    const rows = drawn.kind === "stack" && stacked(drawn, state);
    for (const path of plot.querySelectorAll("path[data-line]")) {
      if (rows) {
        path.setAttribute("d", area(+path.dataset.line, rows, x, y, data));
        continue;
      }
      const points = trace(drawn.lines[path.dataset.line].values, state, x, y, data).join("L");
      const closed = path.classList.contains("td-water");
      const floor = closed && y.of(0).toFixed(1);
      path.setAttribute("d", closed ? `M${ends[0]} ${floor}L${points}L${ends[1]} ${floor}Z` : points && `M${points}`);
    }
    const band = plot.querySelector(".td-expected");
    if (band) {
      const [low, high] = drawn.band.map(edge => trace(edge, state, x, y, data));
      band.setAttribute("d", high.length ? `M${[...high, ...low.reverse()].join("L")}Z` : "");
    }
  });
  const ribbon = svg.querySelector(".td-ribbon");
  if (ribbon) drawRibbon(ribbon, data, state, x);
}

function drawRibbon(ribbon, data, state, x) {
  const between = row => x.of((data.days[row - 1] + data.days[row]) / 2);
  const edge = row => (row <= state.first ? x.left : row > state.last ? x.right : between(row));
  ribbon.replaceChildren();
  data.regimes.forEach(([row, name], place) => {
    const from = edge(row), width = edge(data.regimes[place + 1]?.[0] ?? data.days.length) - from;
    if (!name || width <= 0) return;
    set(made(ribbon, "rect", `td-${name.toLowerCase()}`), { x: from, y: ribbon.dataset.top, width, height: 9 });
  });
}

// What is known of one day, as lines of text.
function told(tip, data, state, row) {
  tip.replaceChildren();
  const step = data.axis && `${data.axis[0].toUpperCase()}${data.axis.slice(1)} ${data.days[row]}`;
  const day = step || new Date(data.days[row] * DAY_MS).toISOString().slice(0, 10);
  const regime = data.regimes.filter(([from]) => from <= row).at(-1)?.[1];
  made(tip, "b", "", regime ? `${day}, ${regime}` : day);
  for (const { name, kind, unit, lines } of data.plots) {
    lines.forEach(({ label, values }, index) => {
      if (values[row] === null || state.off.has(index)) return;
      const alone = lines.length === 1 && kind !== "money";
      const entry = made(tip, "span", "", kind === "stack" ? label : alone ? name : `${name}, ${label}`);
      made(entry, "i", "", (kind === "water" ? amount(-100 * values[row], 1) : amount(values[row], 2)) + unit);
    });
  }
}

// The legend names the return of each line of money over the rows shown.
function tellReturns(picture, data, state) {
  const money = data.plots.find(({ kind }) => kind === "money");
  for (const entry of money ? picture.querySelectorAll(".td-entry") : []) {
    const text = entry.querySelector("text"), values = money.lines[entry.dataset.line]?.values.slice(state.first, state.last + 1);
    const known = values?.filter(value => value !== null) ?? [];
    if (known.length < 2 || !(known[0] > 0) || !/[+−][\d,.]+%$/.test(text.textContent)) continue;
    const gained = (known.at(-1) / known[0] - 1) * 100;
    text.textContent = text.textContent.replace(/[+−][\d,.]+%$/, `${gained < 0 ? "" : "+"}${amount(gained, 1)}%`);
  }
}

function enliven(picture) {
  const data = JSON.parse(picture.querySelector("script").textContent), count = data.days.length;
  const state = { first: 0, last: count - 1, off: new Set() }, few = count <= data.few;
  const drawings = [...picture.querySelectorAll("svg")];
  const tools = made(picture, "div", "tools"), tip = made(picture, "div", "tip");
  picture.prepend(tools);
  tip.hidden = true;
  const redraw = () => {
    for (const svg of few ? [] : drawings) draw(svg, data, state);
    if (!few) tellReturns(picture, data, state);
    for (const element of picture.querySelectorAll("[data-line]")) {
      const off = state.off.has(+element.dataset.line);
      if (element.classList.contains("td-entry")) element.setAttribute("aria-pressed", !off);
      else element.classList.toggle("td-off", off);
    }
    for (const button of tools.querySelectorAll("button"))
      button.setAttribute("aria-pressed", state.last === count - 1 && +button.dataset.first === state.first);
  };
  const show = (first, last) => {
    if (last - first >= 2) Object.assign(state, { first, last });
    redraw();
  };
  for (const [name, days] of few || data.axis ? [] : SPANS) {
    const first = days === Infinity ? 0 : data.days.findIndex(day => day > data.days[count - 1] - days);
    if (days !== Infinity && first <= 0) continue;
    const button = set(made(tools, "button", "", name), { type: "button", "data-first": first });
    button.setAttribute("aria-pressed", days === Infinity);
    button.addEventListener("click", () => show(first, count - 1));
  }
  const zoom = few ? "" : " drag to zoom, double-click for all;";
  made(tools, "span", "", `Point at a ${data.axis ?? "day"} for its values;${zoom} click a name to hide its line.`);
  for (const svg of drawings) listen(svg, { data, state, tip, picture, redraw, show, few });
}

function listen(svg, { data, state, tip, picture, redraw, show, few }) {
  const top = +svg.querySelector(".td-dates").dataset.top, bottom = svg.viewBox.baseVal.height - 24;
  const cross = set(made(svg, "line", "td-cross td-off"), { y1: top, y2: bottom });
  const chosen = set(made(svg, "rect", "td-chosen td-off"), { y: top, height: bottom - top });
  let from = null, at = null;
  const pixel = event => {
    const box = svg.getBoundingClientRect();
    return (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
  };
  const point = (row, event) => {
    const x = across(svg, data, state).of(data.days[at = row]), box = picture.getBoundingClientRect();
    set(cross, { x1: x, x2: x }).classList.remove("td-off");
    told(tip, data, state, row);
    tip.hidden = false;
    const px = x / svg.viewBox.baseVal.width * svg.getBoundingClientRect().width, wide = tip.offsetWidth;
    const beside = px > box.width / 2 ? px - wide - 14 : Math.min(px + 14, box.width - wide);
    tip.style.left = `${Math.max(0, beside)}px`;
    tip.style.top = `${Math.max(40, (event ? event.clientY - box.top : 120) - tip.offsetHeight / 2)}px`;
  };
  const leave = () => {
    tip.hidden = true;
    from = at = null;
    for (const mark of [cross, chosen]) mark.classList.add("td-off");
  };
  svg.addEventListener("pointermove", event => {
    const { row } = across(svg, data, state), px = pixel(event);
    point(row(px), event);
    if (from === null) return;
    const width = Math.abs(px - from);
    set(chosen, { x: Math.min(from, px), width }).classList.toggle("td-off", width < 6);
  });
  svg.addEventListener("pointerdown", event => {
    if (!few && event.button === 0 && event.pointerType === "mouse") from = pixel(event);
  });
  svg.addEventListener("pointerup", event => {
    const px = pixel(event), { row } = across(svg, data, state);
    const chose = from !== null && Math.abs(px - from) > 6;
    if (chose) show(row(Math.min(from, px)), row(Math.max(from, px)));
    from = null;
    chosen.classList.add("td-off");
    // What the pointer told of is elsewhere now.
    if (chose) leave();
  });
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("blur", leave);
  svg.addEventListener("dblclick", () => {
    show(0, data.days.length - 1);
    leave();
  });
  set(svg, { tabindex: 0 }).addEventListener("keydown", event => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) point(Math.min(Math.max((at ?? state.last) + step, state.first), state.last));
    if (event.key === "Escape") leave();
  });
  for (const entry of svg.querySelectorAll(".td-entry")) {
    const toggle = () => {
      const index = +entry.dataset.line;
      if (!state.off.delete(index)) state.off.add(index);
      redraw();
    };
    set(entry, { tabindex: 0, role: "button", "aria-pressed": true }).addEventListener("click", toggle);
    entry.addEventListener("keydown", event => {
      if (event.key === "Enter" || event.key === " ") toggle(event.preventDefault());
    });
  }
}

// A place whose marks, in rows, tell what they show under the pointer, or where the arrow keys lead.
function warm(grid, rows) {
  const tip = made(grid, "div", "tip");
  let here = null;
  const leave = () => {
    tip.hidden = true;
    here?.classList.remove("here");
    here = null;
  };
  const show = cell => {
    if (cell && cell === here) return;
    leave();
    if (!cell?.dataset.tip) return;
    (here = cell).classList.add("here");
    const [name, ...figures] = cell.dataset.tip.split("\n");
    tip.replaceChildren();
    made(tip, "b", "", name);
    for (const [label, value] of figures.map(line => line.split("\t"))) made(made(tip, "span", "", label), "i", "", value);
    tip.hidden = false;
    const box = grid.getBoundingClientRect(), at = (cell.querySelector(".td-mark") ?? cell).getBoundingClientRect();
    const middle = at.left + at.width / 2 - box.left, beside = middle > box.width / 2 ? at.left - box.left - tip.offsetWidth - 8 : at.right - box.left + 8;
    tip.style.left = `${Math.max(0, Math.min(beside, box.width - tip.offsetWidth))}px`;
    tip.style.top = `${Math.max(0, Math.min(at.top - box.top, box.height - tip.offsetHeight))}px`;
  };
  tip.hidden = true;
  grid.addEventListener("pointerover", event => show(event.target.closest("[data-tip]")));
  grid.addEventListener("pointerleave", leave);
  grid.addEventListener("blur", leave);
  set(grid, { tabindex: 0 }).addEventListener("keydown", event => {
    let [down, across] = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key] ?? [0, 0];
    // In a single row every arrow leads on or back.
    if (rows.length === 1) [down, across] = [0, down || across];
    if (event.key === "Escape") leave();
    if (!down && !across) return;
    event.preventDefault();
    const row = rows.findIndex(cells => cells.includes(here)), from = here ? [row, rows[row].indexOf(here)] : [-down, -across];
    show(rows[from[0] + down]?.[from[1] + across] ?? here ?? grid.querySelector(".best"));
  });
}

// A drawing whose marks tell their values; what a browser shows by itself without a script would be shown twice.
function tellMarks(picture) {
  made(made(picture, "div", "tools"), "span", "", "Point at a mark for its values; the arrow keys lead from one to the next.");
  picture.prepend(picture.lastChild);
  for (const drawing of picture.querySelectorAll(".wide, .narrow")) {
    const marks = [...drawing.querySelectorAll("[data-tip]")];
    for (const mark of marks) {
      const title = mark.querySelector("title");
      mark.setAttribute("aria-label", title?.textContent ?? "");
      title?.remove();
    }
    warm(drawing, [marks]);
  }
}

for (const grid of document.querySelectorAll(".heat"))
  warm(grid, [...grid.querySelectorAll("tbody tr")].map(row => [...row.querySelectorAll("td")]));
for (const picture of document.querySelectorAll(".marked")) tellMarks(picture);
for (const picture of document.querySelectorAll(".live")) enliven(picture);

// Paper shows what is folded on a screen: warnings and settings, but no list of trades.
const folded = [...document.querySelectorAll("details:not([open])")].filter(part => part.querySelectorAll("tr").length < 40);
addEventListener("beforeprint", () => folded.forEach(part => (part.open = true)));
addEventListener("afterprint", () => folded.forEach(part => (part.open = false)));
