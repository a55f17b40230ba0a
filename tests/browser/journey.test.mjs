// From a failure to its end by clicks, and what a browser shows on the way.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { get, post, start, until, visit } from "./site.mjs";

let site;
before(async () => { site = await start(); });
after(async () => { await site?.stop(); });

test("a failed job is found by search, read, retried, and seen to complete live", async () => {
  const path = join(site.folder, "file");
  const { id } = await post(site, "/api/jobs", { task: "app.fetch", args: { path }, tags: ["vip"] });
  await until("the failure", async () => (await get(site, `/api/job?id=${id}`)).state === "failed");
  const { page, complaints } = await visit(site, "operator");

  await page.keyboard.press("/");
  await page.keyboard.type("sta");
  await page.click("#offers li:has-text('state:')");
  await page.keyboard.type("fai");
  await page.waitForSelector("#offers li:has-text('state:failed')");
  await page.keyboard.press("Tab");
  await page.keyboard.type("error:disk tag:vip");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=state%3Afailed/);
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/job\?/);
  assert.match(await page.textContent(".failure pre"), /no .*file: the.*disk/);

  writeFileSync(path, "12345");
  await page.click("button:has-text('Retry')");
  // No reload from here on: the page looks again by itself.
  await page.waitForSelector("#job .state.completed");
  assert.equal((await page.textContent("article:has(h2:text('Result')) pre")).trim(), "5");
  assert.deepEqual(complaints, []);
});

test("a queue is paused, and shows it at once", async () => {
  await post(site, "/api/jobs", { task: "greet", args: { to: "ann" } });
  const { page, complaints } = await visit(site, "operator");
  await page.goto(`${site.url}/queues`);
  await page.click("button[aria-label='Pause mail']");
  await page.waitForSelector("tr:has-text('mail') .status:text('paused')");
  assert.equal((await get(site, "/api/queue?name=mail")).paused, true);
  await post(site, "/api/queue/resume", { queue: "mail" });
  await page.waitForSelector("tr:has-text('mail') .status:text('served')");
  assert.deepEqual(complaints, []);
});

test("many dead letters are retried after a look and a confirmation", async () => {
  const path = join(site.folder, "many");
  for (let number = 0; number < 12; number++) await post(site, "/api/jobs", { task: "app.fetch", args: { path }, tags: ["many"] });
  await until("the failures", async () => (await get(site, "/api/dead?q=tag:many")).jobs.length === 12);
  const { page, complaints } = await visit(site, "operator");
  await page.keyboard.press("g");
  await page.keyboard.press("d");
  await page.waitForURL(/\/dead/);
  await page.goto(`${site.url}/dead?q=tag:many`);
  assert.equal(await page.locator("#rows tbody tr").count(), 12);
  await page.click("button:has-text('Retry…')");
  assert.match(await page.textContent(".big"), /This would retry 12 jobs\./);
  assert.equal(await page.locator("tbody tr").count() >= 5, true);
  assert.equal((await get(site, "/api/dead?q=tag:many")).jobs.length, 12, "nothing was changed yet");
  writeFileSync(path, "x");
  await page.click("button:has-text('Retry 12 jobs')");
  await page.waitForSelector("text=12 jobs changed.");
  await until("the ends", async () => (await get(site, "/api/jobs?q=tag:many%20state:completed")).jobs.length === 12);
  await page.goto(`${site.url}/audit`);
  await page.waitForSelector("tr:has-text('operator'):has-text('job.retry'):has-text('12')");
  assert.deepEqual(complaints, []);
});

test("a flow is found, its graph is read, retried, and seen to complete live", async () => {
  const path = join(site.folder, "parts");
  await post(site, "/api/jobs", { task: "order", args: { id: "order 7", path } });
  await until("the failure", async () => (await get(site, "/api/flows?state=failed")).flows.length === 1);
  const { page, complaints } = await visit(site, "operator");
  await page.keyboard.press("g");
  await page.keyboard.press("f");
  await page.waitForURL(/\/flows/);
  await page.click("a.name:has-text('order 7')");
  await page.waitForURL(/\/flow\?/);
  assert.equal(await page.locator("#graph a.state").count(), 4);
  assert.equal(await page.locator("#graph a.state.failed").count(), 3);
  assert.equal(await page.locator("#graph path.line").count(), 4);
  // From left to right, and nothing on anything else.
  const boxes = await page.evaluate(() => [...document.querySelectorAll("#graph a .ground")].map((one) => { const { x, y } = one.getBoundingClientRect(); return [x, y]; }));
  assert.ok(boxes[0][0] < boxes[1][0] && boxes[1][0] === boxes[2][0] && boxes[2][0] < boxes[3][0] && boxes[1][1] < boxes[2][1], JSON.stringify(boxes));

  writeFileSync(path, "12345");
  await post(site, "/api/queue/pause", { queue: "mail" });
  await page.click("summary:has-text('Retry')");
  await page.click("button:has-text('Retry 3 jobs')");
  await page.waitForSelector("text=begins anew");
  assert.equal(await page.locator("#graph a.state.completed").count(), 1);
  // No reload from here on: the page looks again by itself.
  await post(site, "/api/queue/resume", { queue: "mail" });
  await page.waitForFunction(() => document.querySelectorAll("#graph a.state.completed").length === 4);
  await page.waitForSelector("#flow .state.completed");
  await page.locator("#graph a.state").nth(3).click();
  await page.waitForURL(/\/job\?/);
  assert.equal(await page.locator("#parents a").count(), 2);
  await page.click("a:has-text('order 7')");
  await page.waitForURL(/\/flow\?/);
  assert.deepEqual(complaints, []);
});

