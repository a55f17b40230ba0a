// Texts that would be code if a page took them for markup, in a real browser: nothing of them runs, and nothing is even tried.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { get, post, start, until, visit } from "./site.mjs";

const SHAPES = [
  "<script>CODE</script>", "</script><script>CODE</script>", "<img src=x onerror=CODE>", "\"><img src=x onerror=CODE>",
  "'><svg onload=CODE>", "\" onmouseover=\"CODE\" x=\"", "' autofocus onfocus='CODE", "javascript:CODE",
  "</title><script>CODE</script>", "</textarea><script>CODE</script>", "</pre><script>CODE</script>",
  "<!--<img src='--><img src=x onerror=CODE>'>", "{{CODE}}", "<iframe srcdoc='<script>CODE</script>'>",
  "<a href=javascript:CODE>x</a>", "<style>*{display:none}</style>", "<template><script>CODE</script></template>",
  "<math><mtext></p><script>CODE</script>", "&lt;script&gt;CODE&lt;/script&gt;", "<input autofocus onfocus=CODE>",
];
const TEXTS = Array.from({ length: 200 }, (_, number) => {
  const text = SHAPES[number % SHAPES.length].replace("CODE", "window.__pwned=1");
  return number + ["", "\u202e", "&amp;", "\\", "%3C", "+", "\u2028", "`", "${x}", "]]>"][number % 10] + text;
});

let site;
before(async () => { site = await start({ host: "<img src=x onerror=window.__pwned=1>", title: "<script>window.__pwned=1</script>" }); });
after(async () => { await site?.stop(); });

test("nothing that people write runs on any page", async () => {
  // As queue, task, id, tag and header; as argument and error; and as argument and result.
  const add = async (text, number) => {
    await post(site, "/api/jobs", { task: text, queue: text, id: text, tags: [text], headers: { [text]: text }, args: { [text]: text } });
    // Not each, as it would take too long.
    if (number % 11 === 0) {
      const job = { task: text, queue: text, tags: [text], headers: { [text]: text }, args: { [text]: text } };
      await post(site, "/api/schedules", { id: text, when: "1d", job });
      await post(site, "/api/schedule/pause", { id: text, reason: text });
      await post(site, "/api/queue/limit", { queue: text, task: text, concurrency: 1 });
    }
    await post(site, "/api/jobs", { task: "app.fetch", args: { path: text }, id: `fail-${number}` });
    await post(site, "/api/jobs", { task: "greet", args: { to: text }, id: `echo-${number}` });
  };
  for (let from = 0; from < 200; from += 20) await Promise.all(TEXTS.slice(from, from + 20).map((text, place) => add(text, from + place)));
  await until("the ends", async () => {
    const queue = await get(site, "/api/queue?name=mail");
    return queue.failed === 200 && queue.completed === 200;
  });
  // Flows, whose jobs would have been counted.
  const few = TEXTS.filter((_, number) => number % 11 === 0);
  for (const text of few) await post(site, "/api/jobs", { task: "order", args: { id: `${text}+`, path: text } });
  await until("the flows", async () => (await get(site, "/api/flows?state=failed&queue=mail")).flows.length === few.length);
  const pages = ["/", "/queues", "/jobs?limit=200", "/dead?limit=200", "/jobs?queue=mail&state=completed&limit=200", "/flows?limit=200", "/flows?queue=mail&limit=200", "/schedules?limit=200", "/limits", "/workers", "/tasks", "/stats", "/events", "/audit", "/doctor"];
  TEXTS.forEach((text, number) => {
    const one = encodeURIComponent(text);
    pages.push(`/job?queue=${one}&id=${one}`);
    if (number % 4 === 0) pages.push(`/job?queue=mail&id=fail-${number}`, `/job?queue=mail&id=echo-${number}`);
    if (number % 10 === 0) pages.push(`/queue?name=${one}`, `/jobs?q=${one}`, `/events?kind=${one}&queue=${one}`, `/login?next=${one}`, `/bulk?order=cancel&queue=${one}`, `/job?id=none${one}`);
  });
  few.map(encodeURIComponent).forEach((one) => {
    pages.push(`/flow?id=${one}%2B`, `/job?id=${one}%2B.1`);
    pages.push(`/schedule?id=${one}`, `/schedule/edit?id=${one}`, `/limits?queue=${one}&task=${one}&key=${one}`, `/limits/edit?queue=${one}&task=${one}`);
  });
  // Several at once: that is how long a person would wait.
  const work = [...pages];
  const seen = [];
  await Promise.all([0, 1].map(async () => {
    const { page, complaints } = await visit(site, "admin");
    // A list that found nothing yet would go on to its next page by itself, and be in the way.
    await page.addInitScript(() => sessionStorage.setItem("asyncmq.go-on", "100"));
    for (let path = work.pop(); path !== undefined; path = work.pop()) {
      await page.goto(site.url + path, { waitUntil: "domcontentloaded" });
      assert.equal(await page.evaluate(() => window.__pwned), undefined, path);
      seen.push(path);
    }
    // A refused page is an error of the network, which the console tells too; a policy that had to step in is not.
    const tried = complaints.filter((complaint) => !/status of (400|404)/.test(complaint));
    assert.deepEqual(tried, []);
  }));
  assert.equal(seen.length, pages.length);

  // The feed of events is written by a script.
  const { page, complaints } = await visit(site, "admin");
  await page.goto(`${site.url}/events`);
  await page.waitForSelector("#live[data-open]");
  await post(site, "/api/jobs", { task: TEXTS[3], queue: TEXTS[2], id: `${TEXTS[4]}live`, tags: [] });
  await page.waitForFunction((text) => document.getElementById("feed").textContent.includes(text), TEXTS[3]);
  assert.equal(await page.evaluate(() => window.__pwned), undefined);
  // And so is the list of what may come next.
  await page.keyboard.press("/");
  await page.keyboard.type("queue:1");
  await page.waitForSelector("#offers li");
  assert.equal(await page.evaluate(() => window.__pwned), undefined);
  assert.deepEqual(complaints, []);
});
