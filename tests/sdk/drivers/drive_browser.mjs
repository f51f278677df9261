// @amplitude/analytics-browser and amplitude-js in one headless Chromium, a page of its own for every scenario.
// Reads {"chromium", "pages": {name: {"sdk", "scenario", "url", "key", "user", …}}}; prints for every page, as it ends,
// {"page", "reports": [{"code", "insert_id"}], "sent", "foreign": [addresses called that are neither page nor service]}.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const SCRIPTS = {
  "analytics-browser": "@amplitude/analytics-browser/lib/scripts/amplitude-min.umd.js",
  "amplitude-js": "amplitude-js/amplitude.umd.min.js",
};
const HERE = new URL("./", import.meta.url);
const ask = JSON.parse(readFileSync(0, "utf8"));

// The pages' own origin, so that everything the SDKs send is cross-origin.
const FILES = { "/": ["page.html", "text/html"], "/cases.mjs": ["cases.mjs", "text/javascript"] };
const server = createServer((request, response) => {
  const [file, type] = FILES[new URL(request.url, "http://page").pathname] ?? [];
  response.writeHead(file ? 200 : 404, { "content-type": `${type ?? "text/plain"}; charset=utf-8` });
  response.end(file ? readFileSync(new URL(file, HERE)) : "");
});
await new Promise((resolve) => server.listen(0, "localhost", resolve));
const origin = `http://localhost:${server.address().port}`;

const browser = await chromium.launch({
  executablePath: ask.chromium,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
await Promise.all(Object.entries(ask.pages).map(([name, it]) => visit(name, it)));
await browser.close();
server.close();

async function visit(name, it) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const foreign = [];
  page.on("request", (request) => {
    if (![origin, it.url].some((known) => request.url().startsWith(known))) foreign.push(request.url());
  });
  let result = { reports: [], sent: 0 };
  try {
    await page.goto(`${origin}/?utm_source=drv&gclid=g1`);
    await page.addScriptTag({ path: new URL(`../node_modules/${SCRIPTS[it.sdk]}`, HERE).pathname });
    await page.evaluate(it.sdk === "amplitude-js" ? startOld : start, it);
    if (it.scenario === "cases" && it.sdk !== "amplitude-js") await behaveLikeAVisitor(page);
    // reports of events that wait for pagehide never come: the beacon leaves as the page does
    if (it.transport === "beacon") result.sent = await page.evaluate(() => window.sent);
    else {
      result = await page.evaluate(() => window.finished);
      // what a visitor does is reported to nobody: it must be sent before the page goes, not while it goes
      if (it.sdk !== "amplitude-js") await page.evaluate(() => window.amplitude.flush().promise);
    }
    await page.goto("about:blank");
    await new Promise((resolve) => setTimeout(resolve, (it.linger ?? 0.5) * 1000));
  } catch (error) {
    result.error = String(error);
  }
  await context.close();
  console.log(JSON.stringify({ page: name, ...result, foreign }));
}

async function behaveLikeAVisitor(page) {
  await page.click("#go");
  await page.fill("#field", "typed");
  await page.evaluate(() => document.querySelector("#form").dispatchEvent(new Event("submit")));
  await page.click("#download");
}

// Runs inside the page: @amplitude/analytics-browser.
async function start(it) {
  const { BULK, PLAIN, trackAsOneFlush, wishes } = await import("/cases.mjs");
  const { amplitude } = window;
  const wait = it.transport === "beacon" ? 60000 : 300;
  if (it.added) { // as the scripts of Sentry and New Relic do to every request of a page
    const bare = window.fetch;
    window.fetch = (url, options) => bare(url, { ...options, headers: { ...options?.headers, ...it.added } });
  }
  addEventListener("pagehide", () => { amplitude.setTransport("beacon"); amplitude.flush(); });
  await amplitude.init(it.key, it.user, {
    serverUrl: it.url, deviceId: it.user + "-device", minIdLength: 1, transport: it.transport ?? "fetch", logLevel: 0,
    flushIntervalMillis: wait, flushQueueSize: 30,
    enableRequestBodyCompression: it.gzip ?? false, enableDiagnostics: false, remoteConfig: { fetchRemoteConfig: false },
    autocapture: it.scenario === "cases" && { elementInteractions: true, fileDownloads: true, formInteractions: true, pageViews: true },
  }).promise;
  const calls = [];
  if (it.scenario === "cases") {
    for (const [type, properties, more] of PLAIN) calls.push(amplitude.track(type, properties, more));
    calls.push(amplitude.identify(wishes(new amplitude.Identify())));
    calls.push(amplitude.groupIdentify("org", "acme", new amplitude.Identify().set("size", 10)));
    calls.push(amplitude.setGroup("org", ["acme", "b"]));
    const revenue = new amplitude.Revenue().setPrice(3.99).setQuantity(3).setProductId("sku1").setRevenueType("sale");
    calls.push(amplitude.revenue(revenue.setEventProperties({ coupon: "none" })));
  } else {
    const track = ([type, properties]) => calls.push(amplitude.track(type, properties));
    await trackAsOneFlush(amplitude, BULK[it.scenario](20, 60000), track);
  }
  window.sent = calls.length;
  const reports = Promise.all(calls.map(({ promise }) => promise.then(({ code, event }) => ({ code, insert_id: event.insert_id }))));
  window.finished = reports.then((all) => ({ reports: all, sent: calls.length }));
}

// Runs inside the page: amplitude-js, which reports by callback and does not hand out the event.
async function startOld(it) {
  const { BULK, PLAIN, wishes } = await import("/cases.mjs");
  const { amplitude } = window;
  const client = amplitude.getInstance();
  const options = {
    apiEndpoint: it.url.replace("http://", ""), forceHttps: false, deviceId: it.user + "-device", logLevel: "DISABLE",
    includeUtm: false, includeReferrer: false, includeGclid: false, uploadBatchSize: 100,
  };
  await new Promise((resolve) => client.init(it.key, it.user, options, resolve));
  const calls = [];
  const report = (send) => calls.push(new Promise((resolve) => send((status, body) => resolve({ code: status, body }))));
  if (it.scenario === "cases") {
    for (const [type, properties] of PLAIN) report((done) => client.logEvent(type, properties, done));
    report((done) => client.identify(wishes(new amplitude.Identify()), done));
    report((done) => client.groupIdentify("org", "acme", new amplitude.Identify().set("size", 10), done));
    client.setGroup("org", "acme");
    client.logRevenueV2(new amplitude.Revenue().setPrice(3.99).setQuantity(3).setProductId("sku1"));
  } else {
    for (const [type, properties] of BULK[it.scenario]()) report((done) => client.logEvent(type, properties, done));
  }
  const patience = new Promise((resolve) => setTimeout(resolve, (it.patience ?? 15) * 1000, []));
  window.finished = Promise.race([Promise.all(calls), patience]).then((reports) => ({ reports, sent: calls.length }));
}
