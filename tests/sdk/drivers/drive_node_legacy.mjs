// @amplitude/node, superseded but still in use: prints {"code"} for each event the SDK reports.
import { readFileSync } from "node:fs";
import { Identify } from "@amplitude/identify";
import amplitude from "@amplitude/node";
import { BULK, PLAIN, SESSION_ID, wishes } from "./cases.mjs";

const ask = JSON.parse(readFileSync(0, "utf8"));
const ids = { user_id: ask.user, device_id: ask.user + "-device" };
const client = amplitude.init(ask.key, { serverUrl: ask.url, minIdLength: 1 });

const reports = [];
function report(promise) {
  reports.push(promise.then(({ statusCode }) => tell({ code: statusCode })));
}
function tell(message, written) {
  process.stdout.write(JSON.stringify(message) + "\n", written); // exit before it is written would cut it off
}
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

if (ask.scenario === "cases") {
  for (const [type, properties, more] of PLAIN) report(client.logEvent({ event_type: type, event_properties: properties, ...ids, ...more }));
  report(client.logEvent({ event_type: "no device", user_id: ids.user_id }));
  report(client.logEvent({ event_type: "no user", device_id: ids.device_id }));
  // this SDK sends no time and no insert_id of its own accord; an app may give a time
  report(client.logEvent({ event_type: "own time", time: SESSION_ID, event_properties: { n: 1 }, ...ids }));
  report(client.identify(ids.user_id, ids.device_id, wishes(new Identify())));
  report(client.logEvent({ ...new Identify().set("size", 10).identifyGroup("org", "acme"), ...ids }));
  report(client.logEvent({ event_type: "revenue_amount", event_properties: { $price: 3.99, $quantity: 3, $productId: "sku1" }, ...ids }));
} else {
  // after a 413 the SDK sends one request per pair of user and device: the second device makes two of them
  const devices = [ids.device_id, ids.user_id];
  for (const [n, [type, properties]] of BULK[ask.scenario](400, 6000).entries())
    report(client.logEvent({ event_type: type, event_properties: properties, user_id: ids.user_id, device_id: devices[n % 2] }));
}
await Promise.race([Promise.allSettled(reports), pause((ask.patience ?? 20) * 1000)]);
await pause((ask.linger ?? 0) * 1000);
tell({ sent: reports.length }, () => process.exit(0));
