"""Write the schemas into the folder named on the command line."""

import sys

from dynapdeploy.report.schema import write_schemas

write_schemas(sys.argv[1])
