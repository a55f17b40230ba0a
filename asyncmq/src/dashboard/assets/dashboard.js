// What pages can do beyond being read: look again as things happen, offer what comes next in a query, and obey keys.
// Nothing here writes HTML of its own; what the server sends is taken over node by node.
"use strict";
(() => {
  const prefix = document.body.dataset.prefix;
  const $ = (id) => document.getElementById(id);
  const store = { get: (key) => { try { return localStorage.getItem(key); } catch { return null; } }, set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* not kept, then */ } } };

  // Live pages.
  const button = $("live");
  const feed = $("feed");
  const url = feed ? feed.dataset.events : document.body.dataset.live;
  let source = null;
  let isLooking = false;
  let wantsMore = false;

  const isBusy = () => {
    const field = document.activeElement;
    const isTyping = field && field.closest("[data-part]") && /^(INPUT|TEXTAREA|SELECT)$/.test(field.tagName) && field.type !== "checkbox";
    const isOpen = document.querySelector("dialog[open], [data-part] details[open]");
    const chosen = getSelection();
    return isTyping || isOpen || (chosen && !chosen.isCollapsed);
  };

  async function lookAgain() {
    if (isLooking) { wantsMore = true; return; }
    if (isBusy() || document.hidden) return;
    isLooking = true;
    try {
      const answer = await fetch(location.href, { headers: { "x-asyncmq-live": "1" }, credentials: "same-origin" });
      if (answer.status === 401) { location.reload(); return; }
      if (answer.ok && !isBusy()) {
        takeOver(new DOMParser().parseFromString(await answer.text(), "text/html"));
        show("fresh");
      }
    } catch { show("lost"); } finally { isLooking = false; }
    if (wantsMore) { wantsMore = false; lookAgain(); }
  }

  function takeOver(page) {
    for (const part of document.querySelectorAll("[data-part]")) {
      const next = page.getElementById(part.id);
      if (!next || next.innerHTML === part.innerHTML) continue;
      const picked = new Set([...part.querySelectorAll("input[type=checkbox]:checked")].map((box) => box.value));
      const focused = part.contains(document.activeElement) ? document.activeElement : null;
      const place = focused ? [...part.querySelectorAll("a,button,input")].indexOf(focused) : -1;
      const here = [...part.querySelectorAll("tbody tr")].findIndex((row) => row.classList.contains("here"));
      const scrolled = [...part.querySelectorAll(".scroll, .log, pre")].map((box) => [box.scrollLeft, box.scrollTop]);
      part.className = next.className;
      part.replaceChildren(...next.childNodes);
      part.querySelectorAll(".scroll, .log, pre").forEach((box, number) => { if (scrolled[number]) [box.scrollLeft, box.scrollTop] = scrolled[number]; });
      for (const box of part.querySelectorAll("input[type=checkbox]")) if (picked.has(box.value)) box.checked = true;
      if (0 <= place) part.querySelectorAll("a,button,input")[place]?.focus({ preventScroll: true });
      if (0 <= here) part.querySelectorAll("tbody tr")[here]?.classList.add("here");
      unhide(part);
    }
    const badge = page.querySelector(".side");
    const side = document.querySelector(".side");
    if (badge && side && badge.innerHTML !== side.innerHTML && !side.contains(document.activeElement)) side.replaceChildren(...badge.childNodes);
    count();
  }

  function show(word) {
    if (!button) return;
    button.classList.toggle("lost", word === "lost");
    button.classList.remove("fresh");
    if (word === "fresh") { void button.offsetWidth; button.classList.add("fresh"); }
  }

  function cell(row, text, name) {
    const cell = row.insertCell();
    if (name) cell.className = name;
    cell.textContent = text;
    return cell;
  }

  function link(event) {
    const link = document.createElement("a");
    link.className = "name";
    link.href = prefix + "/job?" + new URLSearchParams({ queue: event.queue || "", id: event.job });
    link.textContent = event.task || event.job;
    return link;
  }

  const TONES = { "job:completed": "good", "job:failed": "bad", "job:expired": "bad", "job:stalled": "bad", "job:dropped": "bad", "job:retrying": "warn", "queue:paused": "warn" };

  function add(event) {
    const row = feed.insertRow(0);
    cell(row, event.time.slice(11, 19));
    const kind = document.createElement("span");
    kind.className = "kind " + (TONES[event.kind] || "");
    kind.textContent = event.kind;
    cell(row, "").append(kind);
    const queue = document.createElement("span");
    queue.className = "in";
    queue.textContent = event.queue || "";
    const what = cell(row, "");
    if (event.job) what.append(link(event), " ");
    what.append(queue);
    cell(row, event.detail || "", "wide");
    while (500 < feed.rows.length) feed.deleteRow(-1);
    feed.closest("section").querySelector(".empty")?.remove();
    show("fresh");
  }

  function listen() {
    if (source || !url) return;
    source = new EventSource(url);
    source.addEventListener("change", lookAgain);
    source.addEventListener("quiet", () => show(""));
    source.addEventListener("event", (message) => add(JSON.parse(message.data)));
    source.addEventListener("open", () => { button.dataset.open = ""; show(""); });
    source.addEventListener("error", () => {
      show("lost");
      // A stream that is refused, as after a logout, is not tried again by the browser.
      if (source && source.readyState === EventSource.CLOSED) { stop(); setTimeout(() => { if (isLive()) listen(); }, 5000); }
    });
  }
  function stop() { source?.close(); source = null; delete button?.dataset.open; }
  const isLive = () => button?.getAttribute("aria-pressed") === "true";
  function setLive(on) {
    button.setAttribute("aria-pressed", String(on));
    button.lastElementChild.textContent = on ? "Live" : "Paused";
    store.set("asyncmq.live", on ? "on" : "off");
    if (on) { listen(); if (!feed) lookAgain(); } else stop();
  }
  if (button && url) {
    button.hidden = false;
    button.addEventListener("click", () => setLive(!isLive()));
    if (store.get("asyncmq.live") === "off") { button.setAttribute("aria-pressed", "false"); button.lastElementChild.textContent = "Paused"; } else listen();
    document.addEventListener("visibilitychange", () => { if (!document.hidden && isLive() && !feed) lookAgain(); });
    // An open stream would take one of the few connections that a browser has for a host.
    addEventListener("pagehide", stop);
    addEventListener("pageshow", (event) => { if (event.persisted && isLive()) listen(); });
  }

  // What scripts alone can do is shown only where there are scripts.
  function unhide(within) {
    for (const one of within.querySelectorAll("[data-copy], [data-all]")) one.hidden = false;
  }
  unhide(document);
  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copy]");
    if (!copy) return;
    try { await navigator.clipboard.writeText($(copy.dataset.copy).textContent); copy.textContent = "Copied"; } catch { copy.textContent = "Not allowed"; }
  });

  // Picking rows.
  function count() {
    const hint = document.querySelector("[data-picked]");
    if (!hint) return;
    const picked = document.querySelectorAll("td.pick input:checked").length;
    hint.textContent = picked ? picked + " picked" : "all of this list, unless some are picked";
    const all = document.querySelector("[data-all]");
    if (all) all.checked = picked !== 0 && picked === document.querySelectorAll("td.pick input").length;
  }
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-all]")) for (const box of document.querySelectorAll("td.pick input")) box.checked = event.target.checked;
    if (event.target.closest(".pick")) count();
  });
  count();

  // An empty page of a long list goes on looking by itself, for a while.
  const goOn = document.querySelector("[data-go-on]");
  if (goOn) {
    const tries = Number(sessionStorage.getItem("asyncmq.go-on") || 0);
    if (tries < 100) { sessionStorage.setItem("asyncmq.go-on", String(tries + 1)); setTimeout(() => location.replace(goOn.href + "&by=page"), 50); }
  } else sessionStorage.removeItem("asyncmq.go-on");

  // The search field: a list of what may come next.
  const field = $("search");
  if (field) {
    field.removeAttribute("list");
    const list = document.createElement("ul");
    list.className = "offers";
    list.id = "offers";
    list.hidden = true;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "What may come next");
    field.after(list);
    for (const [name, value] of [["role", "combobox"], ["aria-controls", "offers"], ["aria-expanded", "false"], ["aria-autocomplete", "list"]]) field.setAttribute(name, value);
    let offers = [];
    let chosen = -1;
    let asked = 0;
    // What the offers that are shown were made for: more may have been typed since.
    let madeFor = null;
    const close = () => { list.hidden = true; chosen = -1; field.setAttribute("aria-expanded", "false"); field.removeAttribute("aria-activedescendant"); };
    const mark = (number) => {
      chosen = number;
      [...list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === chosen)));
      if (0 <= chosen) { field.setAttribute("aria-activedescendant", "offer-" + chosen); list.children[chosen].scrollIntoView({ block: "nearest" }); }
    };
    const take = (number) => {
      field.value = offers[number].query + (offers[number].query.endsWith(":") ? "" : " ");
      field.focus();
      offer();
    };
    async function complete() {
      const picked = chosen;
      if (picked < 0 && madeFor !== field.value) await offer();
      if (offers.length) take(Math.max(picked, 0));
    }
    async function offer() {
      const mine = ++asked;
      try {
        const answer = await fetch(prefix + "/suggest?" + new URLSearchParams({ q: field.value }), { credentials: "same-origin" });
        const found = answer.ok ? await answer.json() : [];
        if (mine !== asked || document.activeElement !== field) return;
        offers = found;
        madeFor = field.value;
      } catch { offers = []; }
      list.replaceChildren(...offers.map((one, number) => {
        const item = document.createElement("li");
        item.id = "offer-" + number;
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", "false");
        const shown = document.createElement("code");
        shown.textContent = one.shown;
        const means = document.createElement("span");
        means.textContent = one.means;
        item.append(shown, means);
        item.addEventListener("mousedown", (event) => { event.preventDefault(); take(number); });
        return item;
      }));
      chosen = -1;
      list.hidden = offers.length === 0;
      field.setAttribute("aria-expanded", String(!list.hidden));
    }
    field.addEventListener("input", offer);
    field.addEventListener("focus", offer);
    field.addEventListener("blur", () => { asked++; close(); });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { if (list.hidden) field.blur(); else close(); event.preventDefault(); return; }
      if (list.hidden) return;
      if (event.key === "ArrowDown") { mark((chosen + 1) % offers.length); event.preventDefault(); }
      if (event.key === "ArrowUp") { mark((chosen + offers.length) % offers.length - (chosen <= 0 ? 0 : 1)); event.preventDefault(); }
      if (event.key === "Enter" && 0 <= chosen) { take(chosen); event.preventDefault(); }
      if (event.key === "Tab" && !event.shiftKey) { complete(); event.preventDefault(); }
    });
  }

  // Keys.
  const PLACES = { o: "/", q: "/queues", j: "/jobs", d: "/dead", f: "/flows", s: "/schedules", l: "/limits", w: "/workers", t: "/tasks", m: "/stats", e: "/events", a: "/audit", c: "/doctor" };
  let goes = 0;
  const rows = () => [...document.querySelectorAll("main .rows tbody tr")];
  function move(by) {
    const all = rows();
    if (!all.length) return;
    const here = all.findIndex((row) => row.classList.contains("here"));
    all[here]?.classList.remove("here");
    const next = all[here < 0 ? (0 < by ? 0 : all.length - 1) : Math.min(Math.max(here + by, 0), all.length - 1)];
    next.classList.add("here");
    next.scrollIntoView({ block: "nearest" });
  }
  const KEYS = {
    "/": () => field?.focus(),
    "?": () => $("help")?.showModal(),
    g: () => { goes = Date.now(); },
    j: () => move(1),
    k: () => move(-1),
    p: () => { if (button && url) setLive(!isLive()); },
    x: () => { const box = document.querySelector("tr.here td.pick input"); if (box) { box.checked = !box.checked; count(); } },
    Enter: () => document.querySelector("tr.here a.name")?.click(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.target.type !== "checkbox") return;
    if (event.key === "Enter" && event.target !== document.body && event.target.id !== "main") return;
    if (document.querySelector("dialog[open]")) return;
    const isGoing = Date.now() - goes < 1500;
    if (isGoing && PLACES[event.key]) { goes = 0; location.href = prefix + (PLACES[event.key] === "/" && prefix ? "" : PLACES[event.key]); event.preventDefault(); return; }
    const act = Object.hasOwn(KEYS, event.key) ? KEYS[event.key] : null;
    if (act) { act(); if (event.key !== "Enter") event.preventDefault(); }
  });
})();
