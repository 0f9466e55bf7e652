"""The tables: they convert the domain's values to documents and back. Each file has one table's ids and bodies.

Tables make no decisions. A new table needs a file here and a line below.
"""

from storage.documents import Documents
from storage.tables.baselines import Baselines
from storage.tables.capacity import Capacity
from storage.tables.catalogue import Catalogue
from storage.tables.cursors import Cursors
from storage.tables.digests import Digests
from storage.tables.disclosed import Disclosed
from storage.tables.enrolment import Enrolments
from storage.tables.fleet_averages import FleetAverages
from storage.tables.forecasts import ForecastsTable
from storage.tables.habits import HabitsTable
from storage.tables.heartbeats import Heartbeats
from storage.tables.histograms import HistogramsTable
from storage.tables.judged import JudgedTable
from storage.tables.learned import Learned
from storage.tables.marks import Marks
from storage.tables.omissions import Omissions
from storage.tables.operations import Operations
from storage.tables.progress import ProgressTable
from storage.tables.quarantine import Quarantine
from storage.tables.report import Report
from storage.tables.rollups import Rollups
from storage.tables.samples import Samples
from storage.tables.scores import ScoresTable
from storage.tables.senders import Senders
from storage.tables.standings import StandingsTable
from storage.tables.summaries import Summaries
from storage.tables.use_days import UseDays


class Tables:
    """All tables of one document store."""

    def __init__(self, documents: Documents) -> None:
        self.documents = documents
        self.samples = Samples(documents)
        self.rollups = Rollups(documents)
        self.report = Report(documents)
        self.disclosed = Disclosed(documents)
        self.histograms = HistogramsTable(documents)
        self.standings = StandingsTable(documents)
        self.summaries = Summaries(documents)
        self.fleet_averages = FleetAverages(documents)
        self.digests = Digests(documents)
        self.baselines = Baselines(documents)
        self.forecasts = ForecastsTable(documents)
        self.capacity = Capacity(documents)
        self.use_days = UseDays(documents)
        self.habits = HabitsTable(documents)
        self.scores = ScoresTable(documents)
        self.learned = Learned(documents)
        self.judged = JudgedTable(documents)
        self.marks = Marks(documents)
        self.due = Marks(documents, "due")
        self.days = Marks(documents, "days")
        self.fleet_days = Marks(documents, "fleet's days")
        self.to_judge = Marks(documents, "to judge")
        self.cursors = Cursors(documents)
        self.progress = ProgressTable(documents)
        self.catalogue = Catalogue(documents)
        self.quarantine = Quarantine(documents)
        self.omissions = Omissions(documents)
        self.operations = Operations(documents)
        self.enrolments = Enrolments(documents)
        self.senders = Senders(documents)
        self.heartbeats = Heartbeats(documents)
