"use strict";
const rows = [...document.querySelectorAll("tr.row")];
const form = document.querySelector("form");
const said = document.getElementById("said");
const detailOf = (row) => document.getElementById(row.querySelector(".open").getAttribute("aria-controls"));
function toggle(button) {
  const open = button.getAttribute("aria-expanded") !== "true";
  button.setAttribute("aria-expanded", String(open));
  document.getElementById(button.getAttribute("aria-controls")).hidden = !open;
}
function filter() {
  const wanted = Object.fromEntries(new FormData(form));
  const text = wanted.symbol.trim().toLowerCase();
  let shown = 0;
  for (const row of rows) {
    const fits = row.dataset.symbol.toLowerCase().includes(text) &&
      ["side", "action", "tag"].every((name) => !wanted[name] || row.dataset[name] === wanted[name]);
    row.hidden = !fits;
    if (!fits) { detailOf(row).hidden = true; row.querySelector(".open").setAttribute("aria-expanded", "false"); }
    shown += fits;
  }
  said.textContent = `${shown} of ${rows.length} trades shown`;
}
async function copy(button) {
  const text = button.dataset.copy;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  said.textContent = `Copied: ${text}`;
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = before; }, 1200);
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.classList.contains("open")) toggle(button);
  else if (button?.classList.contains("copy")) copy(button);
});
document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, select")) {
    if (event.key === "Escape") { form.reset(); filter(); }
    return;
  }
  if (event.key === "/") { event.preventDefault(); form.elements.symbol.focus(); return; }
  const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
  if (!step) return;
  const shown = rows.filter((row) => !row.hidden).map((row) => row.querySelector(".open"));
  const at = shown.indexOf(document.activeElement?.closest("tr.row")?.querySelector(".open"));
  const next = shown[at < 0 ? 0 : Math.min(Math.max(at + step, 0), shown.length - 1)];
  if (next) { event.preventDefault(); next.focus(); }
});
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
form.hidden = false;
