// Sorts, filters and compares what the pages hold already. Nothing is fetched, nothing is remembered; without this file
// every row is there, in the order of the board.
"use strict";

(() => {
  const DESCENDING = new Set(["accuracy", "date", "trust"]);
  const WORDS = new Set(["name", "class", "date"]);

  // Rows of a table body, each with the row of reasons that belongs to it.
  const bundles = (body) => {
    const found = [];
    for (const row of body.rows) {
      if (row.classList.contains("entry")) found.push([row]);
      else if (row.classList.contains("reasons") && found.length) found[found.length - 1].push(row);
    }
    return found;
  };

  // What is not known stands last, whichever way one sorts.
  const compare = (key, sign) => (a, b) => {
    const [one, other] = [a[0].dataset[key], b[0].dataset[key]];
    if (one === undefined || other === undefined) return (one === undefined) - (other === undefined);
    const order = WORDS.has(key) ? one.localeCompare(other) : Number(one) - Number(other);
    return sign * order || a.place - b.place;
  };

  const sort = (table, key, sign) => {
    for (const body of table.tBodies) {
      const rows = bundles(body);
      for (const bundle of rows) bundle.place = bundle[0].place;
      rows.sort(key && key !== "rank" ? compare(key, sign) : (a, b) => (key ? sign : 1) * (a.place - b.place));
      body.append(...rows.flat());
    }
    for (const head of table.tHead.rows[0].cells) {
      if (!head.dataset.sort) continue;
      if (head.dataset.sort === (key || "rank")) head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    }
  };

  // On a narrow screen rows are cards and the head is for screen readers alone: the form sorts.
  const cards = matchMedia("(max-width: 60rem)");
  const reachable = (button) => (button.tabIndex = cards.matches ? -1 : 0);

  const ready = (table, form) => {
    let place = 0;
    for (const row of table.querySelectorAll("tr.entry")) row.place = place++;
    for (const head of table.querySelectorAll("th[data-sort]")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      reachable(button);
      cards.addEventListener("change", () => reachable(button));
      button.addEventListener("click", () => {
        const key = head.dataset.sort;
        const now = head.getAttribute("aria-sort");
        const first = DESCENDING.has(key) ? -1 : 1;
        sort(table, key, now === null ? first : now === "ascending" ? -1 : 1);
        form.elements.order.value = key === "rank" ? "" : key;
      });
    }
  };

  const fits = (row, wanted) =>
    (!wanted.text || row.textContent.toLowerCase().includes(wanted.text)) &&
    (!wanted.class || row.dataset.class === wanted.class) &&
    Number(row.dataset.trust) >= wanted.trust &&
    (!wanted.since || row.dataset.date >= wanted.since);

  const filter = (form, tables) => {
    const value = (name) => (form.elements[name] ? form.elements[name].value : "");
    const wanted = {
      text: value("text").trim().toLowerCase(), class: value("class"), trust: Number(value("trust")), since: value("since"),
    };
    let [shown, all] = [0, 0];
    for (const body of tables.flatMap((table) => [...table.tBodies])) {
      let here = 0;
      for (const bundle of bundles(body)) {
        const fit = fits(bundle[0], wanted);
        for (const row of bundle) row.hidden = !fit;
        here += fit;
        all += 1;
      }
      body.hidden = here === 0;
      shown += here;
    }
    form.querySelector("output").textContent = shown === all ? "" : `${shown} of the ${all} entries shown here`;
  };

  for (const form of document.querySelectorAll("form.filter[data-for]")) {
    const tables = [...document.getElementById(form.dataset.for).querySelectorAll("table.board")];
    tables.forEach((table) => ready(table, form));
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => filter(form, tables));
    form.elements.order.addEventListener("change", () => {
      const key = form.elements.order.value;
      for (const table of tables) sort(table, key, DESCENDING.has(key) ? -1 : 1);
    });
    // A browser may have kept what was typed before.
    filter(form, tables);
  }

  const page = document.getElementById("compare");
  if (page) {
    const entries = JSON.parse(document.getElementById("compare-data").textContent);
    const form = page.querySelector("form");
    const drawing = page.querySelector("figure svg svg");
    const frame = drawing.viewBox.baseVal;
    const target = drawing.querySelector(".target");
    const sides = ["one", "other"];
    const chosen = () => sides.map((side) => entries[form.elements[side].selectedIndex]);

    // A short number, as the program that made the page chooses it.
    const roundStep = (least) => {
      const power = 10 ** Math.floor(Math.log10(least));
      const factor = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((factor) => factor * power >= least * (1 - 1e-9));
      return factor * power;
    };
    const decimalsOf = (step) => {
      let decimals = 0;
      while (decimals < 9 && Math.abs(step * 10 ** decimals - Math.round(step * 10 ** decimals)) > 1e-6) decimals += 1;
      return decimals;
    };

    const draw = (pair) => {
      const points = pair.flatMap((entry) => entry.curve);
      if (!points.length) return;
      const ticks = [...page.querySelectorAll("figure text.x-tick")];
      const step = roundStep(Math.max(...points.map((point) => point[0])) / (ticks.length - 1));
      const right = step * (ticks.length - 1);
      const [left, top] = [frame.x, frame.y + 6];
      const [width, height] = [frame.width - 6, frame.height - 6];
      // The heights of both axes' ticks stay: accuracy is drawn on the scale that the page was made with.
      const scale = page.querySelector("figure").dataset;
      const [low, high] = [Number(scale.low), Number(scale.high)];
      const at = ([x, y]) =>
        `${(left + (width * x) / right).toFixed(1)},${(top + height * (1 - (y - low) / (high - low))).toFixed(1)}`;
      drawing.querySelectorAll("polyline").forEach((line, index) => {
        line.setAttribute("points", pair[index].curve.map(at).join(" "));
        line.querySelector("title").textContent = pair[index].name;
      });
      const decimals = decimalsOf(step);
      ticks.forEach((tick, index) => (tick.textContent = (step * index).toFixed(decimals)));
      page.querySelectorAll(".keys li").forEach((key, index) => {
        key.lastChild.textContent = ` ${pair[index].name}`;
      });
    };

    const show = () => {
      const pair = chosen();
      sides.forEach((side, index) => {
        const entry = pair[index];
        const cells = page.querySelectorAll(`td[data-side="${side}"]`);
        cells.forEach((cell, row) => (cell.textContent = entry.words[row]));
        const link = page.querySelector(`a[data-side="${side}"]`);
        link.textContent = entry.name;
        link.href = page.dataset.root + entry.page;
        document.querySelector(`[data-path="${side}"]`).textContent = entry.path;
      });
      page.querySelectorAll("tbody tr").forEach((row) => {
        const [one, other] = row.querySelectorAll("td");
        row.classList.toggle("same", one.textContent === other.textContent);
      });
      draw(pair);
    };

    const asked = new URLSearchParams(location.hash.slice(1));
    sides.forEach((side, index) => {
      const select = form.elements[side];
      // The folder's name is the entry's own; two submitters may have one idea on one day.
      const named = (entry) => `${entry.path.split("/").pop()}, ${entry.words[1]}`;
      for (const entry of entries) select.append(new Option(named(entry), entry.path));
      const wanted = entries.findIndex((entry) => entry.path === asked.get(side));
      select.selectedIndex = wanted >= 0 ? wanted : Math.min(index, entries.length - 1);
      select.addEventListener("change", () => {
        const [one, other] = chosen();
        history.replaceState(null, "", `#one=${one.path}&other=${other.path}`);
        show();
      });
    });
    if (form.elements.one.selectedIndex === form.elements.other.selectedIndex) {
      form.elements.other.selectedIndex = form.elements.one.selectedIndex === 0 ? 1 : 0;
    }
    form.hidden = false;
    show();
  }
})();
