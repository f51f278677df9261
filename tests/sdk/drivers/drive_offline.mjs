// @amplitude/analytics-browser without a network: what it kept is sent by the next visit, after its person was erased.
// Reads {"chromium", "service", "key", "secret", "project", "user"}; prints {"erased": status, "status", "body"} of the
// request that carries what was kept.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const SCRIPT = new URL("../node_modules/@amplitude/analytics-browser/lib/scripts/amplitude-min.umd.js", import.meta.url);
const ask = JSON.parse(readFileSync(0, "utf8"));

const server = createServer((_, response) => response.end("<!doctype html><title>page</title>"));
await new Promise((resolve) => server.listen(0, "localhost", resolve));
const origin = `http://localhost:${server.address().port}/`;

const browser = await chromium.launch({
  executablePath: ask.chromium,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
const context = await browser.newContext();
context.setDefaultTimeout(90_000);

const before = await visit();
await context.setOffline(true);
await before.evaluate(() => { window.amplitude.track("kept offline"); });
await before.waitForFunction(() => Object.values(localStorage).some((text) => text.includes("kept offline")));
await before.close();

const erased = await fetch(`${ask.service}/admin/projects/${ask.project}/erasures`, {
  method: "POST", headers: { authorization: `Bearer ${ask.secret}` }, body: JSON.stringify({ external_id: ask.user }),
});

await context.setOffline(false);
const sent = context.waitForEvent("response", (it) => it.request().postData()?.includes("kept offline"));
const after = await visit();
const answer = await sent;
const told = { erased: erased.status, status: answer.status(), body: await answer.json() };
await after.evaluate(() => window.amplitude.track("came back").promise);
await browser.close();
server.close();
console.log(JSON.stringify(told));

async function visit() {
  const page = await context.newPage();
  await page.goto(origin);
  await page.addScriptTag({ path: SCRIPT.pathname });
  await page.evaluate((it) => window.amplitude.init(it.key, it.user, {
    serverUrl: `${it.service}/amplitude-ingest`, deviceId: `${it.user}-device`, flushIntervalMillis: 100, logLevel: 0,
    autocapture: false, enableDiagnostics: false, remoteConfig: { fetchRemoteConfig: false },
  }).promise, ask);
  return page;
}
