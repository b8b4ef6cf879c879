"use strict";
(async () => {
  const data = JSON.parse(document.getElementById("chart-data").textContent);
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const signed = (value, digits = 2) => value == null ? "–" :
    (value > 0 ? "+" : value < 0 ? "−" : "") + Math.abs(value).toFixed(digits);
  const price = (value) => String(Number(value.toPrecision(6)));
  const make = (tag, text = "", attributes = {}) => {
    const element = document.createElement(tag);
    element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  const layout = (more) => ({
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", autosize: true, hovermode: "x unified",
    font: { family: "system-ui, sans-serif", size: 13, color: colour("--ink") },
    margin: { l: 52, r: 12, t: 8, b: 36 }, legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom" },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--muted"), activecolor: colour("--blue") },
    hoverlabel: { bgcolor: colour("--paper"), font: { color: colour("--ink") } }, ...more,
  });
  const axis = (more = {}) => ({
    gridcolor: colour("--faint"), zerolinecolor: colour("--muted"), linecolor: colour("--faint"), automargin: true, ...more,
  });
  const config = {
    responsive: true, displaylogo: false, scrollZoom: false, showSendToCloud: false, showEditInChartStudio: false,
    modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
  };
  const redraws = [];
  const label = (text, control) => { const box = make("label", text + " "); box.append(control); return box; };
  const choice = (values, texts) => {
    const select = make("select");
    values.forEach((value, k) => select.append(make("option", texts[k], { value })));
    return select;
  };

  function equity(place, found) {
    const chart = place.querySelector(".chart"), tools = place.querySelector(".tools");
    const slider = make("input", "", { type: "range", min: 0, max: found.time.length - 1, value: found.time.length - 1 });
    const said = make("p", "", { class: "small", "aria-live": "polite" });
    const show = () => {
      const k = Number(slider.value);
      said.textContent = `${found.time[k].slice(0, 10)}: ` +
        found.lines.map((line) => `${line.name} ${signed(line.values[k], 1)} R`).join(", ");
      slider.setAttribute("aria-valuetext", found.time[k].slice(0, 10));
    };
    slider.addEventListener("input", () => {
      show();
      Plotly.Fx.hover(chart, found.lines.map((_, curveNumber) => ({ curveNumber, pointNumber: Number(slider.value) })));
    });
    tools.append(label("Values at", slider));
    place.append(said);
    show();
    redraws.push(() => Plotly.react(chart, found.lines.map((line) => ({
      type: "scatter", mode: "lines", name: line.name, x: found.time, y: line.values,
      line: { color: line.main ? colour("--blue") : line.colour, width: line.main ? 3 : 1.5, shape: "hv" },
      hovertemplate: "%{y:+.1f} R",
    })), layout({
      height: 420, xaxis: axis({ type: "date" }), yaxis: axis({ title: { text: "cumulative net R" } }),
      shapes: found.boundary ? [{ type: "line", x0: found.boundary, x1: found.boundary, yref: "paper", y0: 0, y1: 1,
        line: { color: colour("--muted"), dash: "dot", width: 1 } }] : [],
      annotations: found.boundary ? [{ x: found.boundary, yref: "paper", y: 1, yanchor: "bottom", showarrow: false,
        text: "in sample | out of sample", font: { size: 11, color: colour("--muted") } }] : [],
      margin: { l: 52, r: 12, t: 46, b: 36 },
    }), config));
  }

  function trades(place, found) {
    const chart = place.querySelector(".chart"), tools = place.querySelector(".tools");
    const said = make("p", "", { class: "small", "aria-live": "polite" });
    const symbols = [...new Set(found.map((trade) => trade.symbol))].sort();
    const symbol = choice(["", ...symbols], ["all symbols", ...symbols]);
    const result = choice(["", "won", "lost"], ["won and lost", "won", "lost"]);
    const select = make("select");
    const before = make("button", "Previous", { type: "button" }), next = make("button", "Next", { type: "button" });
    const title = (trade) => `${trade.symbol} ${trade.side}, ${trade.entry.time.slice(0, 10)}, ${signed(trade.r)} R`;
    const fill = () => {
      select.replaceChildren();
      found.forEach((trade, k) => {
        const fits = (!symbol.value || trade.symbol === symbol.value) && (!result.value || (trade.r > 0) === (result.value === "won"));
        if (fits) select.append(make("option", title(trade), { value: k }));
      });
      draw();
    };
    const draw = () => {
      const trade = found[select.value];
      before.disabled = select.selectedIndex <= 0;
      next.disabled = select.selectedIndex >= select.options.length - 1;
      if (!trade) { said.textContent = "No such trade among those shown."; Plotly.purge(chart); return; }
      const exits = trade.fills.map((fill) => `${fill.text} at ${price(fill.price)} on ${fill.time.replace("T", " ")}`);
      said.textContent = `${title(trade)}: entered at ${price(trade.entry.price)}; ${exits.join("; ") || "nothing sold"}.`;
      const line = (name, level, stroke, dash) => ({
        type: "scatter", mode: "lines", name, x: [trade.entry.time, trade.time.at(-1)], y: [level, level],
        line: { color: stroke, dash, width: 1.2 }, hovertemplate: "%{y}",
      });
      const held = trade.held ? [
        { type: "scatter", mode: "lines", name: "average entry", x: [...trade.held.time, trade.time.at(-1)],
          y: [...trade.held.average, trade.held.average.at(-1)], hovertemplate: "%{y}", line: { color: colour("--blue"), width: 1.3, shape: "hv", dash: "dash" } },
        { type: "scatter", mode: "lines", name: "held", x: [...trade.held.time, trade.time.at(-1)], y: [...trade.held.size, trade.held.size.at(-1)],
          yaxis: "y2", fill: "tozeroy", hovertemplate: "%{y}", line: { color: colour("--blue"), width: 1.2, shape: "hv" } },
      ] : [];
      const below = trade.held ? { yaxis2: axis({ title: { text: "held" }, domain: [0, 0.18], rangemode: "tozero" }) } : {};
      const isWeekly = trade.time.every((time) => time.length === 10 && ![0, 6].includes(new Date(time).getUTCDay()));
      Plotly.react(chart, [
        { type: "candlestick", name: "price", x: trade.time, open: trade.open, high: trade.high, low: trade.low, close: trade.close,
          increasing: { line: { color: colour("--good"), width: 1 } }, decreasing: { line: { color: colour("--bad"), width: 1 } } },
        line("entry", trade.entry.price, colour("--muted"), "dot"),
        ...trade.targets.map((target) => line(target.name, target.price, colour("--good"), "dash")),
        { type: "scatter", mode: "lines", name: "stop", x: trade.stop.time, y: trade.stop.price, hovertemplate: "%{y}",
          line: { color: colour("--bad"), width: 1.5, shape: "hv" } },
        { type: "scatter", mode: "markers", name: trade.held ? "filled" : "sold", x: trade.fills.map((fill) => fill.time), y: trade.fills.map((fill) => fill.price),
          text: trade.fills.map((fill) => fill.text), hovertemplate: "%{text}<br>%{y}",
          marker: { color: colour("--blue"), size: 11, symbol: "triangle-down", line: { color: colour("--paper"), width: 1 } } },
        ...held,
      ], layout({ height: 440, ...below, xaxis: axis({ rangeslider: { visible: false }, type: "date", rangebreaks: isWeekly ? [{ bounds: ["sat", "mon"] }] : [] }), yaxis: axis({ title: { text: "price" }, ...(trade.held ? { domain: [0.24, 1] } : {}) }) }), config);
    };
    const step = (by) => { select.selectedIndex += by; draw(); };
    symbol.addEventListener("change", fill);
    result.addEventListener("change", fill);
    select.addEventListener("change", draw);
    before.addEventListener("click", () => step(-1));
    next.addEventListener("click", () => step(1));
    tools.append(label("Symbol", symbol), label("Result", result), label("Trade", select), before, next);
    place.append(said);
    redraws.push(fill);
  }

  function what_if(place, found) {
    const tools = place.querySelector(".tools"), n = found.targets.length;
    const stop = choice(found.stops.keys(), found.stops.map((value) => `${value} R`));
    const target = choice(found.targets.keys(), found.targets.map((value) => value == null ? "none" : `${value} R`));
    stop.value = Math.max(0, found.stops.indexOf(1));
    target.value = Math.max(0, found.targets.indexOf(2));
    const table = make("table", "", { class: "plain" }), body = make("tbody");
    table.setAttribute("aria-live", "polite");
    table.append(body);
    const show = () => {
      const k = Number(stop.value) * n + Number(target.value), rate = found.scored_win_rate[k];
      const [low, high] = found.chosen_interval;
      const ends = low == null ? "" : ` (CI [${signed(low, 3)}, ${signed(high, 3)}])`;
      body.replaceChildren(...[
        [`this stop and target, ${found.n_before} earlier trades`, `${signed(found.before_r[k], 3)} R per trade`],
        [`this stop and target, ${found.n_scored} later trades`, `${signed(found.scored_r[k], 3)} R per trade` +
          (rate == null ? "" : `, ${(100 * rate).toFixed(0)}% won`)],
        ["best stop and target of the later trades, known only afterwards", `${signed(found.best_scored_r, 3)} R per trade`],
        ["out of sample: the pair that was best before each part", `${signed(found.chosen_r, 3)} R per trade${ends}`],
      ].map(([name, value]) => { const row = make("tr"); row.append(make("th", name, { scope: "row" }), make("td", value)); return row; }));
    };
    stop.addEventListener("change", show);
    target.addEventListener("change", show);
    tools.append(label("Stop", stop), label("Target", target));
    place.append(table);
    show();
  }

  const kinds = { equity, trades, what_if };
  // Plotly is in the page, packed: unpacked it would be most of it.
  const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent), (letter) => letter.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  document.head.append(make("script", await new Response(unpacked).text()));
  for (const place of document.querySelectorAll("[data-widget]")) {
    const found = data[place.dataset.widget];
    if (!found) continue;
    place.hidden = false;
    kinds[place.dataset.widget](place, found);
  }
  root.classList.add("explorable");
  const redraw = () => redraws.forEach((draw) => draw());
  redraw();
  dark.addEventListener("change", redraw);
})();
