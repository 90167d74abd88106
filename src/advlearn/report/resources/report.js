// Sorts and filters tables, shows where one is, saves data as CSV, and opens folds for the printer.
// The page reads the same without it: folds are <details>, data are links.
"use strict";

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
document.documentElement.classList.add("scripted");

// --- tables ---------------------------------------------------------------------------------------

all("table").forEach((table) => new Tablesort(table));

const FILTERED = 10; // rows from which a filter is of use

all(".listing").forEach((listing, place) => {
  const rows = all("tbody tr", listing);
  if (rows.length < FILTERED) return;
  const bar = document.createElement("p");
  bar.className = "filter";
  bar.innerHTML = `<label for="filter-${place}">Filter rows</label><input id="filter-${place}" type="search"><span role="status"></span>`;
  listing.querySelector("p").after(bar);
  const folds = all("details:not(.made)", listing);
  bar.querySelector("input").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    rows.forEach((row) => { row.hidden = !row.textContent.toLowerCase().includes(wanted); });
    folds.forEach((fold) => {
      const some = all("tbody tr", fold).some((row) => !row.hidden);
      fold.hidden = !some;
      if (wanted && some) fold.open = true;
    });
    const left = rows.filter((row) => !row.hidden).length;
    bar.querySelector("span").textContent = wanted ? `${left} of ${rows.length} rows` : "";
  });
});

// --- contents -------------------------------------------------------------------------------------

const links = all("nav a");
const places = links.map((link) => document.getElementById(link.hash.slice(1)));
if (window.matchMedia("(max-width: 64rem)").matches) document.querySelector("nav details").open = false;

function showPlace() {
  let here = 0;
  places.forEach((place, number) => {
    if (place.getBoundingClientRect().top < window.innerHeight * 0.3) here = number;
  });
  if (links[here].hasAttribute("aria-current")) return;
  all("nav .here").forEach((entry) => entry.classList.remove("here"));
  links.forEach((link, number) => link.toggleAttribute("aria-current", number === here));
  links[here].setAttribute("aria-current", "location");
  for (let entry = links[here].closest("li"); entry; entry = entry.parentElement.closest("li")) {
    entry.classList.add("here");
  }
}

let waiting = false;
window.addEventListener("scroll", () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; showPlace(); });
}, { passive: true });
showPlace();

// --- data -----------------------------------------------------------------------------------------

all("a.data").forEach((link) => link.addEventListener("click", async (event) => {
  if (!("DecompressionStream" in window)) return; // the link itself saves the packed file
  event.preventDefault();
  const packed = Uint8Array.from(atob(link.href.split(",")[1]), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const saved = document.createElement("a");
  saved.href = URL.createObjectURL(new Blob([await new Response(stream).blob()], { type: "text/csv" }));
  saved.download = link.download.replace(/\.gz$/, "");
  saved.click();
  setTimeout(() => URL.revokeObjectURL(saved.href), 1000);
}));

// --- printing -------------------------------------------------------------------------------------

let folded = [];
window.addEventListener("beforeprint", () => {
  folded = all("main details:not([open]):not(.made)");
  folded.forEach((fold) => { fold.open = true; });
});
window.addEventListener("afterprint", () => folded.forEach((fold) => { fold.open = false; }));
