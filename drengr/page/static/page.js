"use strict";
// Everything here is a convenience: every room works without it.

// Copy buttons. Over plain HTTP there is no clipboard: the text is selected instead.
for (const button of document.querySelectorAll("[data-copy]")) {
  const text = document.getElementById(button.dataset.copy);
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(text);
      button.textContent = "Selected: copy it";
    }
  });
}

// A part of the page that is asked for again: every 2 s, less often while nothing changes, not while nobody looks.
for (const part of document.querySelectorAll("[data-refresh]")) {
  let wait = 2000;
  const ask = async () => {
    if (!document.hidden) {
      const answer = await fetch(part.dataset.refresh).catch(() => null);
      if (answer && answer.status === 401) return;
      const coming = document.createElement("div");
      if (answer && answer.ok) coming.innerHTML = await answer.text();
      const words = (element) => element.textContent.replace(/\d+ (s|min|h|days?) ago/g, "").replace(/\s+/g, " ");
      const isNew = answer && answer.ok && words(coming) !== words(part);
      if (isNew) part.replaceChildren(...coming.childNodes);
      wait = isNew ? 2000 : Math.min(wait * 2, 30000);
    }
    setTimeout(ask, wait);
  };
  setTimeout(ask, wait);
}

// Times in the browser's zone, when wanted. Days, filters and CSV stay UTC.
const zone = document.querySelector("[data-zone]");
if (zone) {
  const pad = (number) => String(number).padStart(2, "0");
  const local = (date) =>
    `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ` +
    `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  const show = (isLocal) => {
    for (const time of document.querySelectorAll("time:not(.ago)")) {
      time.textContent = isLocal ? local(new Date(time.dateTime)) : time.dateTime.slice(0, 19).replace("T", " ");
    }
    zone.textContent = isLocal ? "Show times in UTC" : "Show times in my zone";
    zone.previousSibling.textContent = isLocal ? "Times are in your zone; days and CSV are UTC. " : "Times, days and CSV are UTC. ";
  };
  let isLocal = false;
  try { isLocal = localStorage.getItem("zone") === "local"; } catch {}
  zone.hidden = false;
  if (isLocal) show(true);
  zone.addEventListener("click", () => {
    isLocal = !isLocal;
    try { localStorage.setItem("zone", isLocal ? "local" : "utc"); } catch {}
    show(isLocal);
  });
}
