"""Sends what one scenario asks through the installed amplitude-analytics and prints what the SDK reported.

Reads {"url", "key", "scenario", "user", …} from standard input. Prints one JSON line per reported event,
{"code", "insert_id"}, and at the end {"sent", "version"}.
"""

import importlib.metadata
import json
import logging
import sys
import time
from typing import Any

from amplitude import Amplitude, BaseEvent, Config, EventOptions, Identify, Revenue

SESSION_ID = 1_750_000_000_123


class Driver:
    def __init__(self, ask: dict[str, Any]) -> None:
        self.ask = ask
        self.user, self.device = ask["user"], ask["user"] + "-device"
        self.reported = self.sent = 0
        self.client = Amplitude(ask["key"], Config(
            server_url=ask["url"], callback=self.report, min_id_length=1,
            flush_interval_millis=ask.get("interval_ms", 300), flush_queue_size=ask.get("queue_size", 200),
        ))

    def report(self, event: BaseEvent, code: int, message: str | None = None) -> None:
        self.reported += 1
        tell({"code": code, "insert_id": event.insert_id})

    def run(self) -> None:
        getattr(self, self.ask["scenario"])()
        deadline = time.monotonic() + self.ask.get("patience", 20)
        while self.reported < self.sent and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(self.ask.get("linger", 0))  # long enough for a second try to show, where there must be none
        self.client.shutdown()
        tell({"sent": self.sent, "version": importlib.metadata.version("amplitude-analytics")})

    def track(self, event_type: str, properties: dict[str, Any] | None = None, **more: Any) -> None:
        fields = {"user_id": self.user, "device_id": self.device, "event_properties": properties} | more
        self.client.track(BaseEvent(event_type, **fields))
        self.sent += 1

    def cases(self) -> None:
        self.track(
            "Order Completed",
            {"zeta": 1, "revenue": 42.5, "ok": True, "list": [1, "a"], "email": "a@b.example",
             "nested": {"a": {"b": 1, "token": "t"}, "card_no": "4111", "n": 7}},
            session_id=SESSION_ID, app_version="1.2.3", os_name="iOS", os_version="17.4", device_model="iPhone15",
            price=9.99, quantity=2, groups={"org": "acme"}, user_properties={"plan": "pro"},
        )
        self.track("ünïcode 日本 🎉", {"ключ": "значение 🎉 & = + %", "family": "👩‍👩‍👧", "rtl": "\u202eabc"})
        self.track("日本語イベント", session_id=-1)
        self.track("hostile values", {"nul": "a\x00b", "lone": "x\ud800y", "ctl": "a\nb"})
        self.track("not finite", {"nan": float("nan"), "inf": float("inf"), "minus": float("-inf"),
                                  "big": 2**63 - 1, "bigger": 2**70, "good": 1.5})
        self.track("big bag", {f"k{n:04}": n if n % 2 else f"v{n}" for n in range(300)})
        self.track("no device", device_id=None)
        self.track("no user", user_id=None)
        for n in range(5):
            self.track("tick", {"n": n})
        self.wishes()

    def wishes(self) -> None:
        who = EventOptions(user_id=self.user, device_id=self.device, session_id=SESSION_ID)
        wish = Identify().set("plan", "pro").set_once("first", 1).add("visits", 2).append("tags", "x")
        wish.prepend("labels", "y").unset("gone").pre_insert("l", "a").post_insert("m", "b").remove("r", "c")
        self.client.identify(wish, who)
        self.client.group_identify("org", "acme", Identify().set("size", 10), who)
        self.client.set_group("org", ["acme", "b"], who)
        sale = Revenue(price=3.99, quantity=3, product_id="sku1", revenue_type="sale", properties={"coupon": "none"})
        self.client.revenue(sale, who)
        self.sent += 4

    def few(self) -> None:
        for n in range(3):
            self.track("few", {"n": n})

    def many(self) -> None:
        for n in range(3000):
            self.track("many", {"n": n})

    def huge(self) -> None:
        for n in range(200):  # 6 kB each; this SDK cuts every text at 1,024
            self.track("huge", {"n": n} | {f"filler{i}": "x" * 1000 for i in range(6)})

    def stream(self) -> None:
        until = time.monotonic() + self.ask["seconds"]
        while time.monotonic() < until:
            self.track("stream", {"n": self.sent})
            time.sleep(0.01)


def tell(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")  # one write: the SDK's threads all report here
    sys.stdout.flush()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # the SDK logs every event
    Driver(json.load(sys.stdin)).run()
