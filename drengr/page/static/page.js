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
const pad = (number) => String(number).padStart(2, "0");
let isLocal = false;
try { isLocal = localStorage.getItem("zone") === "local"; } catch {}

function showTimes(root) {
  for (const time of root.querySelectorAll("time:not(.ago)")) {
    time.dataset.utc ??= time.textContent;
    const at = new Date(time.dateTime);
    const day = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} `;
    const clock = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
    const hasDay = time.dataset.utc.length > clock.length;
    time.textContent = isLocal && !Number.isNaN(at.getTime()) ? (hasDay ? day : "") + clock : time.dataset.utc;
  }
}

function showZone() {
  showTimes(document);
  zone.textContent = isLocal ? "Show times in UTC" : "Show times in my zone";
  zone.previousSibling.textContent = isLocal ? "Times are in your zone; days, filters and CSV are UTC. " : "Times, days, filters and CSV are UTC. ";
}

if (zone) {
  zone.hidden = false;
  if (isLocal) showZone();
  zone.addEventListener("click", () => {
    isLocal = !isLocal;
    try { localStorage.setItem("zone", isLocal ? "local" : "utc"); } catch {}
    showZone();
  });
}

// How long ago the last event came goes on with the time, on the page's own clock: the browser's may be wrong.
const last = document.querySelector(".last time.ago");
const SPANS = [["day", 86400000], ["h", 3600000], ["min", 60000], ["s", 1000]];
let lastAt = last ? -Number(last.dataset.age) : 0;

function showAgo() {
  const distance = Math.max(0, performance.now() - lastAt);
  const [unit, length] = SPANS.find((each) => distance >= each[1]) || SPANS[3];
  const many = Math.floor(distance / length);
  last.textContent = `${many} ${unit}${unit === "day" && many !== 1 ? "s" : ""} ago`;
}

if (last && lastAt <= 0) setInterval(showAgo, 5000);

// Live: new rows on top of the list; asked for like the part above, and by the place where the last look ended.
const live = document.getElementById("live");
if (live) {
  const FASTEST_MS = 2000, SLOWEST_MS = 30000, MOST_ROWS = 300;
  const pause = document.getElementById("pause"), list = document.getElementById("list");
  const body = list.querySelector("tbody");
  let wait = FASTEST_MS, timer = 0, isPaused = false, isAsking = false, hasWaited = false;

  const arrived = (rows, isFlood) => {
    const holder = document.createElement("tbody");
    holder.innerHTML = rows;
    const fresh = [...holder.children].filter((row) => !document.getElementById(row.id));
    for (const row of fresh) row.classList.add("new");
    showTimes(holder);
    body.prepend(...fresh);
    while (body.children.length > MOST_ROWS) body.lastElementChild.remove();
    list.hidden = false;
    for (const note of document.querySelectorAll(".empty")) note.hidden = true;
    if (last && fresh.length) {
      lastAt = performance.now();
      last.removeAttribute("title");
      showAgo();
    }
    const many = `${fresh.length} new ${fresh.length === 1 ? "event" : "events"}`;
    if (fresh.length) live.textContent = many + (isFlood ? "; more came than are shown." : hasWaited ? " waited." : ".");
  };

  const look = async () => {
    const address = new URL(live.dataset.live, location.href);
    address.searchParams.set("after", live.dataset.after);
    const answer = await fetch(address, { redirect: "error" });
    if (answer.status === 401) {
      live.textContent = "You are signed out. Load the page again to sign in.";
      pause.hidden = isPaused = true;
    } else if (answer.ok && !isPaused) { // what was under way when the pause began waits too
      const rows = await answer.text();
      live.dataset.after = answer.headers.get("X-After");
      if (rows) arrived(rows, answer.headers.get("X-Flood") === "1");
      else if (hasWaited) live.textContent = "Nothing came meanwhile.";
      hasWaited = false;
      wait = rows ? FASTEST_MS : Math.min(2 * wait, SLOWEST_MS);
    } else if (!answer.ok) wait = Math.min(2 * wait, SLOWEST_MS);
  };

  const ask = async () => {
    clearTimeout(timer);
    if (document.hidden || isPaused || isAsking) return;
    isAsking = true;
    await look().catch(() => { wait = Math.min(2 * wait, SLOWEST_MS); });
    isAsking = false;
    timer = setTimeout(ask, wait);
  };

  const soon = () => { wait = FASTEST_MS; ask(); };
  timer = setTimeout(ask, wait);
  document.addEventListener("visibilitychange", soon);
  for (const note of document.querySelectorAll(".scriptless")) note.hidden = true;
  pause.hidden = false;
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.textContent = isPaused ? "Go on" : "Pause";
    if (isPaused) live.textContent = "Paused. What comes now waits.";
    else { hasWaited = true; soon(); }
  });
}

// Import: a file is guessed, looked at, sent.
const form = document.getElementById("import");
if (form) {
  const part = (id) => document.getElementById(id);
  const number = (value) => value.toLocaleString("en-US");
  const many = (value, word) => `${number(value)} ${word}${value === 1 ? "" : "s"}`;
  const day = (text) =>
    new Date(text).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
  let file = null;
  let turn = 0; // what an earlier file or choice still brings is not wanted

  const add = (parent, name, text, className) => {
    const element = parent.appendChild(document.createElement(name));
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    return element;
  };

  const addList = (parent, title, rows, row) => {
    if (!rows.length) return;
    add(parent, "h2", title);
    const region = add(parent, "div", undefined, "numbers");
    Object.entries({ role: "region", tabindex: 0, "aria-label": title }).forEach((each) => region.setAttribute(...each));
    const body = add(add(region, "table"), "tbody");
    for (const each of rows.slice(0, 50)) row(add(body, "tr"), each);
    if (rows.length > 50) add(parent, "p", `and ${number(rows.length - 50)} more`, "quiet");
  };

  const addReasons = (parent, answer) => {
    if (answer.skipped) add(parent, "h2", `${many(answer.skipped, "row")} left out, because`);
    const list = add(parent, "ul", undefined, "plain");
    for (const reason of answer.errors || []) add(add(list, "li"), "bdi", reason);
    for (const note of answer.notes || []) add(add(list, "li"), "bdi", `${many(note.rows, "row")}: ${note.note}`);
  };

  const tellDryRun = (answer, report) => {
    const rows = answer.imported + answer.skipped + answer.duplicates;
    const begun = answer.partial ? `In the first ${number(form.dataset.lookedAt / 1048576)} MB: ` : "";
    const words = [`${begun}${many(rows, "row")}`, many(answer.names.length, "name")];
    if (answer.first) words.push(`${day(answer.first)} to ${day(answer.last)}`);
    const keys = answer.dropped_keys.length;
    if (keys) words.push(`${many(keys, "key")} will be left out because ${keys === 1 ? "it looks" : "they look"} personal`);
    add(report, "p", words.join(", ") + ".");
    add(report, "p", `New: ${number(answer.imported)}. Here already: ${number(answer.duplicates)}. ` +
      `No events: ${number(answer.skipped)}. Nothing is stored yet.`);
    addReasons(report, answer);
    addList(report, "Names", answer.names, (row, each) => {
      add(add(row, "th"), "bdi", each.original);
      add(row, "td", number(each.events), "n");
    });
    addList(report, "Keys left out", answer.dropped_keys, (row, each) => {
      add(add(row, "th"), "bdi", each.key);
      add(row, "td", `holds ${each.word}`);
      add(row, "td", number(each.count), "n");
    });
  };

  const tellDone = (answer, report) => {
    add(report, "p", `Done: ${number(answer.imported)} stored, ${number(answer.duplicates)} here already, ` +
      `${number(answer.skipped)} left out, of ${many(answer.files, "file")}.`);
    addReasons(report, answer);
    const link = add(add(report, "p"), "a", "See the names");
    link.href = form.dataset.names;
  };

  const tell = (answer) => {
    const report = part("report");
    report.replaceChildren();
    if (answer.error) {
      const sentence = add(report, "p", undefined, "bad");
      add(sentence, "strong", "Not this way: ");
      add(sentence, "bdi", answer.error);
      addReasons(report, answer);
    } else if (answer.dry_run) tellDryRun(answer, report);
    else tellDone(answer, report);
  };

  const show = (words, share) => {
    part("going").hidden = words === "";
    part("going-words").textContent = words;
    if (share === undefined) part("progress").removeAttribute("value");
    else part("progress").value = share;
  };

  const query = (isDryRun) => {
    const asked = { source: part("source").value, app_package: part("app_package").value, time_zone: part("time_zone").value };
    if (asked.source === "generic") asked.mapping = part("mapping").value;
    if (isDryRun) asked.dry_run = "1";
    return new URLSearchParams(Object.entries(asked).filter((each) => each[1]));
  };

  const lost = "the connection broke, or the service cannot be reached. What was sent is stored; sending it again is safe";
  const answerOf = (request) => {
    try {
      return JSON.parse(request.responseText.trim().split("\n").pop());
    } catch {
      return { error: request.status === 401 ? "you are not signed in any more: load this page again" : lost };
    }
  };

  // One POST, the file as its body.
  const send = (body, isDryRun, headers, tellProgress) =>
    new Promise((resolve) => {
      const request = new XMLHttpRequest();
      request.open("POST", `${form.dataset.file}?${query(isDryRun)}`);
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      request.upload.addEventListener("progress", (event) => tellProgress(event.loaded / (event.total || 1), ""));
      request.addEventListener("progress", () => {
        const lines = request.responseText.split("\n");
        if (lines.length > 1) tellProgress(1, lines[lines.length - 2]);
      });
      request.addEventListener("loadend", () => resolve(answerOf(request)));
      request.send(body);
    });

  const look = async () => {
    const mine = ++turn;
    part("store").disabled = true;
    if (!file || !part("source").value) return;
    const most = Number(form.dataset.lookedAt);
    const isPart = file.size > most;
    const headers = { "Content-Type": "application/octet-stream" };
    if (isPart) headers["Content-Range"] = `bytes 0-${most - 1}/${file.size}`;
    const isZip = (await file.slice(0, 2).text()) === "PK";
    if (isPart && isZip) {
      part("report").replaceChildren();
      add(part("report"), "p", "This zip is larger than 64 MB and is only looked into when it is imported. To look before, run drengr import FILE --dry-run on the machine of the service.");
    } else {
      show("Looking at it", undefined);
      const answer = await send(file.slice(0, most), true, headers, () => {});
      if (mine !== turn) return;
      show("");
      tell(answer);
      if (answer.error) return;
    }
    if (mine === turn) part("store").disabled = false;
  };

  const choose = async (chosen) => {
    file = chosen;
    const mine = ++turn;
    part("guessed").textContent = "";
    part("report").replaceChildren();
    const head = file.slice(0, Number(form.dataset.head));
    const answer = await fetch(form.dataset.guess, { method: "POST", body: head }).catch(() => null);
    const guess = answer && answer.ok ? (await answer.json()).source : null;
    if (mine !== turn) return;
    if (guess === "drengr") {
      part("guessed").textContent = "This is an export of Drengr itself: drengr import --source drengr takes it, on the machine of the service.";
      return;
    }
    part("source").value = guess || part("source").value;
    part("guessed").textContent = guess ? "Guessed from the beginning of the file." : "Its beginning does not tell: choose.";
    part("source").dispatchEvent(new Event("change"));
  };

  form.hidden = false;
  part("file").addEventListener("change", () => part("file").files.length && choose(part("file").files[0]));
  part("source").addEventListener("change", () => {
    part("mapping-field").hidden = part("source").value !== "generic";
    if (part("source").value !== "generic") look();
    else part("store").disabled = true;
  });
  part("look").addEventListener("click", look);
  for (const id of ["mapping", "app_package", "time_zone"]) {
    part(id).addEventListener("input", () => { turn++; part("store").disabled = true; });
  }
  for (const kind of ["dragover", "dragleave", "drop"]) {
    form.addEventListener(kind, (event) => {
      event.preventDefault();
      form.classList.toggle("over", kind === "dragover");
      const dropped = kind === "drop" && event.dataTransfer.files;
      if (dropped && dropped.length) {
        part("file").files = dropped;
        choose(dropped[0]);
      }
    });
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!file || part("store").disabled) return;
    const mine = ++turn;
    for (const id of ["store", "look", "file", "source"]) part(id).disabled = true;
    const name = encodeURIComponent(file.name).replace(/['()*]/g, (each) => `%${each.charCodeAt(0).toString(16)}`);
    const headers = {
      "Content-Type": "application/octet-stream",
      "Content-Disposition": `attachment; filename*=UTF-8''${name}`,
      Accept: "application/x-ndjson",
    };
    const answer = await send(file, false, headers, (share, line) => {
      let words = `${Math.floor(share * 100)} % sent`;
      try {
        if (line) words = `All sent; ${many(((c) => c.imported + c.skipped + c.duplicates)(JSON.parse(line)), "row")} read`;
      } catch {}
      show(words, share < 1 ? share : undefined);
    });
    for (const id of ["look", "file", "source"]) part(id).disabled = false;
    if (mine !== turn) return;
    show("");
    tell(answer);
  });
}
