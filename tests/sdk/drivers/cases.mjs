// What every JavaScript driver sends: [event_type, event_properties, event fields (where the SDK takes any)].

const bag = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`k${String(n).padStart(4, "0")}`, n % 2 ? n : `v${n}`]));

export const SESSION_ID = 1750000000123;

export const PLAIN = [
  ["Order Completed",
    { zeta: 1, revenue: 42.5, ok: true, none: null, list: [1, "a"], email: "a@b.example",
      nested: { a: { b: 1, token: "t" }, card_no: "4111", n: 7 } },
    { session_id: SESSION_ID, app_version: "1.2.3", os_name: "iOS", os_version: "17.4", device_model: "iPhone15",
      price: 9.99, quantity: 2, groups: { org: "acme" }, user_properties: { plan: "pro" } }],
  ["ünïcode 日本 🎉", { "ключ": "значение 🎉 & = + %", family: "👩‍👩‍👧", rtl: "\u202eabc" }, {}],
  ["日本語イベント", {}, { session_id: -1 }],
  ["hostile values", { nul: "a\0b", lone: "x\ud800y", ctl: "a\nb", nan: NaN, big: 2 ** 60 }, {}],
  ["big bag", bag, {}],
  ...Array.from({ length: 5 }, (_, n) => ["tick", { n }, {}]),
];

export function wishes(identify) {
  return identify.set("plan", "pro").setOnce("first", 1).add("visits", 2).append("tags", "x").prepend("labels", "y")
    .unset("gone").preInsert("l", "a").postInsert("m", "b").remove("r", "c");
}

// [event_type, event_properties] of the scenarios that are about numbers and sizes
export const BULK = {
  few: () => Array.from({ length: 3 }, (_, n) => ["few", { n }]),
  many: () => Array.from({ length: 3000 }, (_, n) => ["many", { n }]),
  huge: (count, bytes) => Array.from({ length: count }, (_, n) => ["huge", { n, filler: "x".repeat(bytes) }]),
};

// The TypeScript SDKs flush by a timer alone, and take about a millisecond for each event, longer on a busy machine.
// Offline until they hold all events but the last, they send all in the flush that the last one starts.
export async function trackAsOneFlush(client, bulk, track) {
  let config, held = 0;
  const setup = async (itsConfig) => { config = itsConfig; };
  await client.add({ name: "count", type: "enrichment", setup, execute: async (event) => (held++, event) }).promise;
  config.offline = true;
  const last = bulk.pop();
  bulk.forEach(track);
  while (held < bulk.length) await new Promise((resolve) => setTimeout(resolve, 10));
  await new Promise((resolve) => setTimeout(resolve, 100)); // from the count to the queue
  config.offline = false;
  track(last);
}
