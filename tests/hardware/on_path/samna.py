"""The double under the name of samna, for commands run in a process of their own.

``DOUBLE_BOARDS`` and ``DOUBLE_FAULTS`` (JSON) say what is attached and what goes wrong.
"""

import json
import os
import sys

from samna_double import Double, Faults

double = Double(
    json.loads(os.environ.get("DOUBLE_BOARDS", '["Speck2fDevKit"]')),
    [Faults(**each) for each in json.loads(os.environ.get("DOUBLE_FAULTS", "[]"))],
)
sys.modules.update(double.modules)
