"""The parts of the skill's script that decide without a network: keys of calls, money of a session, what a refusal means."""

import importlib.util
import sys
import unittest
from decimal import Decimal
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "skills/sluice/scripts/sluice.py"
spec = importlib.util.spec_from_file_location("sluice", SCRIPT)
sluice = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sluice)

NOW = 1_800_000_000


def key(model="fal-ai/flux/schnell", given=None, user=None, take=1, secret="sl_sk_a"):
    return sluice.request_key(secret, "https://s.example", model, given or {"prompt": "a cat", "seed": 2**63}, user, take)


class KeysOfCalls(unittest.TestCase):
    def test_equal_arguments_are_one_call_in_any_order(self):
        self.assertEqual(key(), key(given={"seed": 2**63, "prompt": "a cat"}))
        self.assertRegex(key(), r"^skill-[0-9a-f]{48}$")

    def test_whatever_differs_is_another_call(self):
        others = [key(take=2), key(user="ada"), key(model="fal-ai/fast-sdxl"), key(secret="sl_sk_b"), key(given={"prompt": "a cat", "seed": 2**63 + 1})]
        self.assertEqual(len({key(), *others}), 6)

    def test_a_key_does_not_show_the_secret(self):
        self.assertNotIn("sl_sk_a", key())


class MoneyOfASession(unittest.TestCase):
    def test_estimates_are_booked_until_the_limit(self):
        calls = {}
        self.assertIsNone(sluice.reserve(calls, "a", Decimal("0.6"), Decimal(1), NOW))
        self.assertIn("0.6 are used", sluice.reserve(calls, "b", Decimal("0.5"), Decimal(1), NOW))
        self.assertIsNone(sluice.reserve(calls, "b", Decimal("0.4"), Decimal(1), NOW))
        self.assertEqual(sluice.spent(calls, NOW), Decimal(1))

    def test_a_call_that_is_issued_again_is_booked_once(self):
        calls = {}
        for _ in range(3):
            self.assertIsNone(sluice.reserve(calls, "a", Decimal("0.6"), Decimal(1), NOW))
        self.assertEqual(sluice.spent(calls, NOW), Decimal("0.6"))

    def test_what_is_older_than_a_day_counts_no_more(self):
        calls = {"a": {"usd": "1", "at": NOW - sluice.DAY_S}}
        self.assertEqual(sluice.spent(calls, NOW), 0)
        self.assertIsNone(sluice.reserve(calls, "a", Decimal("0.2"), Decimal(1), NOW))
        self.assertEqual(sluice.spent(calls, NOW), Decimal("0.2"))

    def test_an_amount_that_is_none_is_told_as_wrong_use(self):
        with self.assertRaises(sluice.Stop) as told:
            sluice.usd("one dollar")
        self.assertEqual(told.exception.code, sluice.USAGE)


class Refusals(unittest.TestCase):
    CASES = [
        (402, "quota_exceeded", False, sluice.MONEY),
        (403, "key_frozen", False, sluice.MONEY),
        (403, "price_unknown", False, sluice.MONEY),
        (403, "forbidden", False, sluice.REFUSED),
        (422, "content_refused", False, sluice.REFUSED),
        (429, "rate_limited", True, sluice.NETWORK),
        (503, "overloaded", True, sluice.NETWORK),
        (503, "team_full", False, sluice.REFUSED),
    ]

    def test_each_has_its_exit_code_and_says_what_to_do(self):
        for status, code, retryable, exit_code in self.CASES:
            with self.subTest(code):
                stop = sluice.refused_by(status, {"code": code, "detail": "No.", "hint": "Do.", "retryable": retryable}, "7")
                self.assertEqual(stop.code, exit_code)
                self.assertEqual(stop.body["error"]["message"], "No. Do.")
                self.assertTrue(stop.body["next"])

    def test_the_time_to_wait_is_told(self):
        self.assertEqual(sluice.refused_by(429, {}, "7").body["error"]["retry_after_s"], 7)


class Arguments(unittest.TestCase):
    def refused(self, *argv):
        with self.assertRaises(sluice.Stop) as told:
            sluice.arguments(argv)
        self.assertEqual(told.exception.code, sluice.USAGE)
        return told.exception.body["error"]["message"]

    def test_a_file_may_go_into_another_field(self):
        self.assertEqual(sluice.file_field(__file__)[0], "image_url")
        self.assertEqual(sluice.file_field(f"audio_url={__file__}"), ("audio_url", Path(__file__)))

    def test_wrong_use_names_what_is_wrong(self):
        self.assertIn("no JSON object", self.refused("make", "a/b", "--input", "[1]"))
        self.assertIn("no file none.png", self.refused("make", "a/b", "--image", "none.png"))
        self.assertIn("required", self.refused("make"))


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
