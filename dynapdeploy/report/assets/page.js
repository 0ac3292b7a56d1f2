(function () {
  "use strict";
  var root = document.documentElement;
  root.classList.remove("no-script");
  var charts = JSON.parse(document.getElementById("chart-data").textContent);
  var samples = JSON.parse(document.getElementById("sample-data").textContent);
  var drawn = {};
  var waiting = {};
  var config = { responsive: true, displaylogo: false, displayModeBar: "hover",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "sendDataToCloud", "zoomIn2d", "zoomOut2d", "pan2d", "zoom2d"] };

  function colour(name) { return getComputedStyle(root).getPropertyValue(name).trim(); }

  function themed(chart) {
    var layout = JSON.parse(JSON.stringify(chart.layout || {}));
    var data = chart.data.map(function (trace) {
      if (trace.colorscale !== "page") { return trace; }
      return Object.assign({}, trace, { colorscale: [[0, colour("--heat0")], [1, colour("--heat1")]], zmin: 0 });
    });
    layout.paper_bgcolor = layout.plot_bgcolor = "rgba(0,0,0,0)";
    layout.font = { family: "system-ui, sans-serif", size: 12, color: colour("--ink") };
    layout.margin = Object.assign({ l: 62, r: 14, t: 14, b: 46 }, layout.margin || {});
    layout.hoverlabel = { bgcolor: colour("--panel"), bordercolor: colour("--line"), font: { color: colour("--ink") } };
    layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: colour("--faint"), activecolor: colour("--ink") };
    layout.legend = Object.assign({ orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, layout.legend || {});
    Object.keys(Object.assign({ xaxis: 0, yaxis: 0 }, layout)).forEach(function (key) {
      if (!/^[xy]axis\d*$/.test(key)) { return; }
      layout[key] = Object.assign({ gridcolor: colour("--grid"), linecolor: colour("--line"),
        zerolinecolor: colour("--line"), automargin: true }, layout[key] || {});
    });
    return { data: data, layout: layout };
  }

  function draw(name, chart) {
    var place = document.getElementById("chart-" + name);
    if (!place) { return; }
    drawn[name] = chart;
    var ready = themed(chart);
    Plotly.react(place, ready.data, ready.layout, config);
  }

  var watcher = "IntersectionObserver" in window && new IntersectionObserver(function (entries) {
    entries.forEach(function (entry) {
      var name = entry.target.id.slice("chart-".length);
      if (entry.isIntersecting && waiting[name]) { release(name); }
    });
  }, { rootMargin: "400px" });

  function release(name) {
    var chart = waiting[name];
    delete waiting[name];
    if (watcher) { watcher.unobserve(document.getElementById("chart-" + name)); }
    draw(name, chart);
  }

  function later(name, chart) {
    var place = document.getElementById("chart-" + name);
    if (!place) { return; }
    if (drawn[name] || !watcher) { draw(name, chart); return; }
    waiting[name] = chart;
    watcher.observe(place);
  }

  function redraw() { Object.keys(drawn).forEach(function (name) { draw(name, drawn[name]); }); }

  function show(index) {
    var sample = samples[index];
    if (!sample) { return; }
    document.getElementById("sample-text").textContent = sample.text;
    ["frame", "counts", "raster"].forEach(function (part) { later("sample-" + part, sample[part]); });
  }

  /* The text of the page is there at once; the library for its charts runs after that. */
  var started = false;
  function start() {
    if (started) { return; }
    started = true;
    var library = document.createElement("script");
    library.textContent = document.getElementById("plotly").textContent;
    document.head.appendChild(library);
    library.remove();
    Object.keys(charts).forEach(function (name) { later(name, charts[name]); });
    var picker = document.getElementById("sample");
    if (picker) {
      picker.addEventListener("change", function () { show(Number(picker.value)); });
      show(0);
    }
  }
  window.addEventListener("load", function () { setTimeout(start, 0); });

  var toggle = document.getElementById("theme");
  toggle.addEventListener("click", function () {
    var dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  var before;
  window.addEventListener("beforeprint", function () { start(); before = root.dataset.theme || ""; root.dataset.theme = "light";
    Object.keys(waiting).forEach(release); redraw(); });
  window.addEventListener("afterprint", function () {
    if (before) { root.dataset.theme = before; } else { delete root.dataset.theme; }
    redraw();
  });
})();
