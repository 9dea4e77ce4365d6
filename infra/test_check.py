"""What `check.py` has to report, each in a file that is wrong in this one way."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CHECK = Path(__file__).with_name("check.py")
SITE = """resource app 'Microsoft.Web/sites@2024-04-01' = {{
  name: 'demo'
  resource settings 'config' = {{
    name: 'appsettings'
    properties: {{ Setting: {value} }}
  }}
}}
"""


class Check(unittest.TestCase):
    def check(self, source: str, expected: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "main.bicep"
            file.write_text(source)
            result = subprocess.run([sys.executable, CHECK, file], capture_output=True, text=True, check=False)
        self.assertIn(expected, result.stdout + result.stderr)
        self.assertEqual(result.returncode, 0 if expected.startswith("1 files, nothing wrong") else 1)

    def test_a_file_that_is_right_passes(self) -> None:
        self.check(SITE.format(value="'plain'"), "1 files, nothing wrong")

    def test_a_setting_with_a_key_is_reported(self) -> None:
        for value in ("storage.listKeys().keys[0].value", "'AccountKey=${primaryKey}'"):
            self.check(SITE.format(value=value), "the settings of `app` hold a key")

    def test_settings_beside_their_app_are_looked_at_too(self) -> None:
        source = "resource more 'Microsoft.Web/sites/config@2024-04-01' = {\n  name: 'demo/appsettings'\n  properties: { A: b.listKeys().c }\n}\n"
        self.check(source, "the settings of `more` hold a key")

    def test_an_output_with_a_key_is_reported(self) -> None:
        self.check("output key string = signalR.listKeys().primaryKey\n", "the output `key` gives away a key")

    def test_what_is_not_used_is_reported(self) -> None:
        self.check("param unused string\n", "`unused` is declared and not used")

    def test_what_does_not_parse_is_reported(self) -> None:
        self.check("resource = {\n", "does not parse")


if __name__ == "__main__":
    unittest.main()
