(() => {
  "use strict";
  document.documentElement.classList.add("scripted");
  const byId = (id) => document.getElementById(id);
  const svg = byId("graph");
  const rows = [...document.querySelectorAll("#packages tbody tr")];
  const search = byId("search");
  const count = byId("count");
  const boxes = svg ? [...svg.querySelectorAll(".box")] : [];
  const lines = svg ? [...svg.querySelectorAll(".line")] : [];
  const next = new Map();
  const before = new Map();
  const add = (map, key, value) => map.set(key, [...(map.get(key) || []), value]);
  for (const line of lines) {
    add(next, line.dataset.above, line.dataset.below);
    add(before, line.dataset.below, line.dataset.above);
  }

  const reach = (start, map) => {
    const seen = new Set([start]);
    const todo = [start];
    while (todo.length) {
      for (const name of map.get(todo.pop()) || []) {
        if (!seen.has(name)) { seen.add(name); todo.push(name); }
      }
    }
    return seen;
  };

  const find = () => {
    const wanted = search.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const hit = !wanted || row.dataset.search.includes(wanted);
      row.classList.toggle("hidden", !hit);
      shown += hit ? 1 : 0;
    }
    for (const box of boxes) {
      box.classList.toggle("found", Boolean(wanted) && box.dataset.name.includes(wanted));
    }
    count.textContent = wanted ? `${shown} of ${rows.length} packages` : "";
  };
  search.addEventListener("input", find);
  document.addEventListener("click", (event) => {
    // A row that the search hides cannot be gone to.
    const link = event.target.closest('a[href^="#package-"]');
    const row = link && byId(decodeURIComponent(link.hash.slice(1)));
    if (row && row.classList.contains("hidden")) { search.value = ""; find(); }
  });

  const panel = byId("picked");
  const say = (label, names) => {
    if (!names.length) { return; }
    panel.append(`${panel.querySelector("a") ? "; " : " "}${label} `);
    names.forEach((name, at) => {
      const link = document.createElement("a");
      link.href = `#package-${encodeURIComponent(name)}`;
      link.textContent = name;
      panel.append(at ? ", " : "", link);
    });
  };
  const pick = (name) => {
    const on = name !== null;
    const near = on ? new Set([...reach(name, next), ...reach(name, before)]) : new Set();
    for (const box of boxes) {
      box.classList.toggle("away", on && !near.has(box.dataset.name));
      box.classList.toggle("picked", box.dataset.name === name);
    }
    for (const line of lines) {
      const { above, below } = line.dataset;
      line.classList.toggle("lit", on && (above === name || below === name));
      line.classList.toggle("away", on && !(near.has(above) && near.has(below)));
    }
    for (const row of rows) { row.classList.toggle("marked", row.dataset.name === name); }
    panel.textContent = "";
    if (on) {
      const title = document.createElement("strong");
      title.textContent = name;
      panel.append(title, ":");
      say("requires", [...new Set(next.get(name) || [])].sort());
      say("is required by", [...new Set(before.get(name) || [])].sort());
      if (!next.has(name) && !before.has(name)) { panel.append(" neither requires nor is required."); }
    }
  };

  if (!svg) { return; }
  const whole = svg.viewBox.baseVal;
  const home = { x: whole.x, y: whole.y, width: whole.width, height: whole.height };
  // Where all of it would be too small to read, as on a phone, it begins with what the spec asks for, on the left.
  const readable = svg.clientWidth / 0.6;
  const start = { ...home };
  if (svg.clientWidth && readable < home.width * 0.75) {
    start.width = readable;
    start.height = readable * svg.clientHeight / svg.clientWidth;
    start.y = home.y + (home.height - start.height) / 2;
  }
  let view = { ...start };
  const show = () => svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
  const scale = () => Math.max(view.width / svg.clientWidth, view.height / svg.clientHeight) || 1;
  const zoom = (factor, x = view.x + view.width / 2, y = view.y + view.height / 2) => {
    const width = Math.min(Math.max(view.width * factor, 60), home.width * 4);
    const real = width / view.width;
    view = { x: x - (x - view.x) * real, y: y - (y - view.y) * real, width, height: view.height * real };
    show();
  };
  const place = (event) => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return [point.x, point.y];
  };
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.shiftKey) { return; }
    event.preventDefault();
    zoom(event.deltaY + event.deltaX > 0 ? 1.2 : 1 / 1.2, ...place(event));
  }, { passive: false });
  byId("zoom-in").addEventListener("click", () => zoom(1 / 1.4));
  byId("zoom-out").addEventListener("click", () => zoom(1.4));
  byId("reset").addEventListener("click", () => { view = { ...start }; show(); pick(null); search.value = ""; find(); });

  const isOutside = ({ x, y, width, height }) =>
    x < view.x || y < view.y || x + width > view.x + view.width || y + height > view.y + view.height;
  search.addEventListener("input", () => {
    const found = boxes.filter((box) => box.classList.contains("found")).map((box) => box.getBBox());
    if (!found.length || !found.every(isOutside)) { return; }
    view.x = found[0].x + (found[0].width - view.width) / 2;
    view.y = found[0].y + (found[0].height - view.height) / 2;
    show();
  });
  show();

  const fingers = new Map();
  let moved = false;
  const gap = () => {
    const [one, other] = [...fingers.values()];
    return Math.hypot(one.x - other.x, one.y - other.y);
  };
  svg.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    moved = fingers.size > 1;
  });
  svg.addEventListener("pointermove", (event) => {
    const last = fingers.get(event.pointerId);
    if (!last) { return; }
    const [dx, dy] = [event.clientX - last.x, event.clientY - last.y];
    if (!moved && Math.hypot(dx, dy) < 4) { return; }
    if (!moved) { svg.setPointerCapture(event.pointerId); }
    moved = true;
    const wide = fingers.size === 2 ? gap() : 0;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (wide) {
      zoom(wide / Math.max(gap(), 1), ...place(event));
    } else {
      view.x -= dx * scale();
      view.y -= dy * scale();
      show();
    }
  });
  for (const kind of ["pointerup", "pointercancel", "pointerleave"]) {
    svg.addEventListener(kind, (event) => fingers.delete(event.pointerId));
  }
  svg.addEventListener("click", (event) => {
    if (moved) { moved = false; return; }
    const box = event.target.closest(".box");
    pick(box ? box.dataset.name : null);
  });
  for (const box of boxes) {
    box.setAttribute("tabindex", "0");
    box.setAttribute("role", "button");
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); pick(box.dataset.name); }
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { pick(null); }
  });
})();
