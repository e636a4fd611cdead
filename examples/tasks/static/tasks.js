// Starts tasks from the forms and polls each until it has ended.
"use strict";

const EACH = 400; // milliseconds between two polls of a task
const PATIENCE = 10; // seconds in the queue before the page wonders about workers
const STATES = {
  PENDING: ["pending", "pending"], RECEIVED: ["pending", "pending"],
  STARTED: ["running", "running"], PROGRESS: ["running", "running"],
  RETRY: ["retrying", "retrying"], REVOKED: ["cancelled", "revoked"],
  SUCCESS: ["succeeded", "succeeded"], FAILURE: ["dead", "failed"],
};
const by = (id) => document.getElementById(id);
const token = by("token");

token.value = sessionStorage.getItem("carillon-token") || "";
token.addEventListener("input", () => {
  sessionStorage.setItem("carillon-token", token.value.trim());
  by("token-wrong").textContent = "";
});
by("token-form").addEventListener("submit", (event) => event.preventDefault());
for (const form of document.querySelectorAll(".tasks form")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    start(form);
  });
}

/** Send a request with the token. Returns the JSON, or throws an Error that a person can read. */
async function ask(url, options = {}) {
  const secret = token.value.trim();
  if (!/^[\x21-\x7e]+$/.test(secret)) throw refusal(secret ? "This is not a token." : "Enter the token first.");
  let answer;
  try {
    answer = await fetch(url, { ...options, headers: { Authorization: `Bearer ${secret}` }, cache: "no-store" });
  } catch {
    throw Object.assign(new Error("The server does not answer."), { passing: true });
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.status === 401) throw refusal("The server does not know this token.");
  if (!answer.ok) {
    const words = body.detail || `The server answered ${answer.status}.`;
    throw Object.assign(new Error(words), { passing: answer.status >= 500 });
  }
  return body;
}

function refusal(words) {
  return Object.assign(new Error(words), { token: true });
}

async function start(form) {
  const [button, wrong] = [form.querySelector("button"), form.querySelector(".wrong")];
  wrong.textContent = "";
  button.disabled = true;
  try {
    const started = await ask(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    follow(started, newRow(started));
  } catch (error) {
    tell(error, wrong);
  } finally {
    button.disabled = false;
  }
}

/** Show an error where it belongs: at the token's field if that is the cause. */
function tell(error, place) {
  if (!error.token) {
    place.textContent = error.message;
    return;
  }
  by("token-wrong").textContent = error.message;
  token.focus();
}

function newRow(started) {
  const row = by("row").content.cloneNode(true).firstElementChild;
  row.querySelector(".name").textContent = started.task.split(".").pop();
  row.querySelector(".id").textContent = started.id;
  by("started").hidden = false;
  by("none").hidden = true;
  by("started").tBodies[0].prepend(row);
  row.scrollIntoView({ block: "nearest" });
  return row;
}

async function follow(started, row) {
  const begin = Date.now();
  for (;;) {
    try {
      const found = await ask(started.url);
      show(found, row, (Date.now() - begin) / 1000);
      if (found.ready) return;
    } catch (error) {
      row.querySelector(".value").textContent = error.message;
      if (!error.passing && !error.token) return;
      if (error.token) by("token-wrong").textContent = error.message;
    }
    await new Promise((wake) => setTimeout(wake, EACH));
  }
}

function show(found, row, seconds) {
  const [kind, word] = STATES[found.state] || ["pending", found.state.toLowerCase()];
  row.querySelector(".st").className = `st st-${kind}`;
  row.querySelector("use").setAttribute("href", `#m-${kind}`);
  row.querySelector(".word").textContent = word;
  row.querySelector(".end").textContent = `${seconds.toFixed(1)} s`;
  const [bar, value] = [row.querySelector("progress"), row.querySelector(".value")];
  const { current, total } = found.progress || {};
  value.classList.toggle("failed", found.successful === false);
  bar.hidden = !(total > 0) || found.ready;
  if (found.ready) {
    value.textContent = typeof found.value === "string" ? found.value : JSON.stringify(found.value);
    by("said").textContent = `${row.querySelector(".name").textContent} ${word}: ${value.textContent}`;
  } else if (total > 0) {
    [bar.max, bar.value] = [total, current];
    bar.setAttribute("aria-label", `${current} of ${total}`);
    value.textContent = `${current} of ${total}`;
  } else if (found.state === "PENDING" && seconds > PATIENCE) {
    value.textContent = `No worker has taken it for ${PATIENCE} s. Is one running?`;
  } else {
    value.textContent = "";
  }
}