test("a schedule is made, seen, run, paused, changed and removed by clicks", async () => {
  const { page, complaints } = await visit(site, "admin");
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await page.waitForURL(/\/schedules/);
  await page.click("text=New schedule…");
  await page.fill("input[name=id]", "mornings");
  await page.fill("input[name=task]", "greet");
  await page.fill("textarea[name=args]", '{"to": "ann", "token": "s3cr3t"}');
  await page.fill("input[name=when]", "0 9 * * 1-5");
  await page.fill("input[name=tz]", "Europe/Zurich");
  await page.click("button:has-text('Make it')");
  await page.waitForURL(/\/schedule\?id=mornings/);
  assert.match(await page.textContent("#schedule"), /At 09:00, on Monday.*\(Europe\/Zurich\)/s);
  assert.equal(await page.locator("aside .timeline li").count(), 10);
  assert.match(await page.textContent("aside .timeline li"), /09:00:00 \+0[12]:00/);
  assert.equal((await page.textContent("main")).includes("s3cr3t"), false);

  // No reload from here on: the page looks again by itself.
  await page.waitForSelector("#live[data-open]");
  await post(site, "/api/schedule/pause", { id: "mornings", reason: "moving house" });
  await page.waitForSelector("#schedule .status:text('paused')");
  assert.match(await page.textContent("#schedule .why"), /by program: moving house/);
  await page.click("button:has-text('Resume')");
  await page.waitForSelector("#schedule .status:text('active')");

  await page.click("summary:has-text('Run now…')");
  await page.click("button:has-text('Run it now')");
  await page.waitForSelector("#job .state.completed");
  await page.goto(`${site.url}/schedule?id=mornings`);
  await page.click("summary:has-text('Pause…')");
  await page.fill("input[name=reason]", "holidays");
  await page.click("button:has-text('Pause this schedule')");
  await page.waitForSelector("#schedule .why:text('by admin: holidays')");
  await page.click("a:has-text('Change…')");
  assert.equal(await page.inputValue("input[name=when]"), "0 9 * * 1-5");
  await page.fill("input[name=when]", "2h");
  await page.fill("input[name=tz]", "");
  await page.click("button:has-text('Change it')");
  await page.waitForSelector("text=Every 2 hours");
  assert.deepEqual((await get(site, "/api/schedule?id=mornings")).args, { to: "ann", token: "[redacted]" });
  await page.click("summary:has-text('Remove…')");
  await page.click("button:has-text('Remove this schedule')");
  await page.waitForSelector(".flash:text('Removed.')");
  assert.deepEqual((await get(site, "/api/schedules")).schedules, []);
  assert.deepEqual(complaints, []);
});

test("a queue is held to a limit, a job says that it waits for it, and the limit is taken back", async () => {
  const { page, complaints } = await visit(site, "operator");
  await page.goto(`${site.url}/queue?name=mail`);
  await page.click("#limits a:has-text('set one…')");
  await page.fill("input[name=concurrency]", "0");
  await page.click("button:has-text('Hold it to this')");
  await page.waitForSelector("#rows tr:has-text('concurrency 0'):has-text('0/0 run'):has-text('ordered')");
  const { id } = await post(site, "/api/jobs", { task: "greet", args: { to: "ann" } });
  await page.goto(`${site.url}/job?id=${id}`);
  assert.match(await page.textContent("#job .why"), /as many jobs of its queue run as may at once \(0\/0\)/);
  assert.match((await get(site, `/api/job?id=${id}`)).waits_for, /as many jobs of its queue/);
  await page.goto(`${site.url}/limits`);
  await page.waitForSelector("#live[data-open]");
  await page.waitForSelector("#rows tr:has-text('mail')");
  await post(site, "/api/queue/limit", { queue: "mail", reset: true });
  await page.waitForSelector("#rows:has-text('Held to no limit.')");
  await until("the job", async () => (await get(site, `/api/job?id=${id}`)).state === "completed");
  assert.deepEqual(complaints, []);
});

