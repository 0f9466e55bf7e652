"""The composition root of the Azure Functions app: its blueprints, and nothing else."""

import azure.functions as func

from blueprints import averaging, ingest, learning, operations, remote_write
from blueprints.features import FEATURES

app = func.FunctionApp()
for family in (ingest, averaging, learning, remote_write, operations, *FEATURES):
    app.register_functions(family.blueprint)
