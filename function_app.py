"""The composition root of the Azure Functions app: its blueprints, and nothing else."""

import azure.functions as func

from blueprints import api, averaging, ingest, page

app = func.FunctionApp()
for family in (ingest, averaging, api, page):
    app.register_functions(family.blueprint)
