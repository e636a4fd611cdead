// Everything works without this file. It adds keys, a theme, copy buttons, and news without loading the page again.
const root = document.documentElement, keys = document.getElementById("keys");
const saved = localStorage.getItem("theme");
if (saved) root.dataset.theme = saved;

function show() {
  for (const part of document.querySelectorAll("[data-js]")) part.hidden = false;
}

function theme() {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  localStorage.setItem("theme", root.dataset.theme = dark ? "light" : "dark");
}

function step(by) {
  const rows = [...document.querySelectorAll("table[data-keys] tbody tr")];
  const at = rows.findIndex((row) => row.classList.contains("here"));
  const row = rows[Math.min(Math.max(at + by, 0), rows.length - 1)];
  if (!row) return;
  rows[at]?.classList.remove("here");
  row.classList.add("here");
  row.querySelector("a")?.focus();
}

document.addEventListener("click", (event) => {
  const part = event.target.closest("[data-js]");
  if (part?.dataset.js === "theme") theme();
  if (part?.dataset.js === "keys") keys?.showModal();
  if (part?.dataset.js === "copy") navigator.clipboard.writeText(document.getElementById(part.dataset.from).innerText);
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input:not([type=checkbox], [type=radio]), textarea, select")) return;
  if (event.key === "/") { event.preventDefault(); document.querySelector("main [type=search], [type=search]")?.focus(); }
  if (event.key === "?") keys?.showModal();
  if (event.key === "j") step(1);
  if (event.key === "k") step(-1);
  if (event.key === "r") document.querySelector("[data-js=pause], [data-js=go]")?.click();
});

// News: parts marked data-live are replaced by those of the same id of the page as it is now. A part in which
// somebody has ticked, opened, selected or written something is left alone.
function busy(part) {
  const at = getSelection();
  return part.querySelector("details[open], :checked:not([data-was]), dialog[open]") || part.contains(document.activeElement?.closest("input, textarea, select"))
    || (at && !at.isCollapsed && part.contains(at.anchorNode));
}

async function news() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]:not(body), #took, #failed")) {
    const fresh = page.getElementById(part.id);
    if (!fresh || busy(part) || fresh.outerHTML === part.outerHTML) continue;
    const href = part.contains(document.activeElement) && document.activeElement.getAttribute("href");
    const here = [...part.querySelectorAll("tbody tr")].findIndex((row) => row.classList.contains("here"));
    part.replaceWith(fresh);
    if (here >= 0) fresh.querySelectorAll("tbody tr")[here]?.classList.add("here");
    if (href) [...fresh.querySelectorAll("a")].find((link) => link.getAttribute("href") === href)?.focus();
  }
  document.title = page.title;
  show();
}

// A form that can be previewed shows its preview while it is filled in. The server makes it, and stores nothing.
const form = document.querySelector("form[data-preview]");
let soon, asked;

async function preview() {
  asked?.abort();
  asked = new AbortController();
  const body = new URLSearchParams(new FormData(form));
  body.set("do", "fragment");
  try {
    const answer = await fetch(form.action, { method: "POST", body, signal: asked.signal });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("preview");
    if (fresh) document.getElementById("preview").replaceChildren(...fresh.childNodes);
  } catch { /* somebody typed on, or the server is away: the button does the same */ }
}

form?.addEventListener("input", () => { clearTimeout(soon); soon = setTimeout(preview, 400); });

async function look() {
  try {
    if (!document.hidden) await news();
  } catch { /* the server is away: the next look may find it */ }
  setTimeout(look, document.body.dataset.live * 1000);
}

show();
if (document.body.dataset.live) setTimeout(look, document.body.dataset.live * 1000);
