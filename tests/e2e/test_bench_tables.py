"""The tables of the benchmark suites: ratios, what is required, documents that are brought up to date, the page."""
import argparse
import json
import math
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
import pages  # noqa: E402
import tables  # noqa: E402

FIGURES = [("speed", "samples/s", "{:.0f}", None, {"prometheus": (">=", 6)}),
           ("size", "bytes", "{:.2f}", ("<=", 0.3), {}),
           ("start", "seconds", "{:.1f}", None, {})]
ROWS = {"lapwing": {"speed": 100.0, "size": 0.2, "start": 1.0},
        "prometheus": {"speed": 20.0, "size": 0.8, "start": math.inf}}


class TablesTest(unittest.TestCase):
    def publish(self, folder, failures=()):
        options = argparse.Namespace(update=folder / "doc.md", json=folder / "out.json", short=False)
        options.update.write_text("before\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nafter\n")
        return tables.publish("x", "a title", FIGURES, ROWS, ["1.0"], options, failures=failures)

    def test_what_is_required(self):
        lines, missed = tables.build(FIGURES, ROWS)
        self.assertEqual(missed, ["samples/s"])
        self.assertEqual(lines[2], "| samples/s | 100 | 20 | 5.00 | >= 6x prometheus | **missed** |")
        self.assertEqual(lines[3], "| bytes | 0.20 | 0.80 | 0.25 | <= 0.3 | met |")
        self.assertEqual(lines[4], "| seconds | 1.0 | lost data | 0.00 |  |  |")
        self.assertEqual(tables.build(FIGURES, {"prometheus": ROWS["prometheus"]})[1], [])

    def test_documents(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            self.assertEqual(self.publish(folder), 1)
            text = (folder / "doc.md").read_text()
            self.assertTrue(text.startswith("before\n<!-- bench:x -->\n`./dev bench x`, 20"))
            self.assertTrue(text.endswith("|  |  |\n<!-- /bench:x -->\nafter\n"))
            self.assertNotIn("old", text)
            # A run that broke off changes no document.
            self.assertEqual(self.publish(folder, ["it went away"]), 1)
            self.assertIn("old", (folder / "doc.md").read_text())
            document = json.loads((folder / "out.json").read_text())
            self.assertEqual(document["failures"], ["it went away"])
            page = pages.add_sections(None, [document])
            for part in ("it went away", "samples/s <span class=\"bad\">missed", "lost data", "</body>\n</html>"):
                self.assertIn(part, page)


if __name__ == "__main__":
    unittest.main()
