"""The composition root of the Azure Functions app: its blueprints, and nothing else."""

import azure.functions as func

from blueprints import averaging, ingest, operations
from blueprints.features import FEATURES

app = func.FunctionApp()
for family in (ingest, averaging, operations, *FEATURES):
    app.register_functions(family.blueprint)
