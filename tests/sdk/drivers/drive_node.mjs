// @amplitude/analytics-node: sends what one scenario asks and prints {"code", "insert_id"} for each event the SDK reports.
import { readFileSync } from "node:fs";
import { createInstance, Identify, Revenue } from "@amplitude/analytics-node";
import { BULK, PLAIN, SESSION_ID, trackAsOneFlush, wishes } from "./cases.mjs";

const ask = JSON.parse(readFileSync(0, "utf8"));
const ids = { user_id: ask.user, device_id: ask.user + "-device" };
const client = createInstance();
await client.init(ask.key, {
  serverUrl: ask.url, flushIntervalMillis: ask.interval_ms ?? 300, flushQueueSize: ask.queue_size ?? 200, minIdLength: 1, logLevel: 0,
}).promise;

const reports = [];
function report({ promise }) {
  reports.push(promise.then(({ code, event }) => tell({ code, insert_id: event.insert_id })));
}
function tell(message, written) {
  process.stdout.write(JSON.stringify(message) + "\n", written); // exit before it is written would cut it off
}
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

if (ask.scenario === "cases") {
  for (const [type, properties, more] of PLAIN) report(client.track(type, properties, { ...ids, ...more }));
  report(client.track("no device", {}, { user_id: ids.user_id }));
  report(client.track("no user", {}, { device_id: ids.device_id }));
  const options = { ...ids, session_id: SESSION_ID };
  report(client.identify(wishes(new Identify()), options));
  report(client.groupIdentify("org", "acme", new Identify().set("size", 10), options));
  report(client.setGroup("org", ["acme", "b"], options));
  const revenue = new Revenue().setPrice(3.99).setQuantity(3).setProductId("sku1").setRevenueType("sale");
  report(client.revenue(revenue.setEventProperties({ coupon: "none" }), options));
} else if (ask.scenario === "stream") {
  for (const until = Date.now() + ask.seconds * 1000; Date.now() < until; await pause(10))
    report(client.track("stream", { n: reports.length }, ids));
} else {
  const track = ([type, properties]) => report(client.track(type, properties, ids));
  await trackAsOneFlush(client, BULK[ask.scenario](400, 6000), track);
}
await Promise.race([Promise.allSettled(reports), pause((ask.patience ?? 20) * 1000)]);
await pause((ask.linger ?? 0) * 1000);
tell({ sent: reports.length }, () => process.exit(0));
