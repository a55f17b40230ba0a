// A store on SQLite with a worker and a dashboard, each a process of its own, and a browser before them.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

export const PASSWORD = "correct horse";
// Of that password, at a cost that a test can bear.
const HASH = "$argon2id$v=19$m=8,t=1,p=1$YXN5bmNtcXRlc3Rz$IlawDze1ok3uFoHe+pbwtX7BGvqx7KuVoFPGwrv2shk";
export const TOKEN = "0123456789abcdef-of-the-tests";
const OPERATOR = process.env.OPERATOR ?? "target/debug/operator";

/** Starts all of it; `stop` ends it again. */
export async function start({ host = "desk", title = "tests" } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "asyncmq-browser-"));
  const env = { ASYNCMQ_URL: `sqlite:${join(folder, "jobs.db")}`, HOSTNAME: host, USER: "ann", PATH: process.env.PATH };
  const users = ["viewer", "operator", "admin"].map((role) => `[[user]]\nname = "${role}"\nrole = "${role}"\npassword_hash = "${HASH}"\n`);
  const file = join(folder, "users.toml");
  writeFileSync(file, `${users.join("\n")}\n[[token]]\nname = "program"\nrole = "admin"\ntoken = "${TOKEN}"\n`, { mode: 0o600 });
  const children = [];
  const run = (words) => {
    const child = spawn(OPERATOR, words, { env, cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    children.push(child);
    return child;
  };
  run(["worker", "start", "--log-level", "error"]);
  // The store is made by the worker; commands find it once it is there.
  await until("the store", () => spawnSync(OPERATOR, ["worker", "list", "--json"], { env, cwd: folder }).stdout.toString().includes('"live"'));
  const dashboard = run(["dashboard", "--listen", "127.0.0.1:0", "--users", file, "--title", title]);
  const url = await new Promise((found, failed) => {
    let said = "";
    dashboard.stderr.on("data", (data) => {
      said += data;
      // Whole lines only: the address comes in several parts.
      const address = said.match(/(http:\/\/[0-9.:]+).*\n/);
      if (address) found(address[1]);
    });
    dashboard.on("exit", () => failed(new Error(said)));
  });
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  const stop = async () => {
    await browser.close();
    await Promise.all(children.map((child) => new Promise((ended) => { child.on("exit", ended); child.kill("SIGKILL"); })));
    rmSync(folder, { recursive: true });
  };
  return { url, folder, browser, stop };
}

/** Sends an order as a program. */
export async function post(site, path, body) {
  const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
  const answer = await fetch(site.url + path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** Reads as a program. */
export async function get(site, path) {
  const answer = await fetch(site.url + path, { headers: { authorization: `Bearer ${TOKEN}` } });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** Logs in, and notes whatever a page complains of. */
export async function visit(site, role, options = {}) {
  const context = await site.browser.newContext(options);
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => { if (message.type() === "error") complaints.push(`${page.url()}: ${message.text()}`); });
  page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error}`));
  page.on("dialog", (dialog) => { complaints.push(`${page.url()}: ${dialog.message()}`); dialog.dismiss(); });
  await page.goto(`${site.url}/login`);
  await page.fill("input[name=name]", role);
  await page.fill("input[name=password]", PASSWORD);
  await page.click("text=Log in");
  await page.waitForSelector("nav.side");
  return { page, context, complaints };
}

/** Waits until something is so. */
export async function until(what, isSo) {
  const end = Date.now() + 20_000;
  while (Date.now() < end) {
    if (await isSo()) return;
    await new Promise((later) => setTimeout(later, 20));
  }
  throw new Error(`waited in vain for ${what}`);
}