test("a viewer is offered no orders, and refused those that are forged", async () => {
  const { id } = await post(site, "/api/jobs", { task: "greet", args: { to: "ann" }, queue: "nobody", delay: 3600 });
  const { page } = await visit(site, "viewer");
  await page.goto(`${site.url}/job?id=${id}`);
  assert.equal(await page.locator("main form, main button:visible").count(), 1, "the copy button alone");
  const refused = await page.evaluate(async (id) => {
    const body = new URLSearchParams({ id });
    return (await fetch("/job/cancel", { method: "POST", body })).status;
  }, id);
  assert.equal(refused, 403);
  await page.goto(`${site.url}/queue/clear?name=mail&what=drain`);
  assert.match(await page.textContent("main"), /this needs the role admin/);
  assert.equal((await get(site, `/api/job?id=${id}`)).state, "delayed");
});

test("a page of another site can order nothing", async () => {
  const { page } = await visit(site, "admin");
  // Another port is another origin, though not another site.
  const { createServer } = await import("node:http");
  const html = `<form method="post" action="${site.url}/queue/pause"><input name="name" value="mail"></form><script>document.forms[0].submit()</script>`;
  const elsewhere = createServer((_, answer) => answer.writeHead(200, { "content-type": "text/html" }).end(html)).listen(0);
  await new Promise((ready) => elsewhere.once("listening", ready));
  await page.goto(`http://localhost:${elsewhere.address().port}/`);
  await page.waitForURL(`${site.url}/queue/pause`);
  assert.match(await page.textContent("body"), /sent by a page of another site|say who you are/);
  assert.equal((await get(site, "/api/queue?name=mail")).paused, false);
  elsewhere.close();
});

test("events come in live, and a switch pauses them", async () => {
  const { page, complaints } = await visit(site, "viewer");
  await page.goto(`${site.url}/events`);
  await page.waitForSelector("#live[data-open]");
  const { id } = await post(site, "/api/jobs", { task: "greet", args: { to: "live" } });
  await page.waitForSelector(`#feed a[href*="${id}"]`);
  await page.keyboard.press("p");
  assert.equal(await page.textContent("#live span"), "Paused");
  const later = await post(site, "/api/jobs", { task: "greet", args: { to: "live" } });
  await until("the end", async () => (await get(site, `/api/job?id=${later.id}`)).state === "completed");
  assert.equal(await page.locator(`#feed a[href*="${later.id}"]`).count(), 0);
  assert.deepEqual(complaints, []);
});

test("every page can be read without scripts, in the dark, and on a telephone", async () => {
  const paths = ["/", "/queues", "/queue?name=mail", "/jobs", "/dead", "/workers", "/tasks", "/stats", "/events", "/audit", "/doctor", "/keys"];
  const { id } = await post(site, "/api/jobs", { task: "app.fetch", args: { path: "/nowhere/at/all" } });
  await until("the failure", async () => (await get(site, `/api/job?id=${id}`)).state === "failed");
  const job = { task: "app.fetch", args: { path: "/nowhere/at/all" } };
  await post(site, "/api/schedules", { id: "nightly", when: "0 3 * * *", tz: "Australia/Lord_Howe", limit: 30, jitter: "5m", job });
  await post(site, "/api/queue/limit", { queue: "mail", task: "greet", rate: "window(100/1s)", concurrency: 30 });
  paths.push(`/job?id=${id}`, "/schedules", "/schedule?id=nightly", "/schedule/edit", "/schedule/edit?id=nightly");
  paths.push("/limits", "/limits?queue=mail&task=greet&key=k", "/limits/edit?queue=mail", "/limits/edit?queue=mail&task=greet");
  await post(site, "/api/jobs", { task: "order", args: { id: "order 8", path: "/nowhere/at/all" } });
  await until("the failed flow", async () => (await get(site, "/api/flows?state=failed")).flows.some((flow) => flow.id === "order 8"));
  paths.push("/flows", "/flow?id=order%208", "/job?id=order%208.3");
  const phone = { viewport: { width: 390, height: 844 }, javaScriptEnabled: false, colorScheme: "dark" };
  for (const options of [phone, { viewport: { width: 1280, height: 800 } }]) {
    const { page, complaints } = await visit(site, "admin", options);
    for (const path of paths) {
      await page.goto(site.url + path);
      assert.notEqual((await page.textContent("main h1")).trim(), "", path);
      if (options.javaScriptEnabled !== false) {
        const nameless = await page.evaluate(() => [...document.querySelectorAll("a, button")].filter((one) => !(one.ariaLabel || one.textContent.trim())).map((one) => one.outerHTML));
        assert.deepEqual(nameless, [], path);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, `${path} is too wide`);
        assert.equal(await page.evaluate(() => [...document.querySelectorAll("input:not([type=hidden]), select")].every((field) => field.labels?.length || field.ariaLabel)), true, `${path}: a field without a name`);
      }
    }
    assert.deepEqual(complaints, []);
  }
  const { page } = await visit(site, "admin", { viewport: { width: 390, height: 844 } });
  for (const path of paths) {
    await page.goto(site.url + path);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, `${path} is too wide for a telephone`);
  }
});
