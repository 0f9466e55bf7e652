"""The composition root of the Azure Functions app: its blueprints, and nothing else."""

import azure.functions as func

from blueprints import admin, api, averaging, ingest, operations, page

app = func.FunctionApp()
for family in (ingest, averaging, operations, api, admin, page):
    app.register_functions(family.blueprint)
